"""All methods on the same user-days: what each finds there, and which differences are real.

Axes: N user-days, R draws of users.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.comparison_days import common_days, filled
from itd_lightning.evaluation.measures import by_scenario, ranked
from itd_lightning.evaluation.pooled import ranking_of
from itd_lightning.metrics.bootstrap import Span, interval
from itd_lightning.metrics.operating import daily_list
from itd_lightning.scores.fuse import fusion

BUDGETS = (1, 5, 10, 50)  # user-days a day
LISTED = 10  # the budget of which it is told who was found, and when
SEED = 0  # of the draws
FUSED = "all of them, fused"
RANDOM, VOLUME, LEAVER = "random", "number of events", "days before the last"


class Measured(NamedTuple):
    """What a method finds on the common user-days.

    Attributes:
        name: The method.
        seeds: Number of runs; PR-AUC is their mean, all else the first one's.
        pr_auc: Average precision.
        spread: Least and greatest of it over seeds.
        interval: 95 % of it, over users.
        behind: 95 % interval of how much more the best method has, paired over users; None for the best.
        roc_auc: Area under the ROC curve.
        recall: Share of malicious user-days in daily lists, by budget.
        found: Insiders found in daily lists of ten.
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
    found: int
    days_until_found: float | None
    scenarios: dict[str, float]
    missing: float


class CommonTable(NamedTuple):
    """All methods beside each other.

    Attributes:
        rows: Methods, best first, and all of them fused.
        references: What needs no method: chance, how much happened, and how soon the user's log ends.
        user_days: Number of test user-days.
        per_day: Median of them on a day; a budget above it lists everybody.
        malicious: How many of them are malicious.
        users: Their users.
        insiders: Those with a malicious one.
        scenarios: Malicious user-days of each scenario.
        weights: What each method weighs in the fused row.
    """

    rows: list[Measured]
    references: list[Measured]
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
    tested = (days["part"] == "test").to_numpy()
    malicious = days["malicious"].to_numpy()
    columns = {name: [filled(one) for one in found] for name, found in scores.items()}
    missing = {name: float(found[0].is_null().to_numpy()[tested].mean()) for name, found in scores.items()}
    fused, weights = fusion([found[0] for found in columns.values()], ~tested, malicious)
    if len(columns) > 1:
        columns[FUSED] = [fused]
    unit = days.filter(tested)
    if not unit["malicious"].any() or unit["malicious"].all():
        raise InputError("the common test user-days are all malicious, or none of them is")
    kept = {name: [one[tested] for one in found] for name, found in columns.items()}
    rows = [measured(unit, name, found, missing.get(name, 0.0)) for name, found in kept.items()]
    rows.sort(key=lambda row: -row.pr_auc)
    best = kept[rows[0].name][0]
    plain = {
        RANDOM: np.random.default_rng(SEED).random(len(unit)),
        VOLUME: unit["events"].to_numpy(),
        LEAVER: -unit["left"].to_numpy(),
    }
    references = [measured(unit, name, [one], 0.0) for name, one in plain.items()]
    return CommonTable(
        rows=[rows[0], *(row._replace(behind=behind(unit, best, kept[row.name][0])) for row in rows[1:])],
        references=[
            row._replace(behind=behind(unit, best, one))
            for row, one in zip(references, plain.values(), strict=True)
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


def measured(
    unit: pl.DataFrame, name: str, scores: list[Float[np.ndarray, " n"]], missing: float
) -> Measured:
    """Measure one method on test user-days."""
    rows = unit.with_columns(score=scores[0])
    ranking = ranking_of(rows, "score")
    areas = ranked(ranking, SEED)
    every = [areas["pr_auc"], *(ranking_of(unit.with_columns(score=s), "score").pr_auc() for s in scores[1:])]
    scenarios = by_scenario(ranking, rows.filter("malicious")["scenario"].to_numpy(), SEED)
    lists = {budget: daily_list(rows, budget) for budget in BUDGETS}
    return Measured(
        name=name,
        seeds=len(scores),
        pr_auc=sum(every) / len(every),
        spread=(min(every), max(every)),
        interval=areas["intervals"]["pr_auc"],
        behind=None,
        roc_auc=areas["roc_auc"],
        recall={budget: listed.recall for budget, listed in lists.items()},
        found=lists[LISTED].insiders_found,
        days_until_found=lists[LISTED].days_until_found,
        scenarios={number: found["pr_auc"] for number, found in scenarios.items()},
        missing=missing,
    )


def behind(unit: pl.DataFrame, best: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> Span:
    """95 % interval of how much more PR-AUC the best has, draw by draw of users."""
    ours, theirs = (ranking_of(unit.with_columns(score=one), "score") for one in (best, other))
    weights = ours.draws(SEED)
    if weights is None:
        return None
    return interval(ours.areas(weights).pr_auc - theirs.areas(weights).pr_auc)
