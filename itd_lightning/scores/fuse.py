"""Fusion of several methods: conformal surprises, weighted by logistic regression on validation days.

Axes: N user-days, S methods, V harmless validation days.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from itd_lightning.metrics.conformal import p_values


def surprise(scores: Float[np.ndarray, " n"], harmless: Float[np.ndarray, " v"]) -> Float[np.ndarray, " n"]:
    """Return -log of the conformal p-value: the share of harmless validation days at least as high.

    Example:
        >>> surprise(np.array([9.0, 0.0]), np.arange(9.0)).round(2)
        array([ 2.3, -0. ])
    """
    surprises: Float[np.ndarray, " n"] = -np.log(p_values(scores, harmless))
    return surprises


def fusion(
    scores: Sequence[Float[np.ndarray, " n"]],
    validated: Bool[np.ndarray, " n"],
    malicious: Bool[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " s"]]:
    """Return the weighted sum of the surprises of S methods, and the weights.

    Args:
        scores: Of each method.
        validated: Which days validate: p-values and weights come from them, and from no others.
        malicious: Which days are malicious; only those that validate are looked at. Without any of them, or
            with nothing else, all methods weigh the same.
    """
    surprises = np.stack([surprise(one, one[validated & ~malicious]) for one in scores], axis=1)
    label = malicious[validated]
    weights = np.full(len(scores), 1 / len(scores))
    if label.any() and not label.all():
        # Only fused rows need torch, and the report of a single run has none.
        import torch

        from itd_lightning.numerics.weights import logistic_weights

        learned = torch.from_numpy(surprises[validated]).float()
        weights = logistic_weights(learned, torch.from_numpy(label).float()).double().numpy()
    return surprises @ weights, weights
