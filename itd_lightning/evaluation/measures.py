"""The numbers of a ranking by their names in ``evaluation.json``, each beside its interval.

Axes: M malicious units, U users.
"""

import math
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.contracts.errors import InputError
from itd_lightning.metrics.bootstrap import Span, interval
from itd_lightning.metrics.operating import Alarms, ThresholdCounts, alarms
from itd_lightning.metrics.ranking import Areas, Ranking, rank


def ranking_numbers(ranking: Ranking, seed: int) -> dict[str, Any]:
    """Return threshold-free numbers; None with the reason under ``undefined``."""
    empty = {"pr_auc": None, "roc_auc": None, "base_rate": ranking.base_rate, "clean_recall": None}
    try:
        areas = {name: float(value[0]) for name, value in ranking.areas()._asdict().items()}
    except InputError as error:
        return {**empty, "intervals": dict.fromkeys(Areas._fields), "undefined": str(error)}
    return {**empty, **areas, "intervals": ranking.intervals(seed)}


def count_above(ranking: Ranking, harmless_above: Int[np.ndarray, " u"], threshold: float) -> ThresholdCounts:
    """Count the units of each user above and below a threshold, given its harmless ones above."""
    above = np.bincount(ranking.owner[ranking.hits > threshold], minlength=ranking.users)
    owned = np.bincount(ranking.owner, minlength=ranking.users)
    counts = (above, harmless_above, owned - above, ranking.harmless - harmless_above)
    return ThresholdCounts(*(count.astype(float) for count in counts))


def alarm_numbers(
    ranking: Ranking, harmless_above: Int[np.ndarray, " u"] | None, threshold: float | None, seed: int
) -> tuple[dict[str, float | None], dict[str, Span]]:
    """Return alarm measures at a threshold and their intervals, by name; None where undefined."""
    if threshold is None or harmless_above is None:
        return dict.fromkeys(Alarms._fields), dict.fromkeys(Alarms._fields)
    above = count_above(ranking, harmless_above, threshold)
    values = {name: finite_or_none(float(value[0])) for name, value in alarms(above)._asdict().items()}
    weights = ranking.draws(seed)
    if weights is None:
        return values, dict.fromkeys(Alarms._fields)
    drawn = alarms(above, weights)._asdict()
    return values, {n: None if value is None else interval(drawn[n]) for n, value in values.items()}


def scenario_numbers(
    ranking: Ranking,
    scenario: Int[np.ndarray, " m"],
    seed: int,
    harmless_above: Int[np.ndarray, " u"] | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Measure each scenario's malicious units against all harmless ones, at the common threshold."""
    return {
        str(name): one_scenario_numbers(ranking.only(scenario == name), seed, harmless_above, threshold)
        for name in np.unique(scenario)
    }


def one_scenario_numbers(
    ranking: Ranking, seed: int, harmless_above: Int[np.ndarray, " u"] | None, threshold: float | None
) -> dict[str, Any]:
    """Return the numbers of one scenario."""
    areas = ranking_numbers(ranking, seed)
    values, spans = alarm_numbers(ranking, harmless_above, threshold, seed)
    return {
        **areas,
        **values,
        "intervals": {**areas["intervals"], **spans},
        "malicious": len(ranking.hits),
        "insiders": ranking.insiders,
    }


def finite_or_none(value: float) -> float | None:
    """Return the value, or None where it is no number."""
    return value if math.isfinite(value) else None


def rank_rows(rows: pl.DataFrame, score: str) -> Ranking:
    """Rank labelled rows by a column."""
    user = rows["user"].rank("dense").to_numpy()
    return rank(rows[score].to_numpy(), rows["malicious"].to_numpy(), user)
