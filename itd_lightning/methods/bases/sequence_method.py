"""The base of methods on sequences with one loss, and the parts that several of them share.

Axes: N places, M width, V tokens, of which the first is padding, K factors of a factored token, S sequences.
"""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy
from torchmetrics import MeanMetric

from itd_lightning.contracts.batches import FACTOR_BLOCK, SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method


class SequenceMethod(Method[SequenceBatch]):
    """A method with one loss, which trains it and, on validation sequences, chooses the best epoch.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
    """

    # Describes the validation sequences that must exist, for the message where there is none.
    needs = "that is not shown to be malicious"

    def __init__(self, optimizer: OptimizerCallable) -> None:
        super().__init__(optimizer)
        self.val_loss = MeanMetric()

    @abstractmethod
    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Return the mean loss over the behaviours that count in these rows."""

    def training_rows(self, batch: SequenceBatch) -> SequenceBatch:
        """Return the sequences to learn from: all but those that the split shows to be malicious."""
        return batch.where(batch.label != 1)

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> Tensor | None:
        """Return the loss; ``zero_loss`` of a batch without training sequences."""
        rows = self.training_rows(batch)
        if not rows.is_counted.any():
            return self.zero_loss()
        loss = self.loss(rows)
        self.log(
            "train/loss",
            loss,
            on_step=False,
            on_epoch=True,
            batch_size=int(rows.is_counted.sum()),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        """Measure the loss; each behaviour weighs the same."""
        rows = self.training_rows(batch)
        if rows.is_counted.any():
            self.val_loss.update(self.loss(rows), weight=rows.is_counted.sum())

    def on_validation_epoch_end(self) -> None:
        """Log the loss.

        Raises:
            InputError: If there was no validation sequence.
        """
        if self.any_device(self.val_loss.update_called):
            self.log("val/loss", self.val_loss.compute(), prog_bar=True, sync_dist=True)
            self.val_loss.reset()
        elif not self.trainer.sanity_checking:
            raise InputError(
                f"there is no validation sequence {self.needs}: give the split a longer validation part"
            )


class Prediction(nn.Module):
    """The probabilities of all behaviours at a place, from the output of an encoder.

    A factored token is predicted factor by factor, each beside the others of its kind; given the encoder's
    output they are independent, so that surprises add up.

    Args:
        width: Width M.
        vocabulary: Tokens V, padding included.
    """

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, vocabulary - 1)

    def surprise(self, encoded: Float[Tensor, "n m"], tokens: Int[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        """Return the surprise ``-log p`` of the actual behaviours, in nats."""
        logits: Tensor = self.logits(encoded)
        if tokens.ndim == 1:
            return cross_entropy(logits, tokens - 1, reduction="none")
        blocks = _factor_blocks(logits, tokens.shape[1])
        numbers = tokens - 1 - FACTOR_BLOCK * torch.arange(tokens.shape[1], device=tokens.device)
        factors = zip(blocks, numbers.unbind(1), strict=True)
        return torch.stack([cross_entropy(block, number, reduction="none") for block, number in factors]).sum(
            0
        )

    def rank(self, encoded: Float[Tensor, "n m"], tokens: Int[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        """Return how many behaviours were more probable than each actual one.

        Raises:
            InputError: If tokens are factored: a tuple of factors has no rank.

        Example:
            >>> import torch
            >>> prediction = Prediction(3, vocabulary=4)
            >>> _ = prediction.logits.weight.data.copy_(torch.eye(3)), prediction.logits.bias.data.zero_()
            >>> prediction.rank(torch.tensor([[0.5, 0.9, 0.7]]), torch.tensor([3]))
            tensor([1.])
        """
        if tokens.ndim > 1:
            raise InputError("the rule top_g ranks words: --data.tokens words, or --model.rule surprise")
        logits: Tensor = self.logits(encoded)
        actual = logits.gather(1, tokens[:, None] - 1)
        return (logits > actual).sum(1).to(logits.dtype)


def _factor_blocks(logits: Float[Tensor, "n v"], factors: int) -> tuple[Float[Tensor, "n ..."], ...]:
    """Return the logits of each factor's values; the last factor has all that are left.

    Example:
        >>> [block.shape[1] for block in _factor_blocks(torch.zeros(1, 100), 3)]
        [32, 32, 36]
    """
    small = [FACTOR_BLOCK] * (factors - 1)
    return torch.split(logits, [*small, logits.shape[1] - sum(small)], dim=1)


def balanced_cross_entropy(scores: Float[Tensor, " s"], labels: Float[Tensor, " s"]) -> Float[Tensor, ""]:
    """Return the cross-entropy of sequence scores, both classes weighing the same; RMSL, section 3.3."""
    loss = binary_cross_entropy(scores, labels, reduction="none")
    classes = [loss[labels == kind] for kind in (0, 1) if (labels == kind).any()]
    return torch.stack([part.mean() for part in classes]).mean()


def sequence_means(
    values: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int
) -> Float[Tensor, " s"]:
    """Return the mean over the behaviours of each sequence; 0 where none counts."""
    total = values.new_zeros(sequences).index_add(0, sequence, values)
    return total / torch.bincount(sequence, minlength=sequences).clamp(min=1)
