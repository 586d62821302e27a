"""A score table and the store's key -> ``evaluation.json``."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.history import WARM_UP_DAYS
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.results import (
    SCHEMA,
    AlarmNumbers,
    Campaign,
    Counts,
    Evaluation,
    Headline,
    ListNumbers,
    PooledNumbers,
    PoolNumbers,
    Protocol,
    RankingNumbers,
    ScenarioNumbers,
    Span,
    TestOptimal,
    WarmUpNumbers,
)
from itd_lightning.contracts.run_files import TEST_COMMAND
from itd_lightning.evaluation.baselines import baseline_scores
from itd_lightning.evaluation.measures import (
    alarm_numbers,
    rank_rows,
    ranking_numbers,
    scenario_numbers,
    undefined_numbers,
)
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.evaluation.survey import (
    POLICIES,
    Survey,
    harmless_above,
    rank_test_units,
    rank_without_warm_up,
    take_survey,
)
from itd_lightning.evaluation.thresholds import read_threshold
from itd_lightning.metrics.bootstrap import REPLICATES
from itd_lightning.metrics.operating import (
    BUDGETS,
    at_prevalence,
    daily_list,
    nearest_to_corner,
    recall_at_share,
    threshold_at_fpr,
)
from itd_lightning.metrics.ranking import Ranking
from itd_lightning.scores.pool import POOLS
from itd_lightning.splits.labels import label_units
from itd_lightning.store.key import Key

_SHARES = (0.05, 0.10, 0.15)  # of all test units
_PREVALENCES = (0.2,)  # as in papers that balance their test days
_ACCEPTED_FPR = 0.01  # of validation units, at the threshold
_UNMARKED = f"the scores do not say which units are in warm-up; write them again with `{TEST_COMMAND}`"


def evaluate(
    scores: Path, store: Path | None = None, labels: LabelPolicy | None = None, moved_days: int | None = None
) -> Evaluation:
    """Measure a score table, of any length, chunk by chunk.

    Args:
        scores: ``scores.parquet`` of a run.
        store: Event store with the key; default: the one that the table names.
        labels: Label policy; default: the split's.
        moved_days: Evaluate as if every campaign had happened so many days earlier; units of the true
            campaigns are left out. Default: what the split says.

    Returns:
        The content of ``evaluation.json``. A number that is not defined is None, and its reason stands
        under ``undefined``.

    Raises:
        InputError: If there are no scores, no store, no key, or the store is another one.
    """
    table = ScoreTable(scores, store, labels, moved_days)
    survey = take_survey(table)
    days = table.label(survey.days, table.policy)
    own = _own_policy(table, survey)
    return {
        **own.head,
        "scenarios": own.scenarios,
        "labels": {
            name: own.areas if name == table.policy else _areas(table, survey, name) for name in POLICIES
        },
        "at_prevalence": {
            str(share): at_prevalence(own.head["recall"], own.head["fpr"], share) for share in _PREVALENCES
        },
        "test_optimal": own.test_optimal,
        "budgets": {"share": own.shares, "per_day": _daily_lists(days, has_malicious=bool(len(own.ranks)))},
        "baselines": _baselines(table, survey),
        "pooled": _pooled_numbers(table, survey, days),
        "counts": _counts(table, survey),
        "campaigns": _campaigns(survey.hits[table.policy].with_columns(rank=own.ranks), table.key),
        "protocol": _protocol(table),
        "undefined": own.undefined,
        "warm_up": own.warm_up,
        "schema": SCHEMA,
    }


class _OwnPolicy(NamedTuple):
    """Numbers of the ranking under the table's own label policy; the ranking itself is large.

    Attributes:
        head: The numbers at the top level.
        areas: Those that need no threshold.
        scenarios: The same numbers of each scenario.
        shares: Detection rates among the highest scores.
        ranks: Place of each malicious unit, 1 for the highest of all; ties have the last place.
        test_optimal: Recall and false positive rate at the threshold that is best on the test units.
        undefined: Which numbers are not defined, and why.
        warm_up: Units in warm-up, and the numbers without them.
    """

    head: Headline
    areas: RankingNumbers
    scenarios: dict[str, ScenarioNumbers]
    shares: dict[str, float | None]
    ranks: Int[np.ndarray, " m"]
    test_optimal: TestOptimal
    undefined: dict[str, str]
    warm_up: WarmUpNumbers


def _own_policy(table: ScoreTable, survey: Survey) -> _OwnPolicy:
    """Rank under the table's own label policy, and choose the threshold."""
    ranking, seed = _ranking_by(table, survey, table.policy), table.about.seed
    undefined: dict[str, str] = {}
    threshold = above = None
    try:
        threshold = _threshold_of(table, survey)
        above = harmless_above(table, survey, ranking, threshold)
    except InputError as error:
        undefined["threshold"] = str(error)
    scenario = survey.hits[table.policy]["scenario"].to_numpy()
    threshold_free = ranking_numbers(ranking, seed)
    return _OwnPolicy(
        head=_headline(threshold_free, *alarm_numbers(ranking, above, threshold, seed), threshold, undefined),
        areas=threshold_free,
        scenarios=scenario_numbers(ranking, scenario, seed, above, threshold),
        shares={
            f"{share:.2f}": recall_at_share(ranking, share) if len(scenario) else None for share in _SHARES
        },
        ranks=ranking.ranks(),
        test_optimal=_test_optimal(ranking),
        undefined=undefined,
        warm_up=_warm_up_numbers(table, survey, ranking, threshold_free),
    )


