"""Linear bag of tokens: a behaviour is anomalous by a sum of weights of its factors and its session's.

Axes: B rows, L behaviours of a row, N behaviours that count, S sequences.
"""

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.bases.sequence_method import SequenceMethod, balanced_cross_entropy, sequence_means
from itd_lightning.nn.encoders.factored import FactoredEmbedding


class LinearBag(SequenceMethod):
    """Logistic regression on the tokens of a behaviour and on the mean of its sequence, taught by its label.

    Every behaviour of a malicious sequence counts as malicious in training. It knows no order and no
    combination of factors: the baseline that anything with a network must beat.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        vocabulary: Number of tokens V.
    """

    needs = "whose label is shown"

    def __init__(self, optimizer: OptimizerCallable, vocabulary: int = 512) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.own, self.around = (FactoredEmbedding(vocabulary, 1) for _ in range(2))
        self.offset = nn.Parameter(torch.zeros(()))
        for embedding in (self.own, self.around):
            nn.init.zeros_(embedding.weight)

    def training_rows(self, batch: SequenceBatch) -> SequenceBatch:
        """Return the sequences whose label is shown."""
        has_label = ~batch.label.isnan()
        if self.training and not has_label.any():
            raise InputError(
                "linear_bag learns from labels of sequences, and the split shows none: "
                "--data.split.shown '[train, val]'"
            )
        return batch.where(has_label)

    def logits(self, rows: SequenceBatch) -> Float[Tensor, " n"]:
        """Return the log-odds of each behaviour that counts."""
        sequence, labels = rows.bags()
        own, around = (
            embedding(rows.tokens)[rows.is_counted].squeeze(1) for embedding in (self.own, self.around)
        )
        logits: Tensor = own + sequence_means(around, sequence, len(labels))[sequence] + self.offset
        return logits

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Return the cross-entropy of behaviours by the label of their sequence; both weigh the same."""
        sequence, labels = rows.bags()
        return balanced_cross_entropy(torch.sigmoid(self.logits(rows)), labels[sequence])

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours by their log-odds; 0 where none counts."""
        scores = self.logits(batch)
        return scores.new_zeros(batch.behaviour.shape).masked_scatter(batch.is_counted, scores)
