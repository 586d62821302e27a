"""A score table and the store's key -> ``evaluation.json``."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import written_beside
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.evaluation.baselines import baseline_scores
from itd_lightning.evaluation.measures import by_scenario, counted, ranked
from itd_lightning.evaluation.pooled import pooled
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.evaluation.survey import POLICIES, Survey, harmless_above, rankings, survey
from itd_lightning.evaluation.thresholds import read_threshold
from itd_lightning.metrics.bootstrap import REPLICATES, Span
from itd_lightning.metrics.operating import at_prevalence, daily_list, recall_at_share, threshold_at_fpr
from itd_lightning.metrics.ranking import Ranking
from itd_lightning.store.key import Key

SHARES = (0.05, 0.10, 0.15)  # of all test units
PREVALENCES = (0.2,)  # as in papers that balance their test days
PER_DAY = (1, 5, 10, 50)  # user-days
ACCEPTED_FPR = 0.01  # of validation units, at the threshold


def evaluate(
    scores: Path, store: Path | None = None, labels: LabelPolicy | None = None, moved_days: int | None = None
) -> dict[str, Any]:
    """Measure a score table, of any length, piece by piece.

    Args:
        scores: ``scores.parquet`` of a run.
        store: Event store with the key; default: the one that the table names.
        labels: Label policy; default: the split's.
        moved_days: Evaluate as if every campaign had happened so many days earlier; units of the true
            campaigns are left out. Default: what the split says.

    Returns:
        What DESIGN calls ``evaluation.json``. A number that is not defined is None, and its reason stands
        under ``undefined``.

    Raises:
        InputError: If there are no scores, no store, no key, or the store is another one.
    """
    table = ScoreTable(scores, store, labels, moved_days)
    seen = survey(table)
    days = table.label(seen.days, table.policy)
    own = own_policy(table, seen)
    return {
        **own.head,
        "scenarios": own.scenarios,
        "labels": {
            name: own.areas if name == table.policy else areas(table, seen, name) for name in POLICIES
        },
        "at_prevalence": {
            str(share): at_prevalence(own.head["recall"], own.head["fpr"], share) for share in PREVALENCES
        },
        "budgets": {"share": own.shares, "per_day": daily_lists(days, known=bool(len(own.ranks)))},
        "baselines": baselines(table, seen),
        "pooled": pooled(table, seen, days),
        "counts": counts(table, seen),
        "campaigns": campaigns(seen.hits[table.policy].with_columns(rank=own.ranks), table.key),
        "protocol": {**protocol(table), "data": table.store.data, "software": software()},
        "undefined": own.undefined,
    }


class OwnPolicy(NamedTuple):
    """What the ranking under the table's own label policy gives; the ranking itself is large.

    Attributes:
        head: The numbers at the top level.
        areas: Those that need no threshold.
        scenarios: The same numbers of each scenario.
        shares: Detection rates among the highest scores.
        ranks: Place of each malicious unit, 1 for the highest of all; ties have the last place.
        undefined: Which numbers are not defined, and why.
    """

    head: dict[str, Any]
    areas: dict[str, Any]
    scenarios: dict[str, Any]
    shares: dict[str, float | None]
    ranks: Int[np.ndarray, " m"]
    undefined: dict[str, str]


def own_policy(table: ScoreTable, seen: Survey) -> OwnPolicy:
    """Rank under the table's own label policy, and choose the threshold."""
    ranking, seed = ranking_by(table, seen, table.policy), table.about.seed
    undefined: dict[str, str] = {}
    threshold = above = None
    try:
        threshold = threshold_of(table, seen)
        above = harmless_above(table, seen, ranking, threshold)
    except InputError as error:
        undefined["threshold"] = str(error)
    scenario = seen.hits[table.policy]["scenario"].to_numpy()
    found = ranked(ranking, seed)
    return OwnPolicy(
        head=headline(found, *counted(ranking, above, threshold, seed), threshold, undefined),
        areas=found,
        scenarios=by_scenario(ranking, scenario, seed, above, threshold),
        shares={
            f"{share:.2f}": recall_at_share(ranking, share) if len(scenario) else None for share in SHARES
        },
        ranks=ranking.ranks(),
        undefined=undefined,
    )


