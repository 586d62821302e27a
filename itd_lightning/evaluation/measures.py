"""The numbers of a ranking by their names in ``evaluation.json``, each beside its interval.

Axes: M malicious units, U users.
"""

import math

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AlarmNumbers, RankingNumbers, ScenarioNumbers, Span
from itd_lightning.metrics.bootstrap import interval
from itd_lightning.metrics.operating import Alarms, ThresholdCounts, alarms
from itd_lightning.metrics.ranking import Areas, Ranking, rank


def ranking_numbers(ranking: Ranking, seed: int) -> RankingNumbers:
    """Return threshold-free numbers; None with the reason under ``undefined``."""
    try:
        areas = ranking.areas()
    except InputError as error:
        return undefined_numbers(str(error), ranking.base_rate)
    return RankingNumbers(
        pr_auc=float(areas.pr_auc[0]),
        roc_auc=float(areas.roc_auc[0]),
        base_rate=ranking.base_rate,
        clean_recall=float(areas.clean_recall[0]),
        intervals=ranking.intervals(seed),
    )


def undefined_numbers(reason: str, base_rate: float | None = None) -> RankingNumbers:
    """Return threshold-free numbers that are not defined, for a reason."""
    return RankingNumbers(
        pr_auc=None,
        roc_auc=None,
        base_rate=base_rate,
        clean_recall=None,
        intervals=dict.fromkeys(Areas._fields),
        undefined=reason,
    )


def _count_above(
    ranking: Ranking, harmless_above: Int[np.ndarray, " u"], threshold: float
) -> ThresholdCounts:
    """Count the units of each user above and below a threshold, given its harmless ones above."""
    above = np.bincount(ranking.owner[ranking.hits > threshold], minlength=ranking.users)
    unit_counts = np.bincount(ranking.owner, minlength=ranking.users)
    counts = (above, harmless_above, unit_counts - above, ranking.harmless - harmless_above)
    return ThresholdCounts(*(count.astype(float) for count in counts))


def alarm_numbers(
    ranking: Ranking, harmless_above: Int[np.ndarray, " u"] | None, threshold: float | None, seed: int
) -> tuple[AlarmNumbers, dict[str, Span]]:
    """Return alarm measures at a threshold and their intervals, by name; None where undefined."""
    spans: dict[str, Span] = dict.fromkeys(Alarms._fields)
    if threshold is None or harmless_above is None:
        return AlarmNumbers(precision=None, recall=None, fpr=None, f1=None, accuracy=None), spans
    above = _count_above(ranking, harmless_above, threshold)
    shares = alarms(above)
    numbers = AlarmNumbers(
        precision=_finite_or_none(float(shares.precision[0])),
        recall=_finite_or_none(float(shares.recall[0])),
        fpr=_finite_or_none(float(shares.fpr[0])),
        f1=_finite_or_none(float(shares.f1[0])),
        accuracy=_finite_or_none(float(shares.accuracy[0])),
    )
    weights = ranking.draws(seed)
    if weights is not None:
        draws = alarms(above, weights)._asdict()
        spans = {name: None if value is None else interval(draws[name]) for name, value in numbers.items()}
    return numbers, spans


def scenario_numbers(
    ranking: Ranking,
    scenario: Int[np.ndarray, " m"],
    seed: int,
    harmless_above: Int[np.ndarray, " u"] | None = None,
    threshold: float | None = None,
) -> dict[str, ScenarioNumbers]:
    """Measure each scenario's malicious units against all harmless ones, at the common threshold."""
    return {
        str(name): _one_scenario_numbers(ranking.only(scenario == name), seed, harmless_above, threshold)
        for name in np.unique(scenario)
    }


def _one_scenario_numbers(
    ranking: Ranking, seed: int, harmless_above: Int[np.ndarray, " u"] | None, threshold: float | None
) -> ScenarioNumbers:
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


def _finite_or_none(value: float) -> float | None:
    """Return the value, or None where it is no number."""
    return value if math.isfinite(value) else None


def rank_rows(rows: pl.DataFrame, score: str) -> Ranking:
    """Rank labelled rows by a column."""
    user = rows["user"].rank("dense").to_numpy()
    return rank(rows[score].to_numpy(), rows["malicious"].to_numpy(), user)
