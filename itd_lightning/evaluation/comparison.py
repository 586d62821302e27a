"""Comparison of all methods on the same user-days, with intervals of their differences.

Axes: N user-days, R draws of users.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.parts import TEST
from itd_lightning.contracts.results import Span
from itd_lightning.evaluation.comparison_days import common_days, fill_missing
from itd_lightning.evaluation.measures import rank_rows
from itd_lightning.metrics.bootstrap import interval
from itd_lightning.metrics.operating import BUDGETS, daily_list
from itd_lightning.scores.fuse import fusion

HEADLINE_BUDGET = 10  # alerts a day at which found insiders are reported
_SEED = 0  # of the draws
FUSION = "all of them, fused"
RANDOM, VOLUME, LEAVER = "random", "number of events", "days before the last"


class MethodRow(NamedTuple):
    """Measures of a method on the common user-days.

    Attributes:
        name: The method.
        seeds: Number of runs; PR-AUC is their mean, all else the first one's.
        pr_auc: Average precision.
        spread: Least and greatest of it over seeds.
        interval: 95 % of it, over users.
        behind: 95 % interval of how much more the best method has, paired over users; None for the best.
        roc_auc: Area under the ROC curve.
        recall: Share of malicious user-days in daily lists, by budget.
        insiders_found: Insiders found in daily lists of ``HEADLINE_BUDGET``.
        days_until_found: Median over them, from the first malicious day; None if nobody is found.
        scenarios: PR-AUC of each scenario.
        missing: Share of the test user-days that the method has no score for.
    """

    name: str
    seeds: int
    pr_auc: float
    spread: tuple[float, float]
    interval: Span
    behind: Span
    roc_auc: float
    recall: dict[int, float]
    insiders_found: int
    days_until_found: float | None
    scenarios: dict[str, float]
    missing: float


class CommonTable(NamedTuple):
    """All methods beside each other.

    Attributes:
        rows: Methods, best first, and all of them fused.
        references: Scores that need no method: chance, how much happened, and how soon the user's log ends.
        user_days: Number of test user-days.
        per_day: Median of them on a day; a budget above it lists everybody.
        malicious: How many of them are malicious.
        users: Their users.
        insiders: Those with a malicious one.
        scenarios: Malicious user-days of each scenario.
        weights: Weight of each method in the fused row.
    """

    rows: list[MethodRow]
    references: list[MethodRow]
    user_days: int
    per_day: float
    malicious: int
    users: int
    insiders: int
    scenarios: dict[str, int]
    weights: dict[str, float]


def common_table(runs: Mapping[str, list[Path]]) -> CommonTable:
    """Measure methods on the user-days that they share.

    Args:
        runs: By name of the method, the score tables of its seeds.

    Raises:
        InputError: If there is no run, runs stand on different stores or splits, or nothing is malicious.
    """
    days, scores = common_days(runs)
    is_test = (days["part"] == TEST).to_numpy()
    malicious = days["malicious"].to_numpy()
    columns = {name: [fill_missing(run) for run in seeds] for name, seeds in scores.items()}
    missing = {name: float(seeds[0].is_null().to_numpy()[is_test].mean()) for name, seeds in scores.items()}
    fusion_scores, weights = fusion([seeds[0] for seeds in columns.values()], ~is_test, malicious)
    if len(columns) > 1:
        columns[FUSION] = [fusion_scores]
    unit = days.filter(is_test)
    if not unit["malicious"].any() or unit["malicious"].all():
        raise InputError("the common test user-days are all malicious, or none of them is")
    by_method = {name: [run[is_test] for run in seeds] for name, seeds in columns.items()}
    rows = [_measure_method(unit, name, seeds, missing.get(name, 0.0)) for name, seeds in by_method.items()]
    rows.sort(key=lambda row: -row.pr_auc)
    best = by_method[rows[0].name][0]
    plain_scores = {
        RANDOM: np.random.default_rng(_SEED).random(len(unit)),
        VOLUME: unit["events"].to_numpy(),
        LEAVER: -unit["left"].to_numpy(),
    }
    references = [_measure_method(unit, name, [one], 0.0) for name, one in plain_scores.items()]
    return CommonTable(
        rows=[
            rows[0],
            *(
                row._replace(behind=_interval_behind_best(unit, best, by_method[row.name][0]))
                for row in rows[1:]
            ),
        ],
        references=[
            row._replace(behind=_interval_behind_best(unit, best, one))
            for row, one in zip(references, plain_scores.values(), strict=True)
        ],
        user_days=len(unit),
        per_day=float(unit.group_by("start").len()["len"].median() or 0),  # type: ignore[arg-type]  # a float
        malicious=int(unit["malicious"].sum()),
        users=unit["user"].n_unique(),
        insiders=unit.filter("malicious")["user"].n_unique(),
        scenarios={
            str(name): count
            for name, count in unit.filter("malicious")
            .group_by("scenario")
            .len()
            .sort("scenario")
            .iter_rows()
        },
        weights=dict(zip(scores, weights.tolist(), strict=True)),
    )


def _measure_method(
    unit: pl.DataFrame, name: str, scores: list[Float[np.ndarray, " n"]], missing: float
) -> MethodRow:
    """Measure one method on test user-days."""
    rows = unit.with_columns(score=scores[0])
    ranking = rank_rows(rows, "score")
    pr_aucs = [rank_rows(unit.with_columns(score=one), "score").pr_auc() for one in scores]
    scenario = rows.filter("malicious")["scenario"].to_numpy()
    lists = {budget: daily_list(rows, budget) for budget in BUDGETS}
    return MethodRow(
        name=name,
        seeds=len(scores),
        pr_auc=sum(pr_aucs) / len(pr_aucs),
        spread=(min(pr_aucs), max(pr_aucs)),
        interval=ranking.intervals(_SEED)["pr_auc"],
        behind=None,
        roc_auc=ranking.roc_auc(),
        recall={budget: daily.recall for budget, daily in lists.items()},
        insiders_found=lists[HEADLINE_BUDGET].insiders_found,
        days_until_found=lists[HEADLINE_BUDGET].days_until_found,
        scenarios={str(name): ranking.only(scenario == name).pr_auc() for name in np.unique(scenario)},
        missing=missing,
    )


def _interval_behind_best(
    unit: pl.DataFrame, best: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]
) -> Span:
    """Return the 95 % interval of how much more PR-AUC the best has, draw by draw of users."""
    ours, theirs = (rank_rows(unit.with_columns(score=one), "score") for one in (best, other))
    weights = ours.draws(_SEED)
    if weights is None:
        return None
    return interval(ours.areas(weights).pr_auc - theirs.areas(weights).pr_auc)