def threshold_of(table: ScoreTable, seen: Survey) -> float:
    """The threshold that was chosen for the run, or else that of the usual rule.

    Raises:
        InputError: If there are no validation units to choose one by.
    """
    stored = read_threshold(table.path.parent, table.about.checkpoint)
    return threshold_at_fpr(seen.harmless, fpr=ACCEPTED_FPR) if stored is None else stored.threshold


def headline(
    found: dict[str, Any],
    alarmed: dict[str, float | None],
    spans: dict[str, Span],
    threshold: float | None,
    undefined: dict[str, str],
) -> dict[str, Any]:
    """The numbers at the top level, each beside its interval; notes which are not defined."""
    result = dict(found)
    if "undefined" in result:
        undefined["pr_auc"] = undefined["roc_auc"] = result.pop("undefined")
    for name in (name for name, value in alarmed.items() if value is None):
        undefined[name] = undefined.get("threshold", "no alarm, or nothing to find")
    return {**result, **alarmed, "threshold": threshold, "intervals": {**found["intervals"], **spans}}


def ranking_by(table: ScoreTable, seen: Survey, policy: LabelPolicy) -> Ranking:
    """Rank the test units by their scores."""
    return rankings(seen, policy, table.scores)["score"]


def areas(table: ScoreTable, seen: Survey, policy: LabelPolicy) -> dict[str, Any]:
    """Threshold-free numbers under a label policy."""
    return ranked(ranking_by(table, seen, policy), table.about.seed)


def baselines(table: ScoreTable, seen: Survey) -> dict[str, Any]:
    """Threshold-free numbers of scores that need no method."""
    found = rankings(seen, table.policy, lambda: baseline_scores(table))
    return {name: ranked(ranking, table.about.seed) for name, ranking in found.items()}


def daily_lists(days: pl.DataFrame, *, known: bool) -> dict[str, Any]:
    """What daily lists of user-days find, if there is anything to find."""
    return {str(budget): daily_list(days, budget)._asdict() if known else None for budget in PER_DAY}


def counts(table: ScoreTable, seen: Survey) -> dict[str, int]:
    """What the numbers rest on."""
    hits = seen.hits[table.policy]
    return {
        "units": seen.units,
        "malicious": len(hits),
        "users": len(seen.users),
        "insiders": hits["user"].n_unique(),
        "validation_units": seen.validation_units,
    }


def campaigns(hits: pl.DataFrame, key: Key) -> list[dict[str, Any]]:
    """Each campaign: who, when, its number of test units, and the best rank that one of them reaches."""
    best = hits.group_by("user").agg(pl.col("rank").min(), pl.len().alias("units"))
    found = key.campaigns.join(best, on="user", maintain_order="left")
    return [
        {**row, "start": str(row["start"]), "end": str(row["end"])} for row in found.iter_rows(named=True)
    ]


def protocol(table: ScoreTable) -> dict[str, Any]:
    """How the numbers came about."""
    stored = read_threshold(table.path.parent, table.about.checkpoint)
    usual = f"at most {ACCEPTED_FPR:.0%} of harmless validation units above it"
    return {
        **table.about._asdict(),
        "labels": table.policy,
        "threshold_rule": usual if stored is None else stored.words,
        "intervals": f"95 %, bootstrap over users, {REPLICATES} draws",
        "pr_auc": "average precision",
    }


def software() -> dict[str, str]:
    """Versions of what computed the numbers."""
    return {name: version(name) for name in ("itd-lightning", "torch", "lightning", "polars", "numpy")}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a result; a number that is none must not get this far."""
    with written_beside(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
