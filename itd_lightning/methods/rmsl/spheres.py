"""RMSL's network, in which normal behaviours lie in one of many spheres, and the losses that draw them there.

Axes: B rows, L behaviours of a row, N behaviours that count, M spheres, D features.

Source:
    RMSL: Weakly-Supervised Insider Threat Detection with Robust Multi-Sphere Learning, sections 3.1 and 3.2.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, softplus

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.nn.encoders.bidirectional import Bidirectional
from itd_lightning.nn.encoders.factored import FactoredEmbedding

Squash = Literal["squared", "linear"]
Context = Literal["gru", "counts"]


def multi_centre(nearest: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return the squared distance of each behaviour to its nearest centre. Equation 6, before its mean."""
    return nearest.square()


def separability(nearest: Float[Tensor, " n"], second: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return the separability loss of the two nearest centres. Equation 7, before its mean.

    ``BCE(exp(second) / (exp(nearest) + exp(second)), 1)`` is ``log(1 + exp(nearest - second))``; this form
    does not overflow.
    """
    return softplus(nearest - second)


def spread_centres(
    encoded: Float[Tensor, "n d"], count: int, centres: Float[Tensor, "m d"]
) -> Float[Tensor, "k d"]:
    """Return so many more centres, drawn among behaviours that lie far from all others: k-means++.

    A behaviour is drawn with a probability proportional to its squared distance from the nearest centre.

    Args:
        encoded: Encoded behaviours.
        count: Number K of centres to draw.
        centres: Centres that there are already; none of them moves.

    Source:
        Arthur and Vassilvitskii, k-means++, SODA 2007, section 2.2.
    """
    squared = encoded.new_full((len(encoded),), torch.inf)
    for centre in centres:
        squared = torch.minimum(squared, (encoded - centre).square().sum(1))
    drawn: list[Tensor] = []
    for _ in range(count):
        # Without a centre, or where every behaviour is one, all are equally likely.
        weights = squared if 0 < squared.sum() < torch.inf else torch.ones_like(squared)
        drawn.append(encoded[torch.multinomial(weights, 1)])
        squared = torch.minimum(squared, (encoded - drawn[-1]).square().sum(1))
    return torch.cat(drawn) if drawn else encoded[:0]


def deviation(
    nearest: Float[Tensor, "*n"], spread: Float[Tensor, ""], squash: Squash = "squared"
) -> Float[Tensor, "*n"]:
    """Return the distance to the nearest sphere, squashed to 0 .. 1: 0.5 at three times the usual distance.

    Departure: equation 3 scores the distance itself, which the cross-entropy of equations 8 to 12 cannot
    take. The squashing is monotone, so that this score alone ranks as the distance does.

    Args:
        nearest: Distance to the nearest centre.
        spread: Mean squared distance of behaviours in normal training sequences.
        squash: ``squared``: ``d^2 / (d^2 + 9 s)``, without a gradient at a centre; ``linear``:
            ``d / (d + 3 sqrt(s))``.
    """
    if squash == "linear":
        return nearest / (nearest + 3 * spread.sqrt()).clamp(min=1e-12)
    squared = nearest.square()
    return squared / (squared + 9 * spread).clamp(min=1e-12)


class CountingEncoder(nn.Module):
    """An encoder of behaviours by themselves, and by how often their sequence holds what.

    Learned features of the behaviours, none negative, are summed over the whole sequence; a perceptron of the
    logarithms of the sums is the context, the same for all behaviours of the sequence. Order plays no part.

    Args:
        width: Features D of a behaviour.
        counted: Features that are summed.
        dropout: Share of features dropped within both perceptrons, and of the context.
        context_dropout: Share of sequences whose context training leaves out, so that their behaviours must
            speak for themselves; else the context alone tells malicious sequences, by who the user is.
    """

    def __init__(self, width: int, counted: int, dropout: float, context_dropout: float) -> None:
        super().__init__()
        self.context_dropout = context_dropout
        self.counted = nn.Linear(width, counted)
        self.context = nn.Sequential(
            nn.LayerNorm(counted),
            nn.Linear(counted, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.Dropout(dropout),
        )
        self.behaviour = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, embedded: Float[Tensor, "b l d"], batch: SequenceBatch) -> Float[Tensor, "b l d"]:
        """Return behaviours in the context of their sequence, to which all of its rows belong."""
        sequence, labels = batch.bags()
        features = self.counted(embedded[batch.is_counted]).relu()
        totals = features.new_zeros(len(labels), features.shape[1]).index_add(0, sequence, features)
        owner = batch.sequence.unique(return_inverse=True)[1]
        context: Tensor = self.context(totals.log1p())
        if self.training and self.context_dropout:
            kept = torch.rand(len(labels), 1, device=context.device) >= self.context_dropout
            context = context * kept
        encoded: Tensor = self.behaviour(embedded) + context[owner][:, None]
        return encoded


class Detector(nn.Module):
    """Sequence encoder, spheres and classifier. Equations 1 to 4.

    Args:
        vocabulary: Number of tokens V.
        width: Features D of a behaviour.
        spheres: Number M of centres.
        dropout: Share of features dropped between the encoder's layers.
        factor_dropout: Share of factors of a token that training leaves out; for factored tokens.
        residual: Whether the embedding of a behaviour is added to what the encoder makes of its sequence.
        context: How a behaviour knows its sequence: ``gru``, as published, or ``counts``.
        context_dropout: Share of sequences whose counts training leaves out.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        spheres: int,
        dropout: float,
        factor_dropout: float = 0.0,
        residual: bool = False,
        context: Context = "gru",
        context_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.embedding = FactoredEmbedding(vocabulary, width, factor_dropout)
        self.encoder: nn.Module
        if context == "counts":
            self.encoder = CountingEncoder(width, width // 2, dropout, context_dropout)
        else:  # half as wide each way, so that both together are as wide as the embedding
            self.encoder = Bidirectional("gru", width, width // 2, layers=2, dropout=dropout)
        self.centres = nn.Embedding(spheres, width)
        self.sizes = [width // 4, width // 4, width]  # of query, key, value
        self.attention = nn.Linear(width, sum(self.sizes))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, 1)

    def encode(self, batch: SequenceBatch) -> Float[Tensor, "b l d"]:
        """Return behaviours in the context of their sequence."""
        embedded: Tensor = self.embedding(batch.tokens)
        counts = isinstance(self.encoder, CountingEncoder)
        encoded: Tensor = self.encoder(embedded, batch if counts else batch.lengths)
        return encoded + embedded if self.residual else encoded

    def distances(self, encoded: Float[Tensor, "b l d"]) -> tuple[Float[Tensor, "b l"], Float[Tensor, "b l"]]:
        """Return the distances of behaviours to the two nearest centres; infinite without a second one."""
        near = torch.cdist(encoded.flatten(0, 1), self.centres.weight).view(*encoded.shape[:2], -1)
        values = near.topk(min(2, near.shape[-1]), largest=False).values
        nearest = values[..., 0]
        return nearest, values[..., 1] if near.shape[-1] > 1 else torch.full_like(nearest, torch.inf)

    def count_behaviours(self, encoded: Float[Tensor, "n d"]) -> Int[Tensor, " m"]:
        """Return how many of the behaviours lie nearest to each centre."""
        centres = self.centres.weight
        return torch.bincount(torch.cdist(encoded, centres).argmin(1), minlength=len(centres))

    def classify(self, encoded: Float[Tensor, "b l d"], batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Return the probability of an anomaly; equation 4 with one head, a residual and its norm."""
        query, key, value = self.attention(encoded)[:, None].split(self.sizes, dim=-1)
        real = torch.arange(encoded.shape[1], device=encoded.device) < batch.lengths[:, None].to(
            encoded.device
        )
        attended = scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None])[:, 0]
        return torch.sigmoid(self.classifier(self.norm(encoded + attended)).squeeze(-1))
