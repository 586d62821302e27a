"""RMSL's network, in which normal behaviours lie in one of many spheres, and the losses that draw them there.

Axes: B rows, L behaviours of a row, N behaviours that count, M spheres, D features.

Source:
    RMSL: Weakly-Supervised Insider Threat Detection with Robust Multi-Sphere Learning, sections 3.1 and 3.2.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, softplus

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.nn.encoders.bidirectional import Bidirectional
from itd_lightning.nn.encoders.factored import FactoredEmbedding


def multi_centre(nearest: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return the squared distance of each behaviour to its nearest centre. Equation 6, before its mean."""
    return nearest.square()


def separability(nearest: Float[Tensor, " n"], second: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return the separability loss of the two nearest centres. Equation 7, before its mean.

    ``BCE(exp(second) / (exp(nearest) + exp(second)), 1)`` is ``log(1 + exp(nearest - second))``; this form
    does not overflow.
    """
    return softplus(nearest - second)


def deviation(nearest: Float[Tensor, "*n"], spread: Float[Tensor, ""]) -> Float[Tensor, "*n"]:
    """Return the distance to the nearest sphere, squashed to 0 .. 1: 0.5 at three times the usual distance.

    Departure: equation 3 scores the distance itself, which the cross-entropy of equations 8 to 12 cannot
    take. The squashing is monotone, so that this score alone ranks as the distance does.

    Args:
        nearest: Distance to the nearest centre.
        spread: Mean squared distance of behaviours in normal training sequences.
    """
    squared = nearest.square()
    return squared / (squared + 9 * spread).clamp(min=1e-12)


class Detector(nn.Module):
    """Sequence encoder, spheres and classifier. Equations 1 to 4.

    Args:
        vocabulary: Number of tokens V.
        width: Features D of a behaviour.
        spheres: Number M of centres.
        dropout: Share of features dropped between the encoder's layers.
        factor_dropout: Share of factors of a token that training leaves out; for factored tokens.
    """

    def __init__(
        self, vocabulary: int, width: int, spheres: int, dropout: float, factor_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embedding = FactoredEmbedding(vocabulary, width, factor_dropout)
        # Half as wide each way, so that both together are as wide as the embedding.
        self.encoder = Bidirectional("gru", width, width // 2, layers=2, dropout=dropout)
        self.centres = nn.Embedding(spheres, width)
        self.sizes = [width // 4, width // 4, width]  # of query, key, value
        self.attention = nn.Linear(width, sum(self.sizes))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, 1)

    def encode(self, batch: SequenceBatch) -> Float[Tensor, "b l d"]:
        """Return behaviours in the context of their sequence."""
        encoded: Tensor = self.encoder(self.embedding(batch.tokens), batch.lengths)
        return encoded

    def distances(self, encoded: Float[Tensor, "b l d"]) -> tuple[Float[Tensor, "b l"], Float[Tensor, "b l"]]:
        """Return the distances of behaviours to the two nearest centres; infinite without a second one."""
        near = torch.cdist(encoded.flatten(0, 1), self.centres.weight).view(*encoded.shape[:2], -1)
        values = near.topk(min(2, near.shape[-1]), largest=False).values
        nearest = values[..., 0]
        return nearest, values[..., 1] if near.shape[-1] > 1 else torch.full_like(nearest, torch.inf)

    def classify(self, encoded: Float[Tensor, "b l d"], batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Return the probability of an anomaly; equation 4 with one head, a residual and its norm."""
        query, key, value = self.attention(encoded)[:, None].split(self.sizes, dim=-1)
        real = torch.arange(encoded.shape[1], device=encoded.device) < batch.lengths[:, None].to(
            encoded.device
        )
        attended = scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None])[:, 0]
        return torch.sigmoid(self.classifier(self.norm(encoded + attended)).squeeze(-1))
