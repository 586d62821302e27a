"""Embedding of behaviours: of a word by one vector, of a factored token by the sum of its factors' vectors.

Axes: B rows, L behaviours, K factors, M width, V numbers, of which the first is padding.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding_bag


class FactoredEmbedding(nn.Embedding):
    """An embedding of words ``(B, L)``, or of tokens of several factors ``(B, L, K)``.

    Args:
        vocabulary: Numbers V, padding included.
        width: Width M.
        dropout: Share of factors that training leaves out, each by itself; the others weigh more. So no
            factor is trusted alone. Words have one factor, which is never left out.

    Example:
        >>> embedding = FactoredEmbedding(9, width=3).eval()
        >>> token = torch.tensor([[[1, 4, 8]]])
        >>> torch.allclose(embedding(token), embedding(token[..., 0]) + embedding.weight[[4, 8]].sum(0))
        True
    """

    def __init__(self, vocabulary: int, width: int, dropout: float = 0.0) -> None:
        super().__init__(vocabulary, width, padding_idx=0)
        self.dropout = dropout

    def forward(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... m"]:
        """Return the vector of each behaviour; zeros in the padding."""
        if tokens.ndim < 3:
            return super().forward(tokens)
        bags = tokens.flatten(0, 1)
        weights = None
        if self.training and self.dropout:
            kept = torch.rand(bags.shape, device=bags.device) >= self.dropout
            weights = kept.to(self.weight.dtype) / (1 - self.dropout)
        summed = embedding_bag(bags, self.weight, mode="sum", per_sample_weights=weights, padding_idx=0)
        return summed.view(*tokens.shape[:2], self.embedding_dim)
