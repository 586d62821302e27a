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
from itd_lightning.methods.bases.sequence_method import SequenceMethod
from itd_lightning.nn.bags import balanced
from itd_lightning.nn.encoders.bidirectional import Bidirectional


def attention(
    energy: Float[Tensor, " n"], sequence: Int[Tensor, " n"], sequences: int
) -> Float[Tensor, " n"]:
    """Softmax over the behaviours of each sequence.

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
    """Learns from labels of sequences which are malicious; the attention says which behaviours tell.

    A bidirectional LSTM reads the sequence; ``a = softmax(v tanh(W h + b))`` over its behaviours weighs its
    outputs, and a linear layer judges their sum. All rows of a long sequence are judged as one.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        vocabulary: Number of tokens V.
        width: Features M of a behaviour.
        hidden: Units of the LSTM in both directions together; even.
        layers: Layers of the LSTM.
        dropout: Share of units dropped between layers.
        rule: What scores a behaviour: its ``attention``, as RMSL compares it, or that times the probability
            that its sequence is malicious. Attention sums to 1 in a harmless sequence too, and is higher in a
            short one.

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
        rule: Literal["attention", "weighted"] = "attention",
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.rule = rule
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.encoder = Bidirectional("lstm", width, hidden // 2, layers, dropout)
        self.energy = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))
        self.verdict = nn.Linear(hidden, 1)

    def learned_from(self, batch: SequenceBatch) -> SequenceBatch:
        """The sequences whose label is shown."""
        known = ~batch.label.isnan()
        if self.training and not known.any():
            raise InputError(
                "itdbert learns from labels of sequences, and the split shows none: "
                "--data.split.shown '[train, val]'"
            )
        return batch.where(known)

    def judge(self, rows: SequenceBatch) -> tuple[Float[Tensor, " n"], Float[Tensor, " s"]]:
        """Attention to each behaviour that counts, and the probability that each sequence is malicious."""
        sequence, labels = rows.bags()
        encoded = self.encoder(self.embedding(rows.tokens), rows.lengths)[rows.counted]
        weight = attention(self.energy(encoded).squeeze(1), sequence, len(labels))
        total = encoded.new_zeros(len(labels), encoded.shape[1])
        total = total.index_add(0, sequence, weight[:, None] * encoded)
        return weight, torch.sigmoid(self.verdict(total).squeeze(1))

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Cross-entropy of the sequences, both kinds weighing the same."""
        return balanced(self.judge(rows)[1], rows.bags()[1])

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours by the rule; 0 where none counts."""
        weight, malicious = self.judge(batch)
        scores = weight if self.rule == "attention" else weight * malicious[batch.bags()[0]]
        return scores.new_zeros(batch.tokens.shape).masked_scatter(batch.counted, scores)
