"""Path signatures to depth 3: the iterated integrals of a trajectory, exact for straight lines between days.

Axes: U users, T points, D channels of the path, N windows, K = D + D^2 (+ D^3) coordinates.

Level k of the signature of a path X holds the integrals of dX^(i1) ... dX^(ik) over t1 < ... < tk. One
straight step dx has the levels dx, dx (x) dx / 2, dx (x) dx (x) dx / 6; Chen's identity puts steps together:

    (a b)_1 = a_1 + b_1
    (a b)_2 = a_2 + a_1 (x) b_1 + b_2
    (a b)_3 = a_3 + a_2 (x) b_1 + a_1 (x) b_2 + b_3

Written out, the signature up to each point is a cumulative sum in each level. A window from s to t is the
inverse of the signature up to s, times the one up to t: no window is computed from its points.

Source:
    Chen 1957; Chevyrev and Kormilitzin, A Primer on the Signature Method in Machine Learning, sections 1.2
    and 1.3, arXiv:1603.03788. Departure from ChronosVector: the step's own terms of levels 2 and 3 are there,
    without which neither Chen's identity nor invariance under reparametrisation holds.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class _Signature(NamedTuple):
    """Levels 1 to 3 of signatures, each without the constant level 0.

    Attributes:
        one: Increments, ``(*, D)``.
        two: Level 2, ``(*, D, D)``.
        three: Level 3, ``(*, D, D, D)``; None where only two levels are wanted.
    """

    one: Tensor
    two: Tensor
    three: Tensor | None

    def at(self, points: Int[Tensor, " n"]) -> "_Signature":
        """Return the signatures up to these points of the second axis."""
        three = None if self.three is None else self.three[:, points]
        return _Signature(self.one[:, points], self.two[:, points], three)

    def flat(self) -> Tensor:
        """Return all coordinates side by side, level 1 first, ``(*, K)``."""
        batch = self.one.dim() - 1
        return torch.cat([level.flatten(batch) for level in self if level is not None], dim=-1)


def _outer(left: Float[Tensor, "..."], right: Float[Tensor, "..."], shared: int) -> Float[Tensor, "..."]:
    """Return the tensor product of the axes behind the shared ones."""
    for _ in range(right.dim() - shared):
        left = left.unsqueeze(-1)
    shape = right.shape[:shared] + (1,) * (left.dim() - right.dim()) + right.shape[shared:]
    return left * right.reshape(shape)


def chen(first: _Signature, second: _Signature) -> _Signature:
    """Return the signature of a path that goes on where another one ends."""
    shared = first.one.dim() - 1
    one = first.one + second.one
    two = first.two + _outer(first.one, second.one, shared) + second.two
    if first.three is None or second.three is None:
        return _Signature(one, two, None)
    mixed_terms = _outer(first.two, second.one, shared) + _outer(first.one, second.two, shared)
    return _Signature(one, two, first.three + mixed_terms + second.three)


def inverse(path: _Signature) -> _Signature:
    """Return the signature of the path backwards."""
    shared = path.one.dim() - 1
    square = _outer(path.one, path.one, shared)
    two = square - path.two
    if path.three is None:
        return _Signature(-path.one, two, None)
    mixed = _outer(path.one, path.two, shared) + _outer(path.two, path.one, shared)
    return _Signature(-path.one, two, mixed - path.three - _outer(path.one, square, shared))


def signatures_up_to(path: Float[Tensor, "u t d"], depth: int = 2) -> _Signature:
    """Return the signature of each path from its first point to each of its points; 0 at the first.

    Memory: U T D^depth numbers; give users in blocks.

    Raises:
        ValueError: If the depth is neither 2 nor 3.
    """
    if depth not in (2, 3):
        raise ValueError(f"depth must be 2 or 3, got {depth}")
    step = torch.diff(path, dim=1, prepend=path[:, :1])
    one = path - path[:, :1]
    before = one - step
    square = _outer(step, step, 2)
    two = (_outer(before, step, 2) + square / 2).cumsum(dim=1)
    if depth == 2:
        return _Signature(one, two, None)
    two_before = torch.cat([torch.zeros_like(two[:, :1]), two[:, :-1]], dim=1)
    added = _outer(two_before, step, 2) + _outer(before, square, 2) / 2 + _outer(step, square, 2) / 6
    return _Signature(one, two, added.cumsum(dim=1))


def signature(path: Float[Tensor, "u t d"], depth: int = 2) -> Float[Tensor, "u k"]:
    """Return the signature of each whole path."""
    return (
        signatures_up_to(path, depth).at(torch.tensor([path.shape[1] - 1], device=path.device)).flat()[:, 0]
    )


def sliding_signatures(
    path: Float[Tensor, "u t d"], window: int = 14, depth: int = 2
) -> Float[Tensor, "u t k"]:
    """Return the signature of the window that ends at each point; windows at the beginning are shorter.

    Chen's identity subtracts products of what came before the window, and loses their digits: give float64.
    There, windows of 500 days differ from windows one by one by 2e-15 of the largest coordinate.

    Raises:
        ValueError: If the window is no path, or the depth is neither 2 nor 3.
    """
    if window < 2:
        raise ValueError(f"window must be at least 2 points, got {window}")
    ends = torch.arange(path.shape[1], device=path.device)
    whole = signatures_up_to(path, depth)
    return chen(inverse(whole.at((ends - window + 1).clamp(min=0))), whole).flat()


def with_time(path: Float[Tensor, "u t d"], days: Float[Tensor, "u t"]) -> Float[Tensor, "u t e"]:
    """Return the path with its time as the first channel, so that durations count too."""
    return torch.cat([days.to(path.dtype).unsqueeze(2), path], dim=2)


def sliding_with_time(
    path: Float[Tensor, "u t d"], days: Float[Tensor, "u t"], window: int = 14, depth: int = 2
) -> Float[Tensor, "u t k"]:
    """Return ``sliding_signatures`` of ``with_time``, where time runs from 0 to 1 within each window.

    A channel that is scaled scales each coordinate as often as it occurs in it, so the days need no rescaling
    before the windows are cut.
    """
    levels = sliding_signatures(with_time(path, days), window, depth)
    ends = torch.arange(path.shape[1], device=path.device)
    length = days - days[:, (ends - window + 1).clamp(min=0)]
    scale = torch.where(length > 0, 1 / length, 0.0).to(path.dtype)
    return levels * scale.unsqueeze(2) ** _occurrences(path.shape[2] + 1, depth).to(path.device)


def _occurrences(channels: int, depth: int) -> Int[Tensor, " k"]:
    """Return how often the first channel occurs in each coordinate."""
    first = (torch.arange(channels) == 0).long()
    two = first[:, None] + first
    levels = [first, two.flatten(), (two[:, :, None] + first).flatten()]
    return torch.cat(levels[:depth])
