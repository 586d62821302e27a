"""FMLP: a perceptron with learned filters between its layers, which remove noise from a sequence.

Axes: B rows, L steps, M width, N steps that a filter reaches.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.fft import irfft, rfft
from torch.nn.functional import pad

from itd_lightning.nn.encoders.base import SequenceEncoder, positions


class Filter(nn.Module):
    """A filter for each unit, learned by its N / 2 + 1 frequencies and applied as the convolution that it is.

    Args:
        width: Width M.
        reach: Steps N that it reaches; even.
        circular: Whether the sequence is a circle, of which a step sees half the reach before and after it;
            else it sees the steps before it.
    """

    def __init__(self, width: int, reach: int, circular: bool) -> None:
        super().__init__()
        self.reach, self.circular = reach, circular
        self.frequencies = nn.Parameter(0.02 * torch.randn(reach // 2 + 1, width, 2))

    def forward(self, x: Float[Tensor, "b l m"], lengths: Int[Tensor, " b"]) -> Float[Tensor, "b l m"]:
        """Convolve rows with zeros in their padding."""
        taps = irfft(torch.view_as_complex(self.frequencies), n=self.reach, dim=0)
        if self.circular:
            taps = taps.roll(self.reach // 2, 0)
            around = _circle(x, lengths, before=self.reach // 2 - 1, after=self.reach // 2)
        else:
            around = pad(x, (0, 0, self.reach - 1, 0))
        size = around.shape[1]
        # A product of so many frequencies is a circular convolution, right from the step N - 1 on.
        product = rfft(around, dim=1) * rfft(taps, n=size, dim=0)
        filtered: Tensor = irfft(product, n=size, dim=1)[:, self.reach - 1 :]
        return filtered


def _circle(
    x: Float[Tensor, "b l m"], lengths: Int[Tensor, " b"], before: int, after: int
) -> Float[Tensor, "b l2 m"]:
    """Return rows closed to circles: so many steps of their end before them, and of their beginning after."""
    rows, steps, width = x.shape
    at = torch.arange(-before, steps + after, device=x.device) % lengths.clamp(min=1)[:, None]
    begins = torch.arange(rows, device=x.device)[:, None] * steps
    return x.flatten(0, 1).index_select(0, (begins + at).flatten()).view(rows, -1, width)


class _Block(nn.Module):
    """A filter and a perceptron; each adds to what it reads, and the sum is normalised.

    Args:
        width: Width M.
        dropout: Share of units dropped from what each adds.
        reach: Steps N that the filter reaches.
        circular: Whether the sequence is a circle.
    """

    def __init__(self, width: int, dropout: float, reach: int, circular: bool) -> None:
        super().__init__()
        self.filter = Filter(width, reach, circular)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )
        self.dropout = nn.Dropout(dropout)
        self.filtered, self.done = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Filter each unit over the steps, then mix the units of each step."""
        x = x.masked_fill(~real[..., None], 0.0)
        x = self.filtered(x + self.dropout(self.filter(x, real.sum(1))))
        mixed: Tensor = self.done(x + self.perceptron(x))
        return mixed


class FMLP(SequenceEncoder):
    """An encoder by learned filters over the last N steps, or, on a circle, N around each.

    Args:
        width: Width of input and output, M.
        layers: Blocks of a filter and a perceptron.
        dropout: Share of units dropped from what a part adds.
        reach: Steps that a filter reaches in one layer, N; even.
        circular: The published form, in which the sequence is a circle. **It sees the future**: a prediction
            of the next behaviour by it depends on that behaviour. It is meant for masked behaviours.

    Raises:
        ValueError: If the reach is odd.

    Source:
        Zhou et al. 2022, Filter-enhanced MLP is All You Need for Sequential Recommendation, WWW,
        arXiv:2202.13556, section 4.1.
        Departure: the published filter has as many frequencies as a sequence of 50 has steps, and so is a
        circular convolution with the whole. Here it has N, whatever the length, and by default the same taps
        are applied to the steps before. On a circle, each row closes behind its last real step. Positions are
        sines, so any length fits.
    """

    def __init__(
        self,
        width: int = 64,
        layers: int = 2,
        dropout: float = 0.0,
        reach: int = 64,
        *,
        circular: bool = False,
    ) -> None:
        super().__init__()
        if reach < 2 or reach % 2:
            raise ValueError(f"reach must be even, got {reach}")
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, dropout, reach, circular) for _ in range(layers))

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Filter block by block."""
        x = self.norm(x + positions(x))
        for block in self.blocks:
            x = block(x, real)
        return x
