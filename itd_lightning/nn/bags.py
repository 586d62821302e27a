"""Sequences as bags: what is known of the whole teaches something about its parts.

Axes: N behaviours, S sequences.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy


def sequence_means(
    values: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int
) -> Float[Tensor, " s"]:
    """Mean over the behaviours of each sequence; 0 where none counts."""
    total = values.new_zeros(sequences).index_add(0, sequence, values)
    return total / torch.bincount(sequence, minlength=sequences).clamp(min=1)


def bag_scores(
    scores: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int
) -> Float[Tensor, " s"]:
    """Mean of the highest scores of each sequence: of ``1 + n // 16`` among n behaviours. Section 3.3.

    The paper leaves the number open. By its table 2, a malicious session of CERT r4.2 holds 6.5 malicious
    behaviours of some 70; a sixteenth stays below that.
    """
    rank, size = ranks(-scores, sequence, sequences)
    top = rank < (1 + size // 16)[sequence]
    return sequence_means(scores[top], sequence[top], sequences)


def ranks(
    values: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int
) -> tuple[Int[Tensor, " n"], Int[Tensor, " s"]]:
    """Rank of each value within its sequence, 0 for the smallest, and the size of each sequence."""
    size = torch.bincount(sequence, minlength=sequences)
    order = torch.argsort(values.detach(), stable=True)
    order = order[torch.argsort(sequence[order], stable=True)]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - (size.cumsum(0) - size)[sequence[order]]
    return rank, size


def balanced(scores: Float[Tensor, " s"], labels: Float[Tensor, " s"]) -> Float[Tensor, ""]:
    """Cross-entropy of sequence scores, in which both kinds weigh the same. Loss of section 3.3."""
    loss = binary_cross_entropy(scores, labels, reduction="none")
    kinds = [loss[labels == kind] for kind in (0, 1) if (labels == kind).any()]
    return torch.stack([kind.mean() for kind in kinds]).mean()
