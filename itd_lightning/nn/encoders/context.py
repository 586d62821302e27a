"""Builds encoders by the context of a step: the past, to predict the next, or the whole row, to fill gaps.

Axes: B rows, L steps, M width.
"""

from typing import Literal, assert_never

from jaxtyping import Bool, Float
from torch import Tensor

from itd_lightning.nn.encoders.array_lstm import ArrayLSTM
from itd_lightning.nn.encoders.base import SequenceEncoder, Transformer, encoder
from itd_lightning.nn.encoders.bidirectional import Bidirectional, Cell
from itd_lightning.nn.encoders.bst import BST
from itd_lightning.nn.encoders.dien import DIEN
from itd_lightning.nn.encoders.fmlp import FMLP
from itd_lightning.nn.encoders.rwkv import RWKV

Past = Literal[
    "rnn",
    "gru",
    "lstm",
    "array_lstm",
    "transformer",
    "mamba",
    "rwkv",
    "dien",
    "bst",
    "fmlp",
    "fmlp_circular",  # its published form, which sees the future
]
Whole = Literal["rnn", "gru", "lstm", "transformer", "fmlp"]


class _BothWays(SequenceEncoder):
    """An encoder by all steps, through recurrent layers that read rows forwards and backwards.

    Args:
        cell: Kind of recurrent layer.
        width: Width of input and output, M; even, as each way has half of it.
        layers: Layers.
        dropout: Share of units dropped between layers.
    """

    def __init__(self, cell: Cell, width: int = 64, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = Bidirectional(cell, width, width // 2, layers, dropout)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Read in both directions."""
        mixed: Tensor = self.layers(x, real.sum(1))
        return mixed


def past_encoder(
    kind: Past, width: int = 64, layers: int = 2, heads: int = 4, dropout: float = 0.0
) -> SequenceEncoder:
    """Build an encoder each of whose steps sees the steps before it, but for ``fmlp_circular``.

    Args:
        kind: Name of the encoder.
        width: Width of input and output, M.
        layers: Number of layers.
        heads: Attention heads; for ``transformer`` and ``bst``.
        dropout: Share of units that training drops.

    Raises:
        ValueError: If ``dien`` is to have more than its one layer.
    """
    match kind:
        case "rnn" | "gru" | "lstm" | "transformer" | "mamba":
            return encoder(kind, width, layers, dropout=dropout, heads=heads, causal=True)
        case "array_lstm":
            return ArrayLSTM(width, layers, dropout)
        case "rwkv":
            return RWKV(width, layers, dropout)
        case "bst":
            return BST(width, layers, heads, dropout)
        case "fmlp" | "fmlp_circular":
            return FMLP(width, layers, dropout, circular=kind == "fmlp_circular")
        case "dien":
            if layers != 1:
                raise ValueError(f"dien has one layer, got layers = {layers}")
            return DIEN(width, dropout)
        case _:
            assert_never(kind)


def whole_encoder(
    kind: Whole, width: int = 64, layers: int = 2, heads: int = 4, dropout: float = 0.0
) -> SequenceEncoder:
    """Build an encoder each of whose steps sees the whole row.

    Args:
        kind: Name of the encoder.
        width: Width of input and output, M; even.
        layers: Number of layers.
        heads: Attention heads; for ``transformer``.
        dropout: Share of units that training drops.
    """
    match kind:
        case "rnn" | "gru" | "lstm":
            return _BothWays(kind, width, layers, dropout)
        case "transformer":
            return Transformer(width, layers, heads, dropout)
        case "fmlp":
            return FMLP(width, layers, dropout, circular=True)
        case _:
            assert_never(kind)
