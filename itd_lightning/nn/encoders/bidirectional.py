"""Recurrent layers that read padded rows in both directions, in time linear in their length.

``nn.GRU`` on packed rows gives the same numbers, but on a CPU its gradient fills a tensor of full length at
every step: three times slower for rows of 200 steps, and worse for longer ones.

Axes: B rows, L steps, D features in, H features each way.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

_Context = Any  # torch has no public type for a context that saves tensors
Cell = Literal["rnn", "gru", "lstm"]
CELLS: dict[Cell, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def _mirror_places(lengths: Int[Tensor, " b"], longest: int) -> Int[Tensor, "b l"]:
    """Return the place of each step if every row is read backwards; the padding stays on the right.

    Example:
        >>> _mirror_places(torch.tensor([3, 1]), 3).tolist()
        [[2, 1, 0], [0, 1, 2]]
    """
    at = torch.arange(longest, device=lengths.device)
    back = lengths[:, None] - 1 - at
    return torch.where(back >= 0, back, at)


class _Mirror(torch.autograd.Function):
    """The reversal of rows. It is its own inverse, so the gradient is reversed likewise."""

    @staticmethod
    def forward(ctx: _Context, rows: Tensor, order: Tensor) -> Tensor:
        """Take the steps of each row in their order."""
        ctx.save_for_backward(order)
        return rows.flatten(0, 1).index_select(0, order).view_as(rows)

    @staticmethod
    def backward(ctx: _Context, gradient: Tensor) -> tuple[Tensor, None]:
        """Take the gradient in the same order."""
        (order,) = ctx.saved_tensors
        return gradient.flatten(0, 1).index_select(0, order).view_as(gradient), None


def _mirror(rows: Float[Tensor, "b l d"], order: Int[Tensor, " bl"]) -> Float[Tensor, "b l d"]:
    """Return rows read backwards; ``order`` numbers the steps of all rows."""
    reversed_rows: Tensor = _Mirror.apply(rows, order)  # type: ignore[no-untyped-call]  # torch's
    return reversed_rows


class Bidirectional(nn.Module):
    """Stacked recurrent layers; each reads the rows forwards and backwards, and the next reads both.

    Padding on the right changes no valid step; its outputs mean nothing.

    Args:
        cell: Kind of recurrent layer.
        width: Features D in.
        half: Features H each way; the output has twice as many.
        layers: Number of layers.
        dropout: Share of features dropped between layers.
    """

    def __init__(self, cell: Cell, width: int, half: int, layers: int, dropout: float) -> None:
        super().__init__()
        sizes = [width, *[2 * half] * (layers - 1)]
        self.forwards = nn.ModuleList(CELLS[cell](size, half, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(CELLS[cell](size, half, batch_first=True) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Float[Tensor, "b l d"], lengths: Int[Tensor, " b"]) -> Float[Tensor, "b l h2"]:
        """Read rows in both directions."""
        begins = torch.arange(len(rows), device=rows.device)[:, None] * rows.shape[1]
        order = (begins + _mirror_places(lengths.to(rows.device), rows.shape[1])).flatten()
        for layer, (ahead, back) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            rows = rows if layer == 0 else self.dropout(rows)
            backward = back(_mirror(rows, order))[0]
            rows = torch.cat([ahead(rows)[0], _mirror(backward, order)], dim=2)
        return rows
