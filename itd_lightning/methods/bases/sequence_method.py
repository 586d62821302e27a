"""What methods of one loss over sequences have in common: what they learn from, and their two steps."""

from abc import abstractmethod

from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torchmetrics import MeanMetric

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method


class SequenceMethod(Method[SequenceBatch]):
    """A method with one loss, which trains it and says, on validation sequences, when to stop.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
    """

    # Which validation sequences there must be, for the message where there is none.
    needs = "that is not shown to be malicious"

    def __init__(self, optimizer: OptimizerCallable) -> None:
        super().__init__(optimizer)
        self.measured = MeanMetric()

    @abstractmethod
    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Mean loss over what counts in these rows."""

    def learned_from(self, batch: SequenceBatch) -> SequenceBatch:
        """The sequences that the method learns from: all but those that the split shows to be malicious."""
        return batch.where(batch.label != 1)

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> Tensor | None:
        """Return the loss; ``no_lesson`` where the batch holds nothing to learn from."""
        rows = self.learned_from(batch)
        if not rows.counted.any():
            return self.no_lesson()
        loss = self.loss(rows)
        self.log(
            "train/loss",
            loss,
            on_step=False,
            on_epoch=True,
            batch_size=int(rows.counted.sum()),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        """Measure the loss; each behaviour weighs the same."""
        rows = self.learned_from(batch)
        if rows.counted.any():
            self.measured.update(self.loss(rows), weight=rows.counted.sum())

    def on_validation_epoch_end(self) -> None:
        """Log the loss.

        Raises:
            InputError: If there was no sequence to measure it on.
        """
        if self.on_any_device(self.measured.update_called):
            self.log("val/loss", self.measured.compute(), prog_bar=True, sync_dist=True)
            self.measured.reset()
        elif not self.trainer.sanity_checking:
            raise InputError(
                f"there is no validation sequence {self.needs}: give the split a longer validation part"
            )
