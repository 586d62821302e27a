"""Methods on narratives without gradients: they gather the training days, then fit once."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods.base import Method


class GatheringNarratives(Method[NarrativeBatch]):
    """A method that fits on all training days at once; what it keeps is in buffers, whose shapes vary.

    One epoch is enough. Days are put in the order of the view before fitting, so that the order of the
    batches does not matter.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.gathered: list[NarrativeBatch] = []

    @abstractmethod
    def fit(self, days: NarrativeBatch) -> None:
        """Learn from the training days, all in one batch, and fill the buffers."""

    def training_step(self, batch: NarrativeBatch, batch_idx: int) -> None:
        """Gather the batch."""
        self.gathered.append(batch)

    def on_train_epoch_end(self) -> None:
        """Fit on what was gathered."""
        unit = torch.cat([batch.unit for batch in self.gathered]).cpu()
        label = torch.cat([batch.label for batch in self.gathered]).cpu()
        told = [text for batch in self.gathered for text in batch.narrative]
        read = [texts for batch in self.gathered for texts in batch.contents]
        self.gathered = []
        order = unit.argsort().tolist()
        self.fit(
            NarrativeBatch(
                tuple(told[row] for row in order),
                tuple(read[row] for row in order),
                unit[order],
                label[order],
            )
        )

    def validation_step(self, batch: NarrativeBatch, batch_idx: int) -> None:
        """Measure nothing: there are no epochs to choose from."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Give the buffers the shapes of those that come."""
        for name, value in checkpoint["state_dict"].items():
            if isinstance(self._buffers.get(name), Tensor):
                setattr(self, name, torch.empty_like(value, device=self.device))


def lengths(texts: Sequence[str]) -> Float[Tensor, " b"]:
    """Words of each text, parted by white space."""
    return torch.tensor([float(len(text.split())) for text in texts])
