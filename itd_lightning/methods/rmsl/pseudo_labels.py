"""Pseudo labels for self-training, by the certainty of a model about each behaviour.

Axes: P passes, N behaviours, S sequences.

Source:
    RMSL: Weakly-Supervised Insider Threat Detection with Robust Multi-Sphere Learning, section 3.4.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from itd_lightning.methods.bases.sequence_method import sequence_means
from itd_lightning.methods.rmsl.bags import ranks


class PseudoLabels(NamedTuple):
    """The labels that self-training learns from. Equations 9 to 12.

    Attributes:
        high: Behaviours whose scores vary least between passes; their hard label is trusted.
        middle: The next ones; a soft label corrects the hard one.
        hard: Label by the mean score, for ``high``, 0 or 1.
        careful: The same for ``middle``: 0 or 1 where the mean score is clear enough, else NaN.
        certainty: Mean of the inverse variances, the largest of which counts 1.
    """

    high: Bool[Tensor, " n"]
    middle: Bool[Tensor, " n"]
    hard: Float[Tensor, " n"]
    careful: Float[Tensor, " n"]
    certainty: Float[Tensor, ""]


def pseudo_labels(
    passes: Float[Tensor, "p n"],
    sequence: Int[Tensor, " n"],
    sequences: int,
    high_share: float,
    middle_share: float,
    threshold: float,
    clear: float,
) -> PseudoLabels:
    """Return the behaviours of which the model is surest, with their labels.

    Args:
        passes: Scores of several passes with dropout, at least two.
        sequence: Number of each behaviour's sequence.
        sequences: Number of sequences.
        high_share: Share ``r_hi`` of a sequence's behaviours, rounded down.
        middle_share: Share ``r_mid`` of the next ones, rounded down.
        threshold: Score ``tau_a`` above which a behaviour is anomalous.
        clear: Threshold ``tau_c``; the label of a middling one is 1 above it, 0 below ``1 - tau_c``, but
            never against ``tau_a``.
    """
    mean, variance = passes.mean(dim=0), passes.var(dim=0)
    rank, size = ranks(variance, sequence, sequences)
    high = rank < (high_share * size).long()[sequence]
    middle = ~high & (rank < (high_share * size).long()[sequence] + (middle_share * size).long()[sequence])
    undecided = torch.full_like(mean, torch.nan)
    high_enough, low_enough = mean > max(clear, threshold), mean < min(1 - clear, threshold)
    careful = torch.where(high_enough, 1.0, torch.where(low_enough, 0.0, undecided))
    inverse = 1 / variance.clamp(min=1e-12)
    return PseudoLabels(high, middle, (mean > threshold).to(mean), careful, (inverse / inverse.max()).mean())


def confident_loss(
    scores: Float[Tensor, " n"], pseudo: PseudoLabels, sequence: Int[Tensor, " n"], sequences: int
) -> Float[Tensor, ""]:
    """Return the cross-entropy of the surest behaviours. Equation 11, mean over sequences."""
    high = pseudo.high
    losses = binary_cross_entropy(scores[high], pseudo.hard[high], reduction="none")
    return sequence_means(losses, sequence[high], sequences).mean()


def corrected_loss(
    scores: Float[Tensor, " n"],
    soft: Float[Tensor, " n"],
    pseudo: PseudoLabels,
    sequence: Int[Tensor, " n"],
    sequences: int,
    hard_weight: float,
) -> Float[Tensor, ""]:
    """Return the cross-entropy of less sure behaviours with both labels. Equation 12, mean over sequences.

    A behaviour whose hard label stays open learns from its soft one alone.

    Args:
        scores: Scores of the student, 0 .. 1.
        soft: Scores of the teacher.
        pseudo: Hard labels, and the behaviours that have them.
        sequence: Number of each behaviour's sequence.
        sequences: Number of sequences.
        hard_weight: Weight ``lambda_pse`` of the hard label.
    """
    middle = pseudo.middle
    hard, score = pseudo.careful[middle], scores[middle]
    by_hard = binary_cross_entropy(score, hard.nan_to_num(0.0), reduction="none") * ~hard.isnan()
    by_soft = binary_cross_entropy(score, soft[middle], reduction="none")
    losses = hard_weight * by_hard + (1 - hard_weight) * by_soft
    return sequence_means(losses, sequence[middle], sequences).mean()
