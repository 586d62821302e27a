"""Narrative length: a day is anomalous when its narrative is long."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods.base import Method


class NarrativeLength(Method[NarrativeBatch]):
    """The baseline of methods that read texts: busy days have long ones.

    Args:
        counted: ``words`` of the narrative, or different ``contents``.
    """

    def __init__(self, counted: Literal["words", "contents"] = "words") -> None:
        super().__init__(None)
        self.save_hyperparameters()
        self.counted = counted

    def training_step(self, batch: NarrativeBatch, batch_idx: int) -> None:
        """Learn nothing: there is nothing to learn."""

    def validation_step(self, batch: NarrativeBatch, batch_idx: int) -> None:
        """Measure nothing: there are no epochs to choose from."""

    def score(self, batch: NarrativeBatch) -> Float[Tensor, " b"]:
        """Score days by their number of words or of different contents."""
        if self.counted == "words":
            counts = [float(len(text.split())) for text in batch.narrative]
        else:
            counts = [float(len(set(texts))) for texts in batch.contents]
        return torch.tensor(counts).to(self.device)