def _test_optimal(ranking: Ranking) -> TestOptimal:
    """Return recall and false positive rate where the test's ROC curve comes nearest to (0, 1)."""
    rule = "test-optimal: nearest to (0, 1) on the ROC curve of the test units, with the answers in sight"
    try:
        recall, fpr = nearest_to_corner(ranking)
    except InputError:
        return {"recall": None, "fpr": None, "rule": rule}
    return {"recall": recall, "fpr": fpr, "rule": rule}


def _warm_up_numbers(
    table: ScoreTable, survey: Survey, ranking: Ranking, areas: RankingNumbers
) -> WarmUpNumbers:
    """Count the units in warm-up, and measure the ranking of the others.

    Args:
        table: The score table.
        survey: Its summary.
        ranking: Of all test units.
        areas: Its numbers, which stand where no unit is in warm-up.
    """
    units, without = survey.warm_up_units, areas
    if units is None:
        without = undefined_numbers(_UNMARKED)
    elif units:
        without = ranking_numbers(rank_without_warm_up(table, survey, ranking), table.about.seed)
    share = None if units is None else units / survey.units
    return WarmUpNumbers(active_days=WARM_UP_DAYS, units=units, share=share, without=without)


def _threshold_of(table: ScoreTable, survey: Survey) -> float:
    """Return the threshold that was chosen for the run, or else that of the usual rule.

    Raises:
        InputError: If there are no validation units to choose it from.
    """
    record = read_threshold(table.path.parent, table.about.checkpoint)
    return threshold_at_fpr(survey.harmless, fpr=_ACCEPTED_FPR) if record is None else record.threshold


def _headline(
    areas: RankingNumbers,
    alarms: AlarmNumbers,
    spans: dict[str, Span],
    threshold: float | None,
    undefined: dict[str, str],
) -> Headline:
    """Return the numbers at the top level with their intervals; add the undefined ones to ``undefined``."""
    if "undefined" in areas:
        undefined["pr_auc"] = undefined["roc_auc"] = areas["undefined"]
    for name in (name for name, value in alarms.items() if value is None):
        undefined[name] = undefined.get("threshold", "no alarm, or nothing to find")
    return {
        "pr_auc": areas["pr_auc"],
        "roc_auc": areas["roc_auc"],
        "base_rate": areas["base_rate"],
        "clean_recall": areas["clean_recall"],
        **alarms,
        "threshold": threshold,
        "intervals": {**areas["intervals"], **spans},
    }


def _ranking_by(table: ScoreTable, survey: Survey, policy: LabelPolicy) -> Ranking:
    """Rank the test units by their scores."""
    return rank_test_units(survey, policy, table.scores)["score"]


def _areas(table: ScoreTable, survey: Survey, policy: LabelPolicy) -> RankingNumbers:
    """Return threshold-free numbers under a label policy."""
    return ranking_numbers(_ranking_by(table, survey, policy), table.about.seed)


