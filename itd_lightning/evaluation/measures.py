"""The numbers of a ranking by their names in ``evaluation.json``, each beside its interval.

Axes: M malicious units, U users.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Int

from itd_lightning.contracts.errors import InputError
from itd_lightning.metrics.areas import Areas
from itd_lightning.metrics.bootstrap import Span, interval
from itd_lightning.metrics.operating import Above, Alarms, alarms
from itd_lightning.metrics.ranking import Ranking


def ranked(ranking: Ranking, seed: int) -> dict[str, Any]:
    """Threshold-free numbers; None with the reason under ``undefined``."""
    measured = {"pr_auc": None, "roc_auc": None, "base_rate": ranking.base_rate, "clean_recall": None}
    try:
        areas = {name: float(value[0]) for name, value in ranking.areas()._asdict().items()}
    except InputError as error:
        return {**measured, "intervals": dict.fromkeys(Areas._fields), "undefined": str(error)}
    return {**measured, **areas, "intervals": ranking.intervals(seed)}


def raised(ranking: Ranking, harmless_above: Int[np.ndarray, " u"], threshold: float) -> Above:
    """Who raises alarms, given the harmless units of each user above the threshold."""
    above = np.bincount(ranking.owner[ranking.hits > threshold], minlength=ranking.users)
    owned = np.bincount(ranking.owner, minlength=ranking.users)
    counts = (above, harmless_above, owned - above, ranking.harmless - harmless_above)
    return Above(*(count.astype(float) for count in counts))


def counted(
    ranking: Ranking, harmless_above: Int[np.ndarray, " u"] | None, threshold: float | None, seed: int
) -> tuple[dict[str, float | None], dict[str, Span]]:
    """Alarms at a threshold and their intervals, by name; None where there is no threshold or no number."""
    if threshold is None or harmless_above is None:
        return dict.fromkeys(Alarms._fields), dict.fromkeys(Alarms._fields)
    above = raised(ranking, harmless_above, threshold)
    values = {name: finite(float(value[0])) for name, value in alarms(above)._asdict().items()}
    weights = ranking.draws(seed)
    if weights is None:
        return values, dict.fromkeys(Alarms._fields)
    drawn = alarms(above, weights)._asdict()
    return values, {n: None if value is None else interval(drawn[n]) for n, value in values.items()}


def by_scenario(
    ranking: Ranking,
    scenario: Int[np.ndarray, " m"],
    seed: int,
    harmless_above: Int[np.ndarray, " u"] | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Each scenario's malicious units against all harmless ones; alarms at the common threshold, if any."""
    return {
        str(name): one_scenario(ranking.only(scenario == name), seed, harmless_above, threshold)
        for name in np.unique(scenario)
    }


def one_scenario(
    ranking: Ranking, seed: int, harmless_above: Int[np.ndarray, " u"] | None, threshold: float | None
) -> dict[str, Any]:
    """The numbers of one scenario."""
    areas = ranked(ranking, seed)
    values, spans = counted(ranking, harmless_above, threshold, seed)
    return {
        **areas,
        **values,
        "intervals": {**areas["intervals"], **spans},
        "malicious": len(ranking.hits),
        "insiders": ranking.insiders,
    }


def finite(value: float) -> float | None:
    """The value, or None where it is no number."""
    return value if math.isfinite(value) else None
