"""What comes out of an encoder becomes the probability of each behaviour that could stand there.

Axes: N places, M width, V tokens, of which the first is padding.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class Prediction(nn.Module):
    """Probabilities of all tokens but padding, which is no behaviour.

    Args:
        width: Width M.
        vocabulary: Tokens V, padding included.
    """

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, vocabulary - 1)

    def surprise(self, encoded: Float[Tensor, "n m"], tokens: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """How improbable the actual behaviours were: ``-log p``, in nats."""
        surprise: Tensor = cross_entropy(self.logits(encoded), tokens - 1, reduction="none")
        return surprise

    def rank(self, encoded: Float[Tensor, "n m"], tokens: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """How many behaviours were more probable than the actual ones.

        Example:
            >>> import torch
            >>> prediction = Prediction(3, vocabulary=4)
            >>> _ = prediction.logits.weight.data.copy_(torch.eye(3)), prediction.logits.bias.data.zero_()
            >>> prediction.rank(torch.tensor([[0.5, 0.9, 0.7]]), torch.tensor([3]))
            tensor([1.])
        """
        logits: Tensor = self.logits(encoded)
        actual = logits.gather(1, tokens[:, None] - 1)
        return (logits > actual).sum(1).to(logits.dtype)
