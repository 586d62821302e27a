"""Next-behaviour prediction: a behaviour is anomalous when it is improbable after those before it.

Axes: B rows, L behaviours of a row, N behaviours that count, M width.
"""

from typing import Literal

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.methods.bases.sequence_method import Prediction, SequenceMethod
from itd_lightning.nn.encoders.context import Past, past_encoder
from itd_lightning.nn.encoders.factored import FactoredEmbedding

_Rule = Literal["surprise", "top_g"]


class NextBehaviour(SequenceMethod):
    """A method that predicts each behaviour from those before it, the first from a learned start.

    By the rule ``surprise`` a behaviour scores ``-log p(behaviour | those before)``. By DeepLog's rule
    ``top_g`` it scores its rank: how many behaviours were more probable. DeepLog calls it anomalous if it is
    not among the g most probable ones, which is so if this score is g or more.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        vocabulary: Number of tokens V.
        width: Features M of a behaviour, in the embedding and in the encoder.
        encoder: Encoder of the behaviours before: ``lstm`` is DeepLog, with two layers; ``array_lstm`` is
            TIRESIAS, with one. ``fmlp_circular`` has seen what it predicts: see ``nn.fmlp``.
        layers: Layers of the encoder.
        heads: Attention heads; for ``transformer`` and ``bst``.
        dropout: Share of units that training drops in the encoder.
        rule: The score: the surprise, or the rank.
        normal: Whether it learns from no sequence that the split shows to be malicious, as published.
        factor_dropout: Share of factors of a token that training leaves out; for factored tokens.

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
        rule: _Rule = "surprise",
        normal: bool = True,
        factor_dropout: float = 0.1,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.rule, self.normal = rule, normal
        self.embedding = FactoredEmbedding(vocabulary, width, factor_dropout)
        self.start = nn.Parameter(torch.randn(width))
        self.encoder = past_encoder(encoder, width, layers, heads, dropout)
        self.prediction = Prediction(width, vocabulary)

    def training_rows(self, batch: SequenceBatch) -> SequenceBatch:
        """Return the sequences that the method learns from."""
        return super().training_rows(batch) if self.normal else batch

    def earlier(self, rows: SequenceBatch) -> Float[Tensor, "b l m"]:
        """Return the embedding of the behaviour before each: the start, then all but the last."""
        start = self.start.expand(len(rows.tokens), 1, -1)
        return torch.cat([start, self.embedding(rows.tokens[:, :-1])], dim=1)

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Return the mean surprise; in training, plus the encoder's own loss."""
        inputs, is_counted = self.earlier(rows), rows.is_counted
        encoded = self.encoder(inputs, rows.lengths)
        surprise = self.prediction.surprise(encoded[is_counted], rows.tokens[is_counted]).mean()
        return surprise + self.encoder.auxiliary(inputs, is_counted) if self.training else surprise

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours by the rule; 0 where none counts."""
        is_counted = batch.is_counted
        encoded = self.encoder(self.earlier(batch), batch.lengths)[is_counted]
        rule = self.prediction.surprise if self.rule == "surprise" else self.prediction.rank
        scores = rule(encoded, batch.tokens[is_counted])
        return scores.new_zeros(is_counted.shape).masked_scatter(is_counted, scores)
