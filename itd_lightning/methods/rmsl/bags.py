"""Sequences as bags of behaviours: highest scores and ranks within each.

Axes: N behaviours, S sequences.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from itd_lightning.methods.bases.sequence_method import sequence_means


def bag_scores(
    scores: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int, one_in: int = 16
) -> Float[Tensor, " s"]:
    """Return the mean of the highest scores of each sequence, ``1 + n // one_in`` of n; RMSL, section 3.3.

    The paper leaves the number open. By its table 2, a malicious session of CERT r4.2 holds 6.5 malicious
    behaviours of some 70, on average; a sixteenth stays below that, but not in every session.
    """
    rank, size = ranks(-scores, sequence, sequences)
    top = rank < (1 + size // one_in)[sequence]
    return sequence_means(scores[top], sequence[top], sequences)


def ranks(
    values: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int
) -> tuple[Int[Tensor, " n"], Int[Tensor, " s"]]:
    """Return the rank of each value in its sequence, 0 for the smallest, and the size of each sequence."""
    size = torch.bincount(sequence, minlength=sequences)
    order = torch.argsort(values.detach(), stable=True)
    order = order[torch.argsort(sequence[order], stable=True)]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - (size.cumsum(0) - size)[sequence[order]]
    return rank, size
