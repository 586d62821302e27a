"""Surprise of a number: beside peers on the same day, and by its share of a distribution.

Axes: N values, Q quantiles.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

_TAIL = 0.05  # of a distribution, above which a surprise grows along a straight line
FEW_PEERS = 5  # active members of a department, below which the company stands for it


def peer_medians(
    values: Float[Tensor, " n"], group: Int[Tensor, " n"]
) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """Return the median of each value's group, the lower one of two, and the size of the group."""
    order = values.argsort(stable=True)
    order = order[group[order].argsort(stable=True)]
    _, member, count = group[order].unique_consecutive(return_inverse=True, return_counts=True)
    begin = count.cumsum(0) - count
    median = values[order][begin + (count - 1) // 2]
    back = torch.empty_like(order).scatter_(0, order, member)
    return median[back], count[back]


def beside_peers(
    values: Float[Tensor, " n"], day: Int[Tensor, " n"], group: Int[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """Return values minus the day's median: of the department, or of the company if too few are there.

    With too few in the company, too, as on a weekend, nothing is subtracted.
    """
    company, company_size = peer_medians(values, day)
    department, members = peer_medians(values, day * (group.max() + 2) + group + 1)
    by_department = (members >= FEW_PEERS) & (group >= 0)
    usual = torch.where(by_department, department, torch.where(company_size >= FEW_PEERS, company, 0.0))
    return values - usual


def tail_surprise(values: Float[Tensor, " n"], quantiles: Float[Tensor, " q"]) -> Float[Tensor, " n"]:
    """Return -log of the share of training days that lie as high or higher.

    Above the 95 % quantile it grows by one for each mean excess, as if the tail were exponential, so that no
    two large values tie.

    Args:
        values: Signals beside history and peers.
        quantiles: Evenly spaced quantiles from 0 to ``1 - TAIL``, then the mean excess above the last one.
    """
    grid, excess = quantiles[:-1], quantiles[-1]
    # The first of equal quantiles: a signal that is mostly 0 says nothing while it is.
    upper = torch.searchsorted(grid.contiguous(), values.contiguous()).clamp(1, len(grid) - 1)
    low, high = grid[upper - 1], grid[upper]
    part = torch.where(high > low, (values - low) / (high - low), 0.0).clamp(0, 1)
    share = (upper - 1 + part) / (len(grid) - 1) * (1 - _TAIL)
    return -torch.log1p(-share) + (values - grid[-1]).clamp(min=0) / excess


def tail_quantiles(values: Float[Tensor, " n"], count: int) -> Float[Tensor, " q"]:
    """Return the quantiles of training days that ``tail_surprise`` needs."""
    ordered = values.double().sort().values
    at = torch.linspace(0, (1 - _TAIL) * (len(ordered) - 1), count, dtype=torch.float64).long()
    grid = ordered[at]
    excess = (ordered[ordered > grid[-1]] - grid[-1]).mean().nan_to_num(1.0)
    return torch.cat([grid, excess.clamp(min=1e-6)[None]]).to(values.dtype)
