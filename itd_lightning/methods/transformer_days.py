"""Transformer over days: a day is anomalous when it and the days before it look like an attack.

Axes: B days, L the day and those before it, F features, M width.
"""

from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.methods.bases.day_classifier import DayClassifier, day_series, log_scale
from itd_lightning.nn.encoders.base import Transformer


class TransformerDays(DayClassifier):
    """A Transformer classifier over the last days of a user.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        width: Width M; a multiple of ``heads``.
        layers: Encoder layers.
        heads: Attention heads.
        dropout: Share of units that training drops.

    Source:
        Vaswani et al., NIPS 2017, as the classifier that DMFI compares with (Table I). Departure: the papers
        name neither its input nor its sizes; here it reads the day features, day by day back from the scored
        one, whose encoding is classified.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.embedding = nn.LazyLinear(width)
        self.encoder = Transformer(width, layers, heads, dropout)
        self.head = nn.Linear(width, 1)

    def forward(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Return the log-odds of each day being malicious."""
        days, lengths = day_series(batch)
        encoded = self.encoder(self.embedding(log_scale(days)), lengths)
        logits: Tensor = self.head(encoded[:, 0]).squeeze(1)
        return logits
