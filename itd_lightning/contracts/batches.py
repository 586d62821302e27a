"""What a view hands to a method. One NamedTuple a view; a row knows its unit and no label.

Axes: B rows, T hours, F features.
"""

from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor


class WindowBatch(NamedTuple):
    """Mask/value windows.

    Attributes:
        mask: Whether anything of the feature happened in the hour, bool ``(B, T, F)``.
        values: Standardised counts, float32 ``(B, T, F)``; a silent hour has its own (negative) value.
        following: Row of this batch that holds the user's next window, int64 ``(B,)``; -1 for none.
        unit: Row number in the view's table of units, int64 ``(B,)``: user, start, end and part.
    """

    mask: Bool[Tensor, "b t f"]
    values: Float[Tensor, "b t f"]
    following: Int[Tensor, " b"]
    unit: Int[Tensor, " b"]
