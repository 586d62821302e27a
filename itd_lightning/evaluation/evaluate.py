"""A score table and the store's key -> ``evaluation.json``."""

import json
import math
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import written_beside
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.evaluation.baselines import baseline_scores
from itd_lightning.evaluation.operating import Alarms, alarms, daily_list, recall_at_share, threshold_at_fpr
from itd_lightning.evaluation.ranking import REPLICATES, Ranking, interval
from itd_lightning.events.key import Key, read_key
from itd_lightning.events.store import Store
from itd_lightning.scores.pool import POOLS, pool_days, pool_sequences
from itd_lightning.scores.table import About, read_scores
from itd_lightning.splits.labels import label

SHARES = (0.05, 0.10, 0.15)  # of all test units
PER_DAY = (1, 5, 10, 50)  # user-days
ACCEPTED_FPR = 0.01  # of validation units, at the threshold
TESTED = ("test", "predict")
POLICIES: tuple[LabelPolicy, ...] = ("event", "interval")


def evaluate(
    scores: Path, store: Path | None = None, labels: LabelPolicy | None = None, moved_days: int | None = None
) -> dict[str, Any]:
    """Measure a score table.

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
    table, about = read_scores(scores)
    if moved_days is not None:
        about = about._replace(moved_days=moved_days)
    opened = Store(store or Path(about.store))
    if opened.fingerprint != about.store_fingerprint:
        raise InputError(
            f"{scores} was scored on another store than {opened.path}; name the right one with --store"
        )
    true = read_key(opened.path)
    key, policy = true.moved(about.moved_days), labels or about.labels
    usable = without_true_campaigns(table, true, about.moved_days)
    tested = usable.filter(pl.col("part").is_in(TESTED))
    if tested.is_empty():
        raise InputError(f"{scores} holds no test units; the split leaves none")
    if unusable := (~tested["score"].is_finite().fill_null(value=False)).sum():
        raise InputError(f"{unusable} of {len(tested)} test scores are no numbers; the training diverged")
    unit = label(tested, key, policy)
    val = label(usable.filter(part="val"), key, policy)
    undefined: dict[str, str] = {}
    head = headline(unit, val, about.seed, undefined)
    baselines = baseline_scores(tested, opened.path, about.seed)
    return {
        **head,
        "scenarios": by_scenario(unit, about.seed, head["threshold"]),
        "labels": {name: ranked(label(tested, key, name), about.seed) for name in POLICIES},
        "budgets": budgets(unit, label(pool_days(tested), key, policy)),
        "baselines": {
            name: ranked(unit.with_columns(score=pl.Series(values)), about.seed)
            for name, values in baselines.items()
        },
        "pooled": pooled(tested, key, policy, about.seed),
        "counts": {
            "units": len(unit),
            "malicious": int(unit["malicious"].sum()),
            "users": unit["user"].n_unique(),
            "insiders": unit.filter("malicious")["user"].n_unique(),
            "validation_units": len(val),
        },
        "campaigns": campaigns(unit, key),
        "protocol": {**protocol(about, policy), "data": opened.data, "software": software()},
        "undefined": undefined,
    }


def labelled(scores: Path, store: Path | None = None, labels: LabelPolicy | None = None) -> pl.DataFrame:
    """Test units of a score table with ``malicious`` and ``scenario``; arguments as in ``evaluate``."""
    table, about = read_scores(scores)
    true = read_key(Path(store or about.store))
    usable = without_true_campaigns(table.filter(pl.col("part").is_in(TESTED)), true, about.moved_days)
    return label(usable, true.moved(about.moved_days), labels or about.labels)


def without_true_campaigns(units: pl.DataFrame, true: Key, moved_days: int) -> pl.DataFrame:
    """In a null attack, leave out the units of the true campaigns: they are no harmless ones."""
    if not moved_days:
        return units
    return label(units, true, "interval").filter(~pl.col("malicious")).drop("scenario", "malicious")


def software() -> dict[str, str]:
    """Versions of what computed the numbers."""
    return {name: version(name) for name in ("itd-lightning", "torch", "lightning", "polars", "numpy")}


def headline(unit: pl.DataFrame, val: pl.DataFrame, seed: int, undefined: dict[str, str]) -> dict[str, Any]:
    """The numbers at the top level, each beside its interval."""
    result: dict[str, Any] = ranked(unit, seed)
    if "undefined" in result:
        undefined["pr_auc"] = undefined["roc_auc"] = result.pop("undefined")
    intervals = result.pop("intervals")
    threshold = None
    try:
        threshold = threshold_at_fpr(*arrays(val)[:2], fpr=ACCEPTED_FPR)
    except InputError as error:
        undefined["threshold"] = str(error)
    measured, spans = counted(unit, threshold, seed)
    for name in (name for name, value in measured.items() if value is None):
        undefined[name] = undefined.get("threshold", "no alarm, or nothing to find")
    return {**result, **measured, "threshold": threshold, "intervals": {**intervals, **spans}}


def counted(
    unit: pl.DataFrame, threshold: float | None, seed: int
) -> tuple[dict[str, float | None], dict[str, tuple[float, float] | None]]:
    """Alarms at a threshold and their intervals, by name; None where there is no threshold or no number."""
    if threshold is None:
        return dict.fromkeys(Alarms._fields), dict.fromkeys(Alarms._fields)
    score, malicious, user = arrays(unit)
    values = {name: finite(value) for name, value in alarms(score, malicious, threshold)._asdict().items()}
    spans = {
        name: None
        if value is None
        else interval(at_threshold(name, score, malicious, threshold), user, malicious, seed)
        for name, value in values.items()
    }
    return values, spans


def at_threshold(
    name: str, score: np.ndarray, malicious: np.ndarray, threshold: float
) -> Callable[[np.ndarray], float]:
    """One number of ``alarms`` as a function of the weights."""
    return lambda weight: float(getattr(alarms(score, malicious, threshold, weight), name))


def ranked(unit: pl.DataFrame, seed: int) -> dict[str, Any]:
    """Threshold-free numbers of labelled scores, with intervals."""
    score, malicious, user = arrays(unit)
    base_rate = float(malicious.mean()) if len(malicious) else None
    try:
        ranking = Ranking(score, malicious)
    except InputError as error:
        return {
            "pr_auc": None,
            "roc_auc": None,
            "base_rate": base_rate,
            "clean_recall": None,
            "intervals": {"pr_auc": None, "roc_auc": None, "clean_recall": None},
            "undefined": str(error),
        }
    return {
        "pr_auc": ranking.pr_auc(),
        "roc_auc": ranking.roc_auc(),
        "base_rate": base_rate,
        "clean_recall": ranking.clean_recall(),
        "intervals": {
            "pr_auc": interval(ranking.pr_auc, user, malicious, seed),
            "roc_auc": interval(ranking.roc_auc, user, malicious, seed),
            "clean_recall": interval(ranking.clean_recall, user, malicious, seed),
        },
    }


def by_scenario(unit: pl.DataFrame, seed: int, threshold: float | None = None) -> dict[str, Any]:
    """Each scenario's malicious units against all harmless ones; alarms at the common threshold, if any."""
    return {
        str(scenario): one_scenario(
            unit.filter(~pl.col("malicious") | (pl.col("scenario") == scenario)), seed, threshold
        )
        for scenario in sorted(unit["scenario"].drop_nulls().unique())
    }


