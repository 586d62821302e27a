"""Weights that are learned from labels, and never reward what is usual."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def logistic_weights(features: Float[Tensor, "n s"], label: Float[Tensor, " n"]) -> Float[Tensor, " s"]:
    """Return the weights of a balanced logistic regression: none negative, sum 1; equal if all are 0."""
    class_weight = torch.where(label == 1, 0.5 / label.sum(), 0.5 / (1 - label).sum())
    weight = torch.full((features.shape[1],), 0.1, requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    search = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        logits = features @ weight.square() + bias  # squares are never negative
        fit = binary_cross_entropy_with_logits(logits, label, class_weight, reduction="sum")
        value = fit + 1e-3 * weight.square().square().sum()
        value.backward()
        return value

    search.step(loss)
    weights = weight.detach().square()
    total = weights.sum()
    return weights / total if total > 0 else torch.full_like(weights, 1 / len(weights))
