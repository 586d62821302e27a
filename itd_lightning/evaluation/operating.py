"""What an analyst meets: alarms at a threshold, and short lists under a budget.

Axes: N units.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from itd_lightning.contracts.errors import InputError


class Alarms(NamedTuple):
    """What happens if everything above a threshold is an alarm; all numbers are shares."""

    precision: float
    recall: float
    fpr: float
    f1: float
    accuracy: float


def threshold_at_fpr(score: Float[np.ndarray, " n"], malicious: Bool[np.ndarray, " n"], fpr: float) -> float:
    """Smallest threshold with at most a share ``fpr`` of harmless validation units above it.

    Args:
        score: Scores of validation units.
        malicious: Which of them are malicious; they do not count.
        fpr: Share of false alarms that is accepted.

    Raises:
        InputError: If validation holds no harmless unit.

    Example:
        >>> threshold_at_fpr(np.arange(100.0), np.zeros(100, dtype=bool), fpr=0.01)
        98.0
    """
    harmless = np.sort(score[~malicious])
    if not len(harmless):
        raise InputError("the split has no validation units, so no threshold can be chosen")
    return float(harmless[len(harmless) - 1 - int(fpr * len(harmless))])


def alarms(
    score: Float[np.ndarray, " n"],
    malicious: Bool[np.ndarray, " n"],
    threshold: float,
    weight: Float[np.ndarray, " n"] | None = None,
) -> Alarms:
    """Count the alarms above a threshold; precision and F1 are NaN without any alarm."""
    counted = np.ones(len(score)) if weight is None else weight
    above = score > threshold
    true, false = float(counted[above & malicious].sum()), float(counted[above & ~malicious].sum())
    missed, right = float(counted[~above & malicious].sum()), float(counted[~above & ~malicious].sum())
    with np.errstate(invalid="ignore"):
        return Alarms(
            precision=float(np.divide(true, true + false)),
            recall=float(np.divide(true, true + missed)),
            fpr=float(np.divide(false, false + right)),
            f1=float(np.divide(2 * true, 2 * true + false + missed)) if true + false else float("nan"),
            accuracy=float(np.divide(true + right, counted.sum())),
        )


def recall_at_share(score: Float[np.ndarray, " n"], malicious: Bool[np.ndarray, " n"], share: float) -> float:
    """Share of malicious units (DR) among the ``share`` highest scores.

    Ties at the cut count as not found, so that a constant score earns nothing.

    Example:
        >>> recall_at_share(np.array([0.9, 0.2, 0.8, 0.1]), np.array([True, True, False, False]), share=0.25)
        0.5
    """
    budget = int(np.ceil(share * len(score)))
    if budget >= len(score):
        return 1.0
    cut = -np.sort(-score)[budget]
    return float((malicious & (score > cut)).sum() / malicious.sum())


class Listed(NamedTuple):
    """What a daily list of N user-days finds.

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


def daily_list(days: pl.DataFrame, budget: int) -> Listed:
    """List the ``budget`` highest scores of each calendar day.

    Args:
        days: User-days: ``user``, ``start``, ``score``, ``malicious``.
        budget: User-days that are looked at each day. Ties are settled by user id, whatever the key says.
    """
    rank = pl.struct(-pl.col("score"), pl.col("user")).rank("ordinal").over("start")
    listed = days.with_columns(listed=rank <= budget)
    malicious = listed.filter("malicious")
    first = malicious.group_by("user").agg(
        begun=pl.col("start").min(), found=pl.col("start").filter("listed").min()
    )
    waits = (first["found"] - first["begun"]).drop_nulls().dt.total_days()
    shown = listed.filter("listed")
    median = waits.median()
    return Listed(
        recall=float(malicious["listed"].sum()) / max(len(malicious), 1),
        precision=float(shown["malicious"].sum()) / max(len(shown), 1),
        insiders_found=first["found"].count(),
        insiders=len(first),
        days_until_found=float(median) if isinstance(median, int | float) else None,
    )