def one_scenario(unit: pl.DataFrame, seed: int, threshold: float | None) -> dict[str, Any]:
    """The numbers of one scenario."""
    areas = ranked(unit, seed)
    values, spans = counted(unit, threshold, seed)
    return {
        **areas,
        **values,
        "intervals": {**areas["intervals"], **spans},
        "malicious": int(unit["malicious"].sum()),
        "insiders": unit.filter("malicious")["user"].n_unique(),
    }


def budgets(unit: pl.DataFrame, days: pl.DataFrame) -> dict[str, Any]:
    """Detection rate among the highest scores, and what daily lists of user-days find."""
    score, malicious, _ = arrays(unit)
    known = bool(malicious.any())
    return {
        "share": {
            f"{share:.2f}": recall_at_share(score, malicious, share) if known else None for share in SHARES
        },
        "per_day": {str(budget): daily_list(days, budget)._asdict() if known else None for budget in PER_DAY},
    }


def pooled(tested: pl.DataFrame, key: Key, policy: LabelPolicy, seed: int) -> dict[str, Any]:
    """The same scores at the grain of campaigns (sequences of six units, any overlap) and of user-days."""
    sequences = {pool: label(pool_sequences(tested, pool), key, policy) for pool in POOLS}
    return {
        "sequences": {
            pool: {**ranked(rows, seed), "units": len(rows), "scenarios": by_scenario(rows, seed)}
            for pool, rows in sequences.items()
        },
        "user_days": ranked(label(pool_days(tested), key, policy), seed),
    }


def campaigns(unit: pl.DataFrame, key: Key) -> list[dict[str, Any]]:
    """Each campaign: who, when, its number of test units, and the best rank that one of them reaches."""
    place = unit.with_columns(rank=pl.col("score").rank("max", descending=True).cast(pl.Int64))
    best = place.filter("malicious").group_by("user").agg(pl.col("rank").min(), pl.len().alias("units"))
    found = key.campaigns.join(best, on="user", maintain_order="left")
    return [
        {**row, "start": str(row["start"]), "end": str(row["end"])} for row in found.iter_rows(named=True)
    ]


def protocol(about: About, policy: LabelPolicy) -> dict[str, Any]:
    """How the numbers came about."""
    return {
        **about._asdict(),
        "labels": policy,
        "threshold_rule": f"at most {ACCEPTED_FPR:.0%} of harmless validation units above it",
        "intervals": f"95 %, bootstrap over users, {REPLICATES} draws",
        "pr_auc": "average precision",
    }


def arrays(unit: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, labels and users of labelled units."""
    return unit["score"].to_numpy(), unit["malicious"].to_numpy(), unit["user"].to_numpy()


def finite(value: float) -> float | None:
    """The value, or None where it is no number."""
    return value if math.isfinite(value) else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a result; a number that is none must not get this far."""
    with written_beside(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
