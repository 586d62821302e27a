"""The base of classifiers of days, which learn by gradient from days whose labels are shown.

Axes: B days, D preceding days, F features, L = 1 + D.
"""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method
from itd_lightning.methods.bases.gathering import ONE_CLASS


def log_scale(values: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
    """Return values on a signed logarithmic scale: counts have long tails, in which a network would drown."""
    return values.sign() * values.abs().log1p()


def day_series(batch: DayBatch) -> tuple[Float[Tensor, "b l f"], Int[Tensor, " b"]]:
    """Return each day with those before it, the latest first, and the length of this series."""
    days = torch.cat([batch.features[:, None], batch.past], dim=1)
    return days, 1 + batch.has_past.sum(dim=1)


class DayClassifier(Method[DayBatch]):
    """A classifier of days; both classes weigh the same in training, however few days are malicious.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
    """

    def __init__(self, optimizer: OptimizerCallable) -> None:
        super().__init__(optimizer)
        self.register_buffer("balance", torch.ones(()))
        self.balance: Tensor

    @abstractmethod
    def forward(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Return the log-odds of each day being malicious."""

    def setup(self, stage: str) -> None:
        """Run one day through the network, so that lazy layers have their width before DDP starts."""
        if stage == "fit" and len(rows := self.trainer.datamodule.train_dataloader().dataset):  # type: ignore[attr-defined]
            with torch.no_grad():
                self(rows[0])

    def on_fit_start(self) -> None:
        """Set the weight of malicious days by the counts of both classes."""
        rows = self.trainer.datamodule.train_dataloader().dataset  # type: ignore[attr-defined]
        malicious, harmless = int((rows.labels == 1).sum()), int((rows.labels == 0).sum())
        if not malicious or not harmless:
            raise InputError(ONE_CLASS)
        self.balance.fill_(harmless / malicious)

    def loss(self, batch: DayBatch) -> Float[Tensor, ""]:
        """Return the training loss of a batch."""
        return self.cross_entropy(self(batch), batch.label)

    def cross_entropy(self, logits: Float[Tensor, " b"], label: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """Return the weighted cross-entropy over the days whose labels are shown; 0 without any."""
        has_label = ~label.isnan()
        total = binary_cross_entropy_with_logits(
            logits[has_label], label[has_label], pos_weight=self.balance, reduction="sum"
        )
        return total / has_label.sum().clamp(min=1)

    def training_step(self, batch: DayBatch, batch_idx: int) -> Tensor:
        """Return the loss of the batch."""
        loss = self.loss(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.unit), sync_dist=True)
        return loss

    def validation_step(self, batch: DayBatch, batch_idx: int) -> None:
        """Log the loss of the batch.

        Raises:
            InputError: If no label is shown: a loss of 0 would make any epoch the best.
        """
        if batch.label.isnan().all():
            raise InputError(
                "no validation day is shown to be malicious or harmless, so nothing tells which epoch is "
                "best: let the split show labels (--data.split.shown '[train, val]')"
            )
        self.log("val/loss", self.loss(batch), prog_bar=True, batch_size=len(batch.unit), sync_dist=True)

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Score days by the log-odds of being malicious."""
        logits: Tensor = self(batch)
        return logits
