"""LAN: a day is anomalous by its history, compared with the harmless histories that are most like it.

Axes: B days, L the day and those before it, F features, M width, P pooled histories, K neighbours, H heads.
"""

import torch
from jaxtyping import Float, Int
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn
from torch.nn.functional import normalize

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.methods.bases.day_classifier import DayClassifier, day_series, log_scale
from itd_lightning.nn.encoders.base import LSTM


def weighted_cosine(
    nodes: Float[Tensor, "b k m"], weights: Float[Tensor, "h m"], threshold: float
) -> Float[Tensor, "b k k"]:
    """Return the likeness of pairs: their cosine after each head's weights, averaged; 0 up to a threshold."""
    heads = normalize(nodes[:, None] * weights[:, None], dim=-1)
    likeness = (heads @ heads.mT).mean(dim=1)
    return likeness * (likeness > threshold)


class LAN(DayClassifier):
    """An LSTM over the last days, whose encoding a graph of learned neighbours smooths before classification.

    A pool of histories of harmless training days is encoded anew after each epoch; each day is
    compared with the K of them that are most like it. Neighbours and their weights are learned:
    a weighted cosine of each pair, above a threshold. Two graph convolutions pass encodings along.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        width: Width M of encodings.
        layers: LSTM layers.
        heads: Weightings H of the cosine.
        neighbours: Histories K that each day is compared with.
        pool: Most histories in the pool, P.
        threshold: Smallest likeness of neighbours.
        smoothness: Weight of the mean squared distance of neighbours, by their likeness, in the loss.
        sparsity: Weight of the mean squared likeness in the loss.
        dropout: Share of units that training drops.
        seed: Of the sample in the pool.

    Source:
        Cai et al., LAN, TIFS 2024: encoder, pool of de-duplicated harmless histories, K = 14, weighted cosine
        with threshold 0.5 and 4 heads, two graph convolutions, weights 0.2 and 0.1 of the graph's terms.
        Departure: LAN predicts the next of a user's actions and scores each by its improbability; this is its
        model on days, taught by day labels, which LAN's loss uses, too. The nearest histories are found by
        looking at all, not by an approximate index. Encodings in the pool are constants within an epoch.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        neighbours: int = 14,
        pool: int = 2048,
        threshold: float = 0.5,
        smoothness: float = 0.2,
        sparsity: float = 0.1,
        dropout: float = 0.3,
        seed: int = 0,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.neighbours, self.most, self.threshold, self.seed = neighbours, pool, threshold, seed
        self.smoothness, self.sparsity = smoothness, sparsity
        self.embedding = nn.LazyLinear(width)
        self.encoder = LSTM(width, layers, dropout)
        self.weights = nn.Parameter(torch.randn(heads, width))
        self.hops = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width, 1)
        self.register_buffer("pool", torch.zeros(pool, width))
        self.register_buffer("pool_unit", torch.full((pool,), -1))
        self.pool: Tensor
        self.pool_unit: Tensor

    def encode(self, batch: DayBatch) -> Float[Tensor, "b m"]:
        """Return the encoder's last state of each day and its history, the oldest day read first."""
        days, lengths = day_series(batch)
        place = lengths[:, None] - 1 - torch.arange(days.shape[1], device=days.device)
        oldest_first = days.gather(1, place.clamp(min=0)[..., None].expand_as(days))
        encoded = self.encoder(self.embedding(log_scale(oldest_first)), lengths)
        last: Tensor = encoded[torch.arange(len(encoded), device=encoded.device), lengths - 1]
        return last

    def on_train_start(self) -> None:
        """Fill the pool."""
        self.fill_pool()

    def on_validation_start(self) -> None:
        """Encode the pool by the weights that are validated, once training has begun."""
        if self.trainer.train_dataloader is not None:
            self.fill_pool()

    def on_train_epoch_end(self) -> None:
        """Encode the pool by the weights that are saved."""
        self.fill_pool()

    def fill_pool(self) -> None:
        """Fill the pool with a random sample of harmless training days, equal ones once."""
        rows = self.trainer.train_dataloader.dataset  # type: ignore[union-attr]
        (harmless,) = torch.where(rows.labels == 0)
        draw = torch.Generator().manual_seed(self.seed)
        sample = harmless[torch.randperm(len(harmless), generator=draw)[: self.most]].sort().values
        is_training = self.training
        self.eval()
        with torch.no_grad():
            parts = [
                self.transfer_batch_to_device(rows.__getitems__(part.tolist()), self.device, 0)
                for part in sample.split(512)
            ]
            encoded = torch.cat([self.encode(part) for part in parts])
        self.train(is_training)
        first = first_rows(encoded)
        self.pool.zero_()
        self.pool_unit.fill_(-1)
        self.pool[: len(first)] = encoded[first]
        self.pool_unit[: len(first)] = torch.cat([part.unit for part in parts])[first]

    def graph(self, batch: DayBatch) -> tuple[Float[Tensor, "b k m"], Float[Tensor, "b k k"]]:
        """Return each day with its nearest histories, itself first, and the likeness of all pairs of them."""
        day = self.encode(batch)
        likeness = normalize(day, dim=1) @ normalize(self.pool, dim=1).T
        # A day is no neighbour of its own, and an empty place of the pool is nobody's.
        own = self.training & (self.pool_unit == batch.unit[:, None])
        hidden = own | (self.pool_unit < 0)
        likeness = likeness.masked_fill(hidden, -torch.inf)
        best = likeness.topk(min(self.neighbours, len(self.pool)), dim=1)
        nodes = torch.cat([day[:, None], self.pool[best.indices]], dim=1)
        exists = torch.cat([day.new_ones(len(day), 1), (best.values > -torch.inf).to(day.dtype)], dim=1)
        pairs = exists[:, :, None] * exists[:, None]
        return nodes, weighted_cosine(nodes, self.weights, self.threshold) * pairs

    def forward(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Return the log-odds of each day being malicious."""
        return self.classify(*self.graph(batch))

    def classify(
        self, nodes: Float[Tensor, "b k m"], likeness: Float[Tensor, "b k k"]
    ) -> Float[Tensor, " b"]:
        """Return the log-odds by a day's encoding, before and after smoothing by its neighbours."""
        share = likeness / likeness.sum(dim=2, keepdim=True).clamp(min=1e-6)
        mixed = nodes
        for hop in self.hops:
            mixed = self.drop(hop(share @ mixed).relu())
        logits: Tensor = self.head(torch.cat([nodes[:, 0], mixed[:, 0]], dim=1)).squeeze(1)
        return logits

    def loss(self, batch: DayBatch) -> Float[Tensor, ""]:
        """Return the weighted cross-entropy, plus the terms that keep the graph smooth and sparse."""
        nodes, likeness = self.graph(batch)
        distance = (nodes[:, :, None] - nodes[:, None]).square().mean(dim=3)
        graph = self.smoothness * (likeness * distance).mean() + self.sparsity * likeness.square().mean()
        return self.cross_entropy(self.classify(nodes, likeness), batch.label) + graph


def first_rows(rows: Float[Tensor, "p m"]) -> Int[Tensor, " q"]:
    """Return the numbers of the rows that equal no earlier one."""
    distinct, number = rows.unique(dim=0, return_inverse=True)
    first = torch.full((len(distinct),), len(rows), device=rows.device)
    return first.scatter_reduce(0, number, torch.arange(len(rows), device=rows.device), "amin").sort().values
