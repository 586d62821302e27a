"""Change points: days on which a user's usual day becomes another one, and how different it is.

Axes: U users, T days that are looked at, D features, K change points.

A trajectory is cut into segments so that the squared distances of days to their segment's mean, plus a
penalty for each cut, are least (optimal partitioning, of which PELT is the fast form):

    F(t) = min over s of F(s) + C(s, t) + penalty
    C(s, t) = sum over s <= i < t of |x_i - mean of x_s .. x_(t-1)|^2

F(t) needs days before t only, so one pass over all days gives the best cuts of every prefix: this is what
``last_changes`` returns, and why finding changes causally costs no more than finding them once.

Source:
    Killick, Fearnhead and Eckley, JASA 107(500), 2012, sections 2 and 3, doi:10.1080/01621459.2012.737745;
    PELT itself is that of ruptures (Truong, Oudre and Vayatis 2020).
"""

from math import log
from typing import NamedTuple

import ruptures
import torch
from jaxtyping import Float, Int
from torch import Tensor

SHORTEST = 7  # days of a segment, as the page has it
_BLOCK = 32  # users side by side: 64 MB of products at 500 days


class _LastChanges(NamedTuple):
    """The first day of each user's newest regime, as known on each day.

    Attributes:
        change: First day of the segment that holds the day, by the best cuts of the days up to and including
            it, int64 ``(U, T)``; 0 while there is no cut.
        before: First day of the segment before that one, int64 ``(U, T)``; 0 without any.
    """

    change: Tensor
    before: Tensor


def bic_penalty(days: int, features: int) -> float:
    """Return the penalty of one more change by the Bayesian information criterion, for unit variance.

    A change adds D means, each of which costs ln(n) against the sum of squares, that is, twice the negative
    log-likelihood. Departure: ChronosVector takes half of it, and so finds regimes in noise.

    Example:
        >>> round(bic_penalty(100, 2), 2)
        9.21
    """
    return features * log(days)


def change_points(
    values: Float[Tensor, "t d"], penalty: float | None = None, shortest: int = SHORTEST
) -> Int[Tensor, " k"]:
    """Return the first days of new segments, by PELT over all days of a user; none for too few days.

    Args:
        values: One point a day, each feature with about unit variance.
        penalty: Cost of a change; the BIC's, if not given.
        shortest: Days of a segment at least.
    """
    days, features = values.shape
    if days < 2 * shortest:
        return torch.zeros(0, dtype=torch.int64)
    cost = bic_penalty(days, features) if penalty is None else penalty
    # The linear kernel makes the kernel cost the one above, and this form of it is compiled.
    search = ruptures.KernelCPD(kernel="linear", min_size=shortest)
    ends: list[int] = search.fit_predict(values.cpu().double().numpy(), pen=cost)
    return torch.tensor(ends[:-1], dtype=torch.int64)


def last_changes(values: Float[Tensor, "u t d"], penalty: float, shortest: int = SHORTEST) -> _LastChanges:
    """Return the newest change of each user as known on each day: later days cannot move it.

    Exact, since no candidate is pruned. A change is known once the segment after it has ``shortest`` days.
    What stands behind a user's last day does not touch the days before it.

    Cost: U T^2 D products, in T steps for all users of a block. Memory: ``_BLOCK`` T^2 numbers.

    Args:
        values: One point a day, each feature with about unit variance.
        penalty: Cost of a change; it must not grow with the days, or later ones would change earlier cuts.
        shortest: Days of a segment at least.
    """
    starts = [_partitions(block.double(), penalty, shortest) for block in values.split(_BLOCK)]
    start = torch.cat(starts) if starts else torch.zeros(values.shape[0], values.shape[1] + 1).long()
    change = start[:, 1:]
    return _LastChanges(change, start.gather(1, change))


def _partitions(points: Float[Tensor, "u t d"], penalty: float, shortest: int) -> Int[Tensor, "u s"]:
    """Return the first day of the last segment of each prefix; a prefix may have 0 to T days."""
    users, days, _ = points.shape
    total = torch.nn.functional.pad(points.cumsum(dim=1), (0, 0, 1, 0))
    squares = torch.nn.functional.pad(points.square().sum(dim=2).cumsum(dim=1), (1, 0))
    products = total @ total.mT
    norms = products.diagonal(dim1=1, dim2=2)
    length = torch.arange(days + 1, dtype=points.dtype, device=points.device)
    best = points.new_full((users, days + 1), torch.inf)
    best[:, 0] = -penalty  # the first segment is no change
    start = torch.zeros(users, days + 1, dtype=torch.int64, device=points.device)
    for end in range(shortest, days + 1):
        begin = slice(0, end - shortest + 1)
        distances = norms[:, end, None] + norms[:, begin] - 2 * products[:, end, begin]
        cost = squares[:, end, None] - squares[:, begin] - distances / (end - length[begin])
        best[:, end], start[:, end] = (best[:, begin] + cost + penalty).min(dim=1)
    return start


def severity(
    values: Float[Tensor, "u t d"], changes: _LastChanges, after: int | None = None, *, prefix: bool = False
) -> Float[Tensor, "u t"]:
    """Return the difference of the newest regime, 0 to 1, as known on each day; 0 while there is no change.

    One minus exp(-distance) between the mean of the segment before the change and that of the days since.

    Args:
        values: One point a day.
        changes: As ``last_changes`` returns them.
        after: Most days after the change to look at; all of them, if not given.
        prefix: Compare with everything before the change, as the original does (with ``after = 10``), and not
            with the adjacent segment. A second change then hides behind the first.
    """
    total = torch.nn.functional.pad(values.double().cumsum(dim=1), (0, 0, 1, 0))
    today = torch.arange(1, values.shape[1] + 1, device=values.device).expand_as(changes.change)
    end = today if after is None else torch.minimum(today, changes.change + after)
    before = torch.zeros_like(changes.before) if prefix else changes.before
    distances = _mean_between(total, changes.change, end) - _mean_between(total, before, changes.change)
    result = -torch.expm1(-distances.norm(dim=2)) * (changes.change > 0)
    return result.to(values.dtype)


def severities(
    values: Float[Tensor, "t d"], cuts: Int[Tensor, " k"], after: int | None = None, *, prefix: bool = False
) -> Float[Tensor, " k"]:
    """Return the difference of the segments on both sides of each change, all days known; as ``severity``."""
    ends = torch.cat([cuts[1:], cuts.new_tensor([len(values)])])
    begins = torch.cat([cuts.new_zeros(1), cuts[:-1]])[: len(cuts)]
    distances = [
        values[cut : end if after is None else min(end, cut + after)].mean(dim=0)
        - values[0 if prefix else begin : cut].mean(dim=0)
        for begin, cut, end in zip(begins.tolist(), cuts.tolist(), ends.tolist(), strict=False)
    ]
    return -torch.expm1(-torch.stack(distances).norm(dim=1)) if distances else values.new_zeros(0)


def _mean_between(
    total: Float[Tensor, "u s d"], begin: Int[Tensor, "u t"], end: Int[Tensor, "u t"]
) -> Float[Tensor, "u t d"]:
    """Return the means of ranges of days, from sums of all days before each; 0 of an empty range."""
    shape = (*begin.shape, total.shape[2])
    last, first = (total.gather(1, at.unsqueeze(2).expand(shape)) for at in (end, begin))
    return (last - first) / (end - begin).clamp(min=1).unsqueeze(2)
