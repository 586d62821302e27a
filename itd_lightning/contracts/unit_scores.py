"""Results of a method on a batch: scores, and their explanation by parts.

Apart from ``contracts/scores.py``, which needs no torch. Axes: B rows, T hours, F features.
"""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class UnitScores(NamedTuple):
    """One score a unit.

    Attributes:
        unit: Number of the scored unit, in the order of its view, int64 ``(B,)``.
        score: Anomaly score, float32 ``(B,)``; higher is more anomalous.
    """

    unit: Int[Tensor, " b"]
    score: Float[Tensor, " b"]


class Explanation(NamedTuple):
    """The parts of which the scores of units are made.

    Attributes:
        parts: Share of each cell in the score, float32, ``(B, T, F)`` of windows and ``(B, F)`` of
            user-days; they sum to the score, but for a constant.
        expected: Expected value of the cell, of the same shape; the probability of activity
            where the score is about presence, else the standardised value.
        names: Of the last axis, where it is not that of the view's features. A name may concern some units
            only; the others have 0 there.
        others: Names of what stands on the last axis behind the view's features, which 0 leaves out, too.
    """

    parts: Float[Tensor, "b ..."]
    expected: Float[Tensor, "b ..."]
    names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
