"""Next-behaviour prediction: a behaviour is anomalous when those before it did not let it be expected.

Axes: B rows, L behaviours of a row, N behaviours that count, M width.
"""

from typing import Literal

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.methods.bases.prediction import Prediction
from itd_lightning.methods.bases.sequence_method import SequenceMethod
from itd_lightning.nn.encoders.context import Past, past_encoder

Rule = Literal["surprise", "top_g"]


class NextBehaviour(SequenceMethod):
    """Predicts each behaviour of a sequence from those before it; the first from a learned start.

    By the rule ``surprise`` a behaviour scores ``-log p(behaviour | those before)``. By DeepLog's rule
    ``top_g`` it scores its rank: how many behaviours were more probable. DeepLog calls it anomalous if it is
    not among the g most probable ones, which is so if this score is g or more.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        vocabulary: Number of tokens V.
        width: Features M of a behaviour, in the embedding and in the encoder.
        encoder: What reads the behaviours before: ``lstm`` is DeepLog, with two layers; ``array_lstm`` is
            TIRESIAS, with one. ``fmlp_circular`` has seen what it predicts: see ``nn.fmlp``.
        layers: Layers of the encoder.
        heads: Attention heads; for ``transformer`` and ``bst``.
        dropout: Share of units that training drops in the encoder.
        rule: What scores: the surprise, or the rank.
        normal: Whether it learns from no sequence that the split shows to be malicious, as published.

    Source:
        RMSL, section A.2; Du et al., DeepLog, CCS 2017, doi:10.1145/3133956.3134015, section 3; the encoders
        cite theirs.
        Departure: DeepLog predicts from the last h = 10 keys, each window from a fresh state; here, as in
        RMSL, from the whole sequence before, so that one pass scores all behaviours. A sequence longer than
        a row is predicted from at least half the overlap of its rows.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        vocabulary: int = 512,
        width: int = 128,
        encoder: Past = "lstm",
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        rule: Rule = "surprise",
        normal: bool = True,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.rule, self.normal = rule, normal
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.start = nn.Parameter(torch.randn(width))
        self.encoder = past_encoder(encoder, width, layers, heads, dropout)
        self.prediction = Prediction(width, vocabulary)

    def learned_from(self, batch: SequenceBatch) -> SequenceBatch:
        """The sequences that the method learns from."""
        return super().learned_from(batch) if self.normal else batch

    def before(self, rows: SequenceBatch) -> Float[Tensor, "b l m"]:
        """What stands before each behaviour: the start, then the behaviours, one place later."""
        start = self.start.expand(len(rows.tokens), 1, -1)
        return torch.cat([start, self.embedding(rows.tokens[:, :-1])], dim=1)

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Mean surprise; in training, the encoder's own loss besides."""
        before, counted = self.before(rows), rows.counted
        encoded = self.encoder(before, rows.lengths)
        surprise = self.prediction.surprise(encoded[counted], rows.tokens[counted]).mean()
        return surprise + self.encoder.auxiliary(before, counted) if self.training else surprise

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours by the rule; 0 where none counts."""
        counted = batch.counted
        encoded = self.encoder(self.before(batch), batch.lengths)[counted]
        rule = self.prediction.surprise if self.rule == "surprise" else self.prediction.rank
        scores = rule(encoded, batch.tokens[counted])
        return scores.new_zeros(counted.shape).masked_scatter(counted, scores)
