"""ITDBERT: a behaviour is anomalous when the verdict on its sequence attends to it.

Axes: B rows, L behaviours of a row, N behaviours that count, S sequences, M width.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.bases.sequence_method import SequenceMethod, balanced_cross_entropy
from itd_lightning.nn.encoders.bidirectional import Bidirectional
from itd_lightning.nn.encoders.factored import FactoredEmbedding

Rule = Literal["attention", "weighted", "relative"]


def attention(
    energy: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int
) -> Float[Tensor, " n"]:
    """Return the softmax over the behaviours of each sequence.

    Example:
        >>> attention(torch.tensor([5.0, 5.0, 100.0]), torch.tensor([0, 0, 1]), 2)
        tensor([0.5000, 0.5000, 1.0000])
    """
    highest = energy.new_full((sequences,), -torch.inf).scatter_reduce(
        0, sequence, energy.detach(), "amax", include_self=True
    )
    weight = torch.exp(energy - highest[sequence])
    return weight / weight.new_zeros(sequences).index_add(0, sequence, weight)[sequence]


class ITDBERT(SequenceMethod):
    """A classifier of sequences, whose attention says which behaviours decided.

    A bidirectional LSTM reads the sequence; ``a = softmax(v tanh(W h + b))`` over its behaviours weighs its
    outputs, and a linear layer classifies their sum. All rows of a long sequence are classified as one.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        vocabulary: Number of tokens V.
        width: Features M of a behaviour.
        hidden: Units of the LSTM in both directions together; even.
        layers: Layers of the LSTM.
        dropout: Share of units dropped between layers.
        factor_dropout: Share of factors of a token that training leaves out; for factored tokens.
        rule: Score of a behaviour: its ``attention``, as RMSL compares it; ``weighted``, that times the
            probability that its sequence is malicious; or ``relative``, that times the number of behaviours,
            too. Attention sums to 1 in a harmless sequence as well, and so is higher in a short one, while
            malicious sequences are long.

    Source:
        Huang et al., ITDBERT, ISCC 2021, and its code; RMSL, section A.2, which gives the width.
        Departure: embeddings are learned with the task, not before it as a masked language model; tokens are
        those of the view, not activity-hours of a day cut to 65; both kinds of sequence weigh the same. The
        code has 256 units or 512 each way and drops half; its attention is ``softmax(w tanh(h))``, without a
        matrix, and a rectifier stands before the verdict.
    """

    needs = "whose label is shown"

    def __init__(
        self,
        optimizer: OptimizerCallable,
        vocabulary: int = 512,
        width: int = 128,
        hidden: int = 256,
        layers: int = 2,
        dropout: float = 0.1,
        factor_dropout: float = 0.1,
        rule: Rule = "attention",
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.rule = rule
        self.embedding = FactoredEmbedding(vocabulary, width, factor_dropout)
        self.encoder = Bidirectional("lstm", width, hidden // 2, layers, dropout)
        self.energy = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))
        self.verdict = nn.Linear(hidden, 1)

    def training_rows(self, batch: SequenceBatch) -> SequenceBatch:
        """Return the sequences whose label is shown."""
        has_label = ~batch.label.isnan()
        if self.training and not has_label.any():
            raise InputError(
                "itdbert learns from labels of sequences, and the split shows none: "
                "--data.split.shown '[train, val]'"
            )
        return batch.where(has_label)

    def classify(self, rows: SequenceBatch) -> tuple[Float[Tensor, " n"], Float[Tensor, " s"]]:
        """Return the attention to each behaviour that counts, and the probability of each sequence."""
        sequence, labels = rows.bags()
        encoded = self.encoder(self.embedding(rows.tokens), rows.lengths)[rows.is_counted]
        weight = attention(self.energy(encoded).squeeze(1), sequence, len(labels))
        total = encoded.new_zeros(len(labels), encoded.shape[1])
        total = total.index_add(0, sequence, weight[:, None] * encoded)
        return weight, torch.sigmoid(self.verdict(total).squeeze(1))

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Return the cross-entropy of the sequences, in which both classes weigh the same."""
        return balanced_cross_entropy(self.classify(rows)[1], rows.bags()[1])

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours by the rule; 0 where none counts."""
        weight, malicious = self.classify(batch)
        sequence = batch.bags()[0]
        scores = weight if self.rule == "attention" else weight * malicious[sequence]
        if self.rule == "relative":
            scores = scores * torch.bincount(sequence)[sequence]
        return scores.new_zeros(batch.behaviour.shape).masked_scatter(batch.is_counted, scores)
