"""CATE: a day is anomalous by its statistics, which convolutions read, and by the days before it.

Axes: B days, L the day and those before it, F features, C channels, M width.
"""

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.methods.bases.day_classifier import DayClassifier, day_series, log_scale
from itd_lightning.nn.encoders.base import Transformer


class _Statistics(nn.Module):
    """Convolutions along the features of a day, weighed by attention over channels, then over places.

    Args:
        width: Width M of the result.
        channels: Channels C.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            *(nn.Conv1d(1, channels, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2, ceil_mode=True)),
            *(nn.Conv1d(channels, channels, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2, ceil_mode=True)),
        )
        self.channel = nn.Sequential(nn.Linear(channels, channels), nn.Sigmoid())
        self.place = nn.Sequential(nn.Conv1d(2, 1, 7, padding=3), nn.Sigmoid())
        self.out = nn.LazyLinear(width)

    def forward(self, day: Float[Tensor, "b f"]) -> Float[Tensor, "b m"]:
        """Encode the features of days."""
        channels: Tensor = self.convolve(day[:, None])
        channels = channels * self.channel(channels.mean(dim=2))[..., None]
        channels = channels * self.place(torch.stack([channels.mean(dim=1), channels.amax(dim=1)], dim=1))
        encoded: Tensor = self.out(channels.flatten(1))
        return encoded


class CATE(DayClassifier):
    """A classifier by convolutional attention on the day's statistics and a Transformer on the last days.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        width: Width M of both branches; a multiple of ``heads``.
        channels: Channels of the convolutions, C.
        layers: Encoder layers.
        heads: Attention heads.
        dropout: Share of units that training drops.

    Source:
        Xiao et al., Computers and Security 138 (2024), doi:10.1016/j.cose.2023.103665, as Log2Sig (Table III)
        and DMFI (Table I) compare with it: a convolutional network with attention on statistical features, a
        Transformer encoder on sequences, and one classifier on both.
        Departure: written without the paper at hand. Open are the sizes, the kind of attention (here over
        channels, then over places) and the order of the features along which it convolves (here that of the
        grammar, in which parts of a group are neighbours). Its sequences are a day's behaviours; here they
        are the user's last days.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        width: int = 64,
        channels: int = 16,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.statistics = _Statistics(width, channels)
        self.embedding = nn.LazyLinear(width)
        self.encoder = Transformer(width, layers, heads, dropout)
        self.head = nn.Sequential(
            nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 1)
        )

    def forward(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Return the log-odds of each day being malicious."""
        days, lengths = day_series(batch)
        history = self.encoder(self.embedding(log_scale(days)), lengths)[:, 0]
        both = torch.cat([self.statistics(log_scale(batch.features)), history], dim=1)
        logits: Tensor = self.head(both).squeeze(1)
        return logits
