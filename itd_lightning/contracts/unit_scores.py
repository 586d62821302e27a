"""Tensors that a method hands out: the scores of a batch, and where they come from.

Apart from ``contracts/scores.py``, which needs no torch. Axes: B rows, T hours, F features.
"""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class UnitScores(NamedTuple):
    """One score a unit.

    Attributes:
        unit: Number of what is scored, in the order of its view, int64 ``(B,)``.
        score: Anomaly score, float32 ``(B,)``; higher is more anomalous.
    """

    unit: Int[Tensor, " b"]
    score: Float[Tensor, " b"]


class Explanation(NamedTuple):
    """Where the scores of units come from.

    Attributes:
        parts: What each cell adds to the score, float32, ``(B, T, F)`` of windows and ``(B, F)`` of
            user-days; they sum to the score, but for a constant.
        expected: What the method expected to see in the cell, of the same shape; the probability of activity
            where the score is about presence, else the standardised value.
        names: Of the last axis, where it is not that of the view's features. They may be of some units only:
            where one adds nothing to a unit, it is not told of it.
    """

    parts: Float[Tensor, "b ..."]
    expected: Float[Tensor, "b ..."]
    names: tuple[str, ...] = ()
