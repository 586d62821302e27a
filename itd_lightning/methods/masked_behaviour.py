"""Masked-behaviour prediction: a behaviour is anomalous when it is improbable beside all others.

Axes: B rows, L behaviours of a row, N behaviours that count, M width, P passes.
"""

import torch
from jaxtyping import Bool, Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.methods.bases.sequence_method import Prediction, SequenceMethod
from itd_lightning.nn.encoders.context import Whole, whole_encoder
from itd_lightning.nn.encoders.factored import FactoredEmbedding


class MaskedBehaviour(SequenceMethod):
    """A method that predicts masked behaviours of a sequence from all others.

    Training masks a share ``1 / passes`` of the behaviours, drawn anew for each batch. Scoring masks each of
    them exactly once, so that no score is a matter of luck: pass p masks places p, p + P, p + 2 P, ... of a
    row. The score is ``-log p(behaviour | those that are not masked)``.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        vocabulary: Number of tokens V.
        width: Features M of a behaviour, in the embedding and in the encoder; even.
        encoder: Encoder of the sequence; recurrent ones do so in both directions.
        layers: Layers of the encoder.
        heads: Attention heads; for ``transformer``.
        dropout: Share of units that training drops in the encoder.
        passes: Passes P over a sequence that score it; one in so many behaviours is masked.
        factor_dropout: Share of factors of a token that training leaves out; for factored tokens.

    Raises:
        ValueError: If there are fewer than two passes: one would mask everything.

    Source:
        RMSL, section A.2; Guo et al., LogBERT, IJCNN 2021, arXiv:2103.04475, section III-C.
        Departure: LogBERT masks by a single random draw, in scoring too, and scores a sequence by the number
        of masked keys that are not among the g most probable; its sphere around sequence embeddings is left
        out, as RMSL mentions the masks only.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        vocabulary: int = 512,
        width: int = 128,
        encoder: Whole = "transformer",
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        passes: int = 5,
        factor_dropout: float = 0.1,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        if passes < 2:
            raise ValueError(f"passes must be at least 2, got {passes}")
        self.passes = passes
        self.embedding = FactoredEmbedding(vocabulary, width, factor_dropout)
        self.mask = nn.Parameter(torch.randn(width))
        self.encoder = whole_encoder(encoder, width, layers, heads, dropout)
        self.prediction = Prediction(width, vocabulary)

    def surprise(
        self, rows: SequenceBatch, masked: Bool[Tensor, "b l"]
    ) -> tuple[Bool[Tensor, "b l"], Float[Tensor, " n"]]:
        """Return which masked behaviours count, and their surprise beside the others."""
        predicted = masked & rows.is_counted
        visible = torch.where(masked[..., None], self.mask, self.embedding(rows.tokens))
        encoded = self.encoder(visible, rows.lengths)[predicted]
        return predicted, self.prediction.surprise(encoded, rows.tokens[predicted])

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Return the mean surprise, of a random share of the behaviours in training, else of all."""
        if not self.training:
            return self.score(rows)[rows.is_counted].mean()
        masked = torch.rand(rows.behaviour.shape, device=rows.tokens.device) < 1 / self.passes
        surprise = self.surprise(rows, masked)[1]
        return surprise.sum() / max(len(surprise), 1)  # a small batch may have none

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours by their surprise; 0 where none counts."""
        place = torch.arange(batch.tokens.shape[1], device=batch.tokens.device).expand_as(batch.behaviour)
        scores = torch.zeros_like(batch.behaviour, dtype=self.mask.dtype)
        for turn in range(min(self.passes, batch.tokens.shape[1])):
            asked, surprise = self.surprise(batch, place % self.passes == turn)
            scores = scores.masked_scatter(asked, surprise)
        return scores
