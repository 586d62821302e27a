"""Calibration: a line through the log-odds turns scores into probabilities and changes no order.

Axes: N scores.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

_LEAST = 1e-3  # of the slope, in units of the scores' spread: a calibration never turns an order round


def platt(
    score: Float[Tensor, " n"], label: Float[Tensor, " n"], *, balanced: bool = False
) -> tuple[float, float]:
    """Return the slope, never negative, and the offset by which scores become log-odds.

    Args:
        score: Higher is more malicious.
        label: 1 malicious, 0 harmless; both sorts must be there.
        balanced: Let both sorts weigh the same, so that log-odds of 0 are not the base rate.

    Source:
        Platt, Probabilistic outputs for support vector machines, 1999, with his smoothed targets, without
        which scores that part both sorts had an infinite slope.
    """
    score, malicious = score.double(), label.double()
    many, few = float((1 - malicious).sum()), float(malicious.sum())
    target = torch.where(malicious == 1, (few + 1) / (few + 2), 1 / (many + 2))
    weight = torch.where(malicious == 1, 1 / few, 1 / many) if balanced else torch.ones_like(score)
    middle, spread = score.mean(), score.std(correction=0).clamp(min=1e-12)
    unit = (score - middle) / spread
    line = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        logits = line[0].square() * unit + line[1]
        value = binary_cross_entropy_with_logits(logits, target, weight, reduction="sum") / weight.sum()
        value.backward()
        return value

    with torch.inference_mode(mode=False), torch.enable_grad():
        unit, target, weight = unit.clone(), target.clone(), weight.clone()
        search.step(loss)
    slope = max(float(line[0].detach().square()), _LEAST) / float(spread)
    return slope, float(line[1].detach()) - slope * float(middle)
