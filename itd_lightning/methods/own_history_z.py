"""Own-history z: a day is anomalous when its features lie far from what the user does on other days.

Axes: B days, F features.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.methods.base import Method


class OwnHistoryZ(Method[DayBatch]):
    """The baseline of all methods: deviations from the user's own earlier days.

    There is nothing left to learn: the view standardises by own history (``history: own``), or else by
    everybody's.

    Args:
        scored: ``max`` takes the largest deviation of any feature, ``sum`` adds up all of them.
    """

    def __init__(self, scored: Literal["max", "sum"] = "sum") -> None:
        super().__init__(None)
        self.save_hyperparameters()
        self.scored = scored

    def training_step(self, batch: DayBatch, batch_idx: int) -> None:
        """Learn nothing: the view standardises."""

    def validation_step(self, batch: DayBatch, batch_idx: int) -> None:
        """Measure nothing: there are no epochs to choose from."""

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Score days by the largest, or the sum, of the deviations, in standard deviations."""
        deviation = batch.features.abs()
        return deviation.amax(dim=1) if self.scored == "max" else deviation.sum(dim=1)

    def explain(self, batch: DayBatch) -> Explanation:
        """Return the deviation of each feature, or of the largest alone where that is the score."""
        deviation = batch.features.abs()
        if self.scored == "max":
            deviation = torch.where(deviation == deviation.amax(dim=1, keepdim=True), deviation, 0.0)
        return Explanation(deviation, torch.zeros_like(deviation))