def _baselines(table: ScoreTable, survey: Survey) -> dict[str, RankingNumbers]:
    """Return threshold-free numbers of scores that need no method."""
    ranks = rank_test_units(survey, table.policy, lambda: baseline_scores(table))
    return {name: ranking_numbers(ranking, table.about.seed) for name, ranking in ranks.items()}


def _pooled_numbers(table: ScoreTable, survey: Survey, days: pl.DataFrame) -> PooledNumbers:
    """Return the numbers of user-days, and of grains between: campaigns (six windows in a row) or sessions.

    Args:
        table: The score table.
        survey: Its summary.
        days: Its labelled user-days.
    """
    sessions = table.behaviours
    rows = (
        _label_sessions(table, survey) if sessions else label_units(survey.sequences, table.key, table.policy)
    )
    pools: dict[str, PoolNumbers] = {pool: _one_pool(rows, pool, table.about.seed) for pool in POOLS}
    user_days = ranking_numbers(rank_rows(days, "score"), table.about.seed)
    if sessions:
        return {"sessions": pools, "user_days": user_days}
    return {"sequences": pools, "user_days": user_days}


def _label_sessions(table: ScoreTable, survey: Survey) -> pl.DataFrame:
    """Label sessions with ``malicious`` and ``scenario``: malicious if one of its behaviours is."""
    hits = survey.hits[table.policy].drop_nulls("sequence").group_by("user", "sequence")
    scenarios = hits.agg(pl.col("scenario").min())
    rows = survey.sequences.join(scenarios, on=["user", "sequence"], how="left", maintain_order="left")
    return rows.with_columns(malicious=pl.col("scenario").is_not_null())


def _one_pool(rows: pl.DataFrame, pool: str, seed: int) -> PoolNumbers:
    """Return the numbers of one way to pool."""
    ranking = rank_rows(rows, pool)
    scenario = rows.filter("malicious")["scenario"].to_numpy()
    return {
        **ranking_numbers(ranking, seed),
        "units": len(rows),
        "scenarios": scenario_numbers(ranking, scenario, seed),
    }


def _daily_lists(days: pl.DataFrame, *, has_malicious: bool) -> dict[str, ListNumbers | None]:
    """Return the measures of daily lists of user-days; None where nothing is malicious."""
    return {
        str(budget): cast("ListNumbers", daily_list(days, budget)._asdict()) if has_malicious else None
        for budget in BUDGETS
    }


def _counts(table: ScoreTable, survey: Survey) -> Counts:
    """Count the units and users that the numbers rest on."""
    hits = survey.hits[table.policy]
    return {
        "units": survey.units,
        "malicious": len(hits),
        "users": len(survey.users),
        "insiders": hits["user"].n_unique(),
        "validation_units": survey.validation_units,
    }


def _campaigns(hits: pl.DataFrame, key: Key) -> list[Campaign]:
    """Return each campaign: who, when, its number of test units, and the best rank of one."""
    best = hits.group_by("user").agg(pl.col("rank").min(), pl.len().alias("units"))
    rows = key.campaigns.join(best, on="user", maintain_order="left")
    entries = [
        {**row, "start": str(row["start"]), "end": str(row["end"])} for row in rows.iter_rows(named=True)
    ]
    return cast("list[Campaign]", entries)


def _protocol(table: ScoreTable) -> Protocol:
    """Return the settings behind the numbers: run, split, labels, store and threshold rule."""
    record = read_threshold(table.path.parent, table.about.checkpoint)
    usual = f"at most {_ACCEPTED_FPR:.0%} of harmless validation units above it"
    settings = {
        **table.about._asdict(),
        "labels": table.policy,
        "threshold_rule": usual if record is None else record.words,
        "intervals": f"95 %, bootstrap over users, {REPLICATES} draws",
        "pr_auc": "average precision",
        "data": table.store.data,
        "software": _software(),
    }
    return cast("Protocol", settings)


def _software() -> dict[str, str]:
    """Return the versions of the software that computed the numbers."""
    return {name: version(name) for name in ("itd-lightning", "torch", "lightning", "polars", "numpy")}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a result; a number that is none must not get this far."""
    with atomic_file(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
