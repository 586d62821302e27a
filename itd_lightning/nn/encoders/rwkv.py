"""RWKV-4: a recurrence that works like attention, with weights that decay by the step.

Axes: B rows, L steps, M width.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from itd_lightning.nn.encoders.base import SequenceEncoder


def wkv(
    decay: Float[Tensor, " m"],
    bonus: Float[Tensor, " m"],
    key: Float[Tensor, "b l m"],
    value: Float[Tensor, "b l m"],
) -> Float[Tensor, "b l m"]:
    """Return the mean of the values so far, weighted by their keys and their age.

    A step i before t weighs ``exp(key_i - (t - 1 - i) decay)``, and t itself ``exp(bonus + key_t)``. Both
    sums are kept as multiples of ``exp(top)`` with the largest exponent so far, so that no key overflows.

    Args:
        decay: Rate at which weights fall, positive.
        bonus: Logarithm of the extra weight of the present step.
        key: Logarithms of weights.
        value: Values to average.
    """
    total = weight = torch.zeros_like(key[:, 0])
    top = torch.full_like(total, -torch.inf)
    means = []
    for k, v in zip(key.unbind(1), value.unbind(1), strict=True):
        # The ratio does not depend on the exponent that is taken out, so neither does its gradient.
        highest = torch.maximum(top, bonus + k).detach()
        before, now = torch.exp(top - highest), torch.exp(bonus + k - highest)
        means.append((before * total + now * v) / (before * weight + now))
        highest = torch.maximum(top - decay, k).detach()
        before, now = torch.exp(top - decay - highest), torch.exp(k - highest)
        total, weight, top = before * total + now * v, before * weight + now, highest
    return torch.stack(means, dim=1)


def _shares(width: int, power: float) -> Float[Tensor, "1 1 m"]:
    """Return start values of a mix with the step before: from 0 to 1 over the units."""
    return (torch.arange(width) / width).pow(power).view(1, 1, width)


class _TimeMix(nn.Module):
    """A layer that mixes a step with those before it.

    Args:
        width: Width M.
        depth: Height of the layer in the stack, from 0 to below 1.
    """

    def __init__(self, width: int, depth: float) -> None:
        super().__init__()
        place = torch.arange(width) / max(width - 1, 1)
        self.decay = nn.Parameter(-5 + 8 * place.pow(0.7 + 1.3 * depth))
        zigzag = (torch.arange(width) + 1) % 3 - 1
        self.bonus = nn.Parameter(math.log(0.3) + 0.5 * zigzag)
        power = 1 - depth
        self.key_share = nn.Parameter(_shares(width, power))
        self.value_share = nn.Parameter(_shares(width, power) + 0.3 * depth)
        self.gate_share = nn.Parameter(_shares(width, 0.5 * power))
        self.key, self.value, self.gate, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: Float[Tensor, "b l m"]) -> Float[Tensor, "b l m"]:
        """Average the values so far, and apply the gate."""
        before = pad(x, (0, 0, 1, -1))
        key = self.key(before.lerp(x, self.key_share))
        value = self.value(before.lerp(x, self.value_share))
        gate = self.gate(before.lerp(x, self.gate_share)).sigmoid()
        mixed: Tensor = self.out(gate * wkv(self.decay.exp(), self.bonus, key, value))
        return mixed


class _ChannelMix(nn.Module):
    """A layer that mixes the units of a step and of the one before.

    Args:
        width: Width M.
        depth: Height of the layer in the stack, from 0 to below 1.
    """

    def __init__(self, width: int, depth: float) -> None:
        super().__init__()
        self.key_share = nn.Parameter(_shares(width, 1 - depth))
        self.gate_share = nn.Parameter(_shares(width, 1 - depth))
        self.key = nn.Linear(width, 4 * width, bias=False)
        self.value = nn.Linear(4 * width, width, bias=False)
        self.gate = nn.Linear(width, width, bias=False)

    def forward(self, x: Float[Tensor, "b l m"]) -> Float[Tensor, "b l m"]:
        """Apply squared rectifiers and the gate."""
        before = pad(x, (0, 0, 1, -1))
        values = self.value(relu(self.key(before.lerp(x, self.key_share))).square())
        mixed: Tensor = self.gate(before.lerp(x, self.gate_share)).sigmoid() * values
        return mixed


class RWKV(SequenceEncoder):
    """An encoder by the steps before each, the nearest weighing most.

    Args:
        width: Width of input and output, M.
        layers: Blocks of time mixing and channel mixing, normalised before each.
        dropout: Share of units dropped from what a part adds.

    Source:
        Peng et al. 2023, RWKV, arXiv:2305.13048, sections 3.1 to 3.3, and the appendix on stability; start
        values of the bonuses and shares as in the authors' RWKV-4.
        Departure: the height of a layer among L, by which decays (and the part 0.3 of the shares of values)
        start, is l / L throughout; there, it is l / (L - 1). Matrices start as linear layers do in torch,
        not at 0 or orthogonal. Dropout is ours.
    """

    def __init__(self, width: int = 64, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), part(width, layer / layers), nn.Dropout(dropout))
            for layer in range(layers)
            for part in (_TimeMix, _ChannelMix)
        )
        self.begin, self.end = nn.LayerNorm(width), nn.LayerNorm(width)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Add the output of each part; the padding comes last."""
        x = self.begin(x)
        for part in self.parts:
            x = x + part(x)
        mixed: Tensor = self.end(x)
        return mixed
