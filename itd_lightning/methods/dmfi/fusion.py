"""Fuses the scores of a day's texts and of its behaviour: fixed statistics, then a small network.

Axes: B days, M texts of a day, S statistics, F features.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Pooling = Literal["full", "max", "mean", "mean_max"]
STATISTICS: dict[Pooling, tuple[str, ...]] = {
    "full": ("mean", "max", "std", "min"),
    "max": ("max",),
    "mean": ("mean",),
    "mean_max": ("mean", "max"),
}


def pool_scores(scores: Float[Tensor, " m"], pooling: Pooling = "full") -> Float[Tensor, " s"]:
    """Return statistics of the scores of a day's texts, equation 12; NaN where there is no text.

    Example:
        >>> from torch import tensor
        >>> pool_scores(tensor([0.25, 0.75]))
        tensor([0.5000, 0.7500, 0.2500, 0.2500])
    """
    if not len(scores):
        return scores.new_full((len(STATISTICS[pooling]),), torch.nan)
    statistics = {
        "mean": scores.mean(),
        "max": scores.max(),
        "std": scores.std(correction=0),
        "min": scores.min(),
    }
    return torch.stack([statistics[name] for name in STATISTICS[pooling]])


class FusionHead(nn.Module):
    """A network for the log-odds of a day by the statistics of its texts and the score of its behaviour.

    Features are standardised by training days. A day without texts has those of the usual day, 0 standard
    deviations; and no day scores lower than it would with them. So texts can raise the score of a day and
    never lower it: whoever writes soothing mails gains nothing.

    Args:
        semantic: Number of statistics of texts, S; 0 without that view.
        behaviour: Whether there is a behaviour score.
        hidden: Width of both hidden layers.
    """

    def __init__(self, semantic: int, behaviour: bool, hidden: int = 32) -> None:
        super().__init__()
        self.semantic, self.floor = semantic, behaviour and semantic > 0
        width = semantic + int(behaviour)
        self.layers = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        self.mean: Tensor
        self.spread: Tensor

    def fit(self, features: Float[Tensor, "n f"]) -> None:
        """Fit the mean and spread of the features to training days."""
        exists = ~features.isnan()
        count = exists.sum(0).clamp(min=1)
        mean = features.nan_to_num(0.0).sum(0) / count
        variance = torch.where(exists, features - mean, 0.0).square().sum(0) / count
        self.mean.copy_(mean)
        self.spread.copy_(torch.where(variance > 0, variance.sqrt(), 1.0))

    def forward(self, features: Float[Tensor, "b f"]) -> Float[Tensor, " b"]:
        """Return the log-odds of each day."""
        unit = ((features - self.mean) / self.spread).nan_to_num(0.0)
        logit: Tensor = self.layers(unit)[:, 0]
        if not self.floor:
            return logit
        alone = unit.clone()
        alone[:, : self.semantic] = 0.0
        return torch.maximum(logit, self.layers(alone)[:, 0])
