"""Operating points: alarms at a threshold, and short lists under a budget.

Axes: N units, U users, R draws of users.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.metrics.ranking import Ranking

BUDGETS = (1, 5, 10, 50)  # user-days a day that an analyst looks at


class Alarms(NamedTuple):
    """Measures if everything above a threshold is an alarm; all are shares, one of each draw ``(R,)``."""

    precision: Float[np.ndarray, " r"]
    recall: Float[np.ndarray, " r"]
    fpr: Float[np.ndarray, " r"]
    f1: Float[np.ndarray, " r"]
    accuracy: Float[np.ndarray, " r"]


class ThresholdCounts(NamedTuple):
    """Numbers of units above and below a threshold, by user.

    Attributes:
        true: Malicious units above the threshold, of each user ``(U,)``.
        false: Harmless ones.
        missed: Malicious units that are not above it.
        right: Harmless ones.
    """

    true: Float[np.ndarray, " u"]
    false: Float[np.ndarray, " u"]
    missed: Float[np.ndarray, " u"]
    right: Float[np.ndarray, " u"]


def threshold_at_fpr(harmless: Float[np.ndarray, " n"], fpr: float) -> float:
    """Return the smallest threshold with at most a share ``fpr`` of harmless validation units above it.

    Args:
        harmless: Scores of harmless validation units; their order is lost.
        fpr: Share of false alarms that is accepted.

    Raises:
        InputError: If there is none, or a score is no number.

    Example:
        >>> threshold_at_fpr(np.arange(100.0), fpr=0.01)
        98.0
    """
    if not len(harmless):
        raise InputError("the split has no validation units, so no threshold can be chosen")
    if invalid := len(harmless) - int(np.isfinite(harmless).sum()):
        raise InputError(f"{invalid} of {len(harmless)} validation scores are no numbers")
    place = len(harmless) - 1 - int(fpr * len(harmless))
    harmless.partition(place)
    return float(harmless[place])


def alarms(above: ThresholdCounts, weights: Float[np.ndarray, "r u"] | None = None) -> Alarms:
    """Compute the measures of the alarms above a threshold; precision and F1 are NaN without any alarm.

    Args:
        above: Numbers of units above and below it.
        weights: How often each user counts in each of R draws; without it, once, in the only draw.

    Example:
        >>> alarms(ThresholdCounts(*np.array([[3.0], [1.0], [1.0], [5.0]]))).precision
        array([0.75])
    """
    draws = np.ones((1, len(above.true))) if weights is None else weights
    true, false, missed, right = (draws @ number for number in above)
    raised = np.where(true + false > 0, true + false, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Alarms(
            precision=true / raised,
            recall=true / (true + missed),
            fpr=false / (false + right),
            f1=2 * true / (raised + true + missed),
            accuracy=(true + right) / (true + false + missed + right),
        )


def recall_at_share(ranking: Ranking, share: float) -> float:
    """Return the share of malicious units (DR) among the ``share`` highest scores.

    Ties at the cut count as not found, so that a constant score earns nothing.

    Example:
        >>> from itd_lightning.metrics.ranking import rank
        >>> ranking = rank(np.array([0.9, 0.2, 0.8, 0.1]), np.array([True, True, False, False]))
        >>> recall_at_share(ranking, share=0.25)
        0.5
    """
    return float((ranking.ranks() <= np.ceil(share * ranking.units)).mean())


def nearest_to_corner(ranking: Ranking) -> tuple[float, float]:
    """Return recall and false positive rate where the ROC curve comes nearest to (0, 1).

    The threshold is chosen by the very units that it is measured on, so no such number can be had in use;
    published code reports it (LAN's). Units at the threshold are above it.

    Raises:
        InputError: If no unit is malicious, or all are.

    Example:
        >>> from itd_lightning.metrics.ranking import rank
        >>> malicious = np.array([True, False, True, False, False])
        >>> nearest_to_corner(rank(np.array([0.9, 0.8, 0.7, 0.6, 0.5]), malicious))
        (1.0, 0.3333333333333333)
    """
    ranking.check()
    true, false = ranking.at_or_above()
    recall, fpr = true / true[-1], false / false[-1]
    best = int(np.argmin(np.hypot(1 - recall, fpr)))
    return float(recall[best]), float(fpr[best])


class _DailyList(NamedTuple):
    """Measures of a daily list of N user-days.

    Attributes:
        recall: Share of the malicious user-days that are listed.
        precision: Share of the listed user-days that are malicious.
        insiders_found: Insiders with a malicious user-day in a list.
        insiders: Insiders with a malicious user-day at all.
        days_until_found: Median, over found insiders, of days from the first malicious user-day to the first
            listed one; None if nobody is found.
    """

    recall: float
    precision: float
    insiders_found: int
    insiders: int
    days_until_found: float | None


def daily_list(days: pl.DataFrame, budget: int) -> _DailyList:
    """List the ``budget`` highest scores of each calendar day.

    Args:
        days: User-days: ``user``, ``start``, ``score``, ``malicious``.
        budget: User-days that are looked at each day. Ties are settled by user id, whatever the key says.
    """
    rank = pl.struct(-pl.col("score"), pl.col("user")).rank("ordinal").over("start")
    rows = days.with_columns(listed=rank <= budget)
    malicious = rows.filter("malicious")
    first = malicious.group_by("user").agg(
        begun=pl.col("start").min(), found=pl.col("start").filter("listed").min()
    )
    waits = (first["found"] - first["begun"]).drop_nulls().dt.total_days()
    top = rows.filter("listed")
    median = waits.median()
    return _DailyList(
        recall=float(malicious["listed"].sum()) / max(len(malicious), 1),
        precision=float(top["malicious"].sum()) / max(len(top), 1),
        insiders_found=first["found"].count(),
        insiders=len(first),
        days_until_found=float(median) if isinstance(median, int | float) else None,
    )


def at_prevalence(recall: float | None, fpr: float | None, share: float) -> dict[str, float | None]:
    """Compute a threshold's measures on units of which another share is malicious.

    Recall and false positive rate do not depend on the share; precision, F1 and accuracy do, which is why a
    number from balanced test days does not carry over.

    Args:
        recall: Share of malicious units above the threshold.
        fpr: Share of harmless ones above it.
        share: Of malicious units, 0 .. 1.

    Example:
        >>> at_prevalence(recall=0.5, fpr=0.125, share=0.2)["precision"]
        0.5
    """
    if recall is None or fpr is None:
        return {"precision": None, "f1": None, "accuracy": None}
    true, false = share * recall, (1 - share) * fpr
    raised = true + false
    return {
        "precision": true / raised if raised else None,
        "f1": 2 * true / (raised + share) if raised else None,
        "accuracy": true + (1 - share) - false,
    }
