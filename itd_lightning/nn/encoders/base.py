"""Sequence encoders with one interface: recurrent, attention, and Mamba; ``context`` builds more.

Axes: B rows, L steps, M width. Rows are padded on the right to L steps; ``lengths`` says how many are real.

Whatever stands in the padding, even NaN, changes no output and no gradient, and the outputs of padding are 0.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal, assert_never

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from itd_lightning.nn.mamba import Backend, Mamba

Kind = Literal["mamba", "rnn", "lstm", "gru", "transformer"]


class SequenceEncoder(nn.Module, ABC):
    """An encoder of each step of a row in the context of other steps; it keeps the shape."""

    def forward(self, x: Float[Tensor, "b l m"], lengths: Int[Tensor, " b"]) -> Float[Tensor, "b l m"]:
        """Encode rows of which the first ``lengths`` steps are real; a row may have none."""
        if not x.numel():
            return x
        real = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        padding = ~real[..., None]
        return self.mix(x.masked_fill(padding, 0.0), real).masked_fill(padding, 0.0)

    @abstractmethod
    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Encode rows with zeros in their padding; the outputs of padding are ignored."""

    def auxiliary(self, x: Float[Tensor, "b l m"], counted: Bool[Tensor, "b l"]) -> Float[Tensor, ""]:
        """Return the encoder's own loss over the steps that count, beside that of the task; 0 for most."""
        return x.new_zeros(())


class _RNN(SequenceEncoder):
    """A recurrent encoder without gates; Elman 1990.

    Args:
        width: Width of input and output, M.
        layers: Recurrent layers.
        dropout: Share of units dropped between layers.
    """

    def __init__(self, width: int = 64, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.rnn = nn.RNN(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Step from left to right; the padding comes last."""
        mixed: Tensor = self.rnn(x)[0]
        return mixed


class LSTM(SequenceEncoder):
    """A recurrent encoder with gates; Hochreiter and Schmidhuber 1997.

    Args:
        width: Width of input and output, M.
        layers: LSTM layers.
        dropout: Share of units dropped between layers.
    """

    def __init__(self, width: int = 64, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Step from left to right; the padding comes last."""
        mixed: Tensor = self.lstm(x)[0]
        return mixed


class _GRU(SequenceEncoder):
    """A recurrent encoder with two gates; Cho et al. 2014.

    Args:
        width: Width of input and output, M.
        layers: GRU layers.
        dropout: Share of units dropped between layers.
    """

    def __init__(self, width: int = 64, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.gru = nn.GRU(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Step from left to right; the padding comes last."""
        mixed: Tensor = self.gru(x)[0]
        return mixed


class Transformer(SequenceEncoder):
    """An encoder in which each step attends to all real steps, or to those up to itself.

    Args:
        width: Width of input and output, M; a multiple of ``heads``.
        layers: Blocks of attention and feed-forward, normalised before each.
        heads: Attention heads.
        dropout: Share of units dropped in both parts of a block.
        causal: Whether a step sees only itself and the steps before it.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, sections 3.1 to 3.5; sinusoidal positions, so any length fits.
        Departure: layers normalise their input, as later practice does, and use GELU.
    """

    def __init__(
        self, width: int = 64, layers: int = 2, heads: int = 4, dropout: float = 0.0, causal: bool = False
    ) -> None:
        super().__init__()
        self.causal = causal
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.stack = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Attend; a causal step cannot see the padding, which comes later."""
        x = x + positions(x)
        if self.causal:
            later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
            mixed: Tensor = self.stack(x, mask=later, is_causal=True)
        else:
            hidden = ~real
            hidden[:, 0] = False  # a row without real steps must attend to something, or gradients are NaN
            mixed = self.stack(x, src_key_padding_mask=hidden)
        return mixed


def positions(x: Float[Tensor, "b l m"]) -> Float[Tensor, "l m"]:
    """Return sines and cosines of each step's number, at M / 2 wavelengths up to 20,000 pi; section 3.5."""
    steps, width = x.shape[1:]
    step, unit = (torch.arange(n, dtype=torch.float64, device=x.device) for n in (steps, width))
    angle = step[:, None] * torch.exp(unit[::2] * (-math.log(10_000) / width))
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width].to(x.dtype)


class MambaEncoder(SequenceEncoder):
    """An encoder by the steps before each, through states with selective memory.

    Each layer adds a Mamba block of its normalised input; the sum is normalised at the end.

    Args:
        width: Width of input and output, M.
        layers: Mamba blocks.
        dropout: Share of units dropped from what a block adds.
        backend: How the scan runs; see ``itd_lightning.nn.mamba``.

    Source:
        Gu and Dao, Mamba, arXiv:2312.00752, and MixerModel of mamba_ssm; two layers as in Log2Sig, Table II.
        Departure: output projections start at full scale, not divided by the root of the number of layers.
    """

    def __init__(
        self, width: int = 64, layers: int = 2, dropout: float = 0.0, backend: Backend = "auto"
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.RMSNorm(width, eps=1e-5), Mamba(width, backend=backend), nn.Dropout(dropout))
            for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width, eps=1e-5)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Add the output of each layer; the padding comes last."""
        for layer in self.layers:
            x = x + layer(x)
        mixed: Tensor = self.norm(x)
        return mixed


def encoder(
    kind: Kind,
    width: int = 64,
    layers: int = 2,
    *,
    dropout: float = 0.0,
    heads: int = 4,
    causal: bool = False,
    backend: Backend = "auto",
) -> SequenceEncoder:
    """Build the encoder of this kind.

    Args:
        kind: Name of the encoder.
        width: Width of input and output, M.
        layers: Number of layers.
        dropout: Share of units that training drops.
        heads: Attention heads; for ``transformer``.
        causal: Whether a step sees nothing later; for ``transformer``, as the others never do.
        backend: How the scan runs; for ``mamba``.

    Example:
        >>> encoder("gru", width=8)(torch.zeros(2, 5, 8), torch.tensor([5, 3])).shape
        torch.Size([2, 5, 8])
    """
    match kind:
        case "mamba":
            return MambaEncoder(width, layers, dropout, backend)
        case "rnn":
            return _RNN(width, layers, dropout)
        case "lstm":
            return LSTM(width, layers, dropout)
        case "gru":
            return _GRU(width, layers, dropout)
        case "transformer":
            return Transformer(width, layers, heads, dropout, causal)
        case _:
            assert_never(kind)
