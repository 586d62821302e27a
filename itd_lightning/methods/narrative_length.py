"""Narrative length: a day is anomalous when there is much to tell of it."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods.base import Method
from itd_lightning.methods.bases.gathering_narratives import lengths


class NarrativeLength(Method[NarrativeBatch]):
    """The floor of methods that read: what they find beyond it is not that busy days make long texts.

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
        """Score days by how many words or contents they have."""
        if self.counted == "words":
            found = lengths(batch.narrative)
        else:
            found = torch.tensor([float(len(set(texts))) for texts in batch.contents])
        return found.to(self.device)
