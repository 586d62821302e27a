"""What a method hands to the evaluation, row by row and as a table.

Axes: B rows, T hours, F features.
"""

from typing import NamedTuple

import polars as pl
from jaxtyping import Float, Int
from torch import Tensor

PARTS = ("train", "val", "test", "unused", "predict")

UNITS = pl.Schema(
    {"user": pl.String(), "start": pl.Datetime("us"), "end": pl.Datetime("us"), "part": pl.Enum(PARTS)}
)

# One row a unit, [start, end); a behaviour lasts a microsecond. No label inside.
SCORES = pl.Schema(
    {
        "user": pl.String(),
        "start": pl.Datetime("us"),
        "end": pl.Datetime("us"),
        "event_id": pl.String(),  # behaviours only, else null
        "sequence": pl.Int64(),  # which session or day a behaviour is part of; behaviours only, else null
        "score": pl.Float64(),  # higher is more anomalous; the scale is the method's own
        "part": pl.Enum(PARTS),
    }
)


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
