"""BST: a Transformer block over behaviours, and a perceptron over its latest outputs.

Axes: B rows, L steps, M width, W steps that are read together.
"""

from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from itd_lightning.nn.encoders.base import SequenceEncoder, positions


class BST(SequenceEncoder):
    """An encoder by causal attention, after which a perceptron reads the last outputs side by side.

    Args:
        width: Width of input and output, M; a multiple of ``heads``.
        layers: Transformer blocks.
        heads: Attention heads.
        dropout: Share of units dropped in the blocks.
        latest: Outputs that are read together, W: that of the step itself, and those before.

    Source:
        Chen et al. 2019, Behavior Sequence Transformer, DLP-KDD, arXiv:1905.06874, section 2: one block with
        8 heads, norms after each part, LeakyReLU.
        Departure: the published target item, which is one of the sequence that attends, is the item whose
        click is asked for. To predict the next behaviour by a softmax over all of them, nothing may depend on
        the actual one, so the target is the latest known behaviour, and every earlier one is a target as
        well: attention is causal. Positions count from the row's start, by sines. The perceptron reads 8
        outputs in place of all 20, and has 4 M, 2 M and M units in place of 1024, 512 and 256.
    """

    def __init__(
        self, width: int = 64, layers: int = 1, heads: int = 8, dropout: float = 0.0, latest: int = 8
    ) -> None:
        super().__init__()
        self.latest = latest
        block = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation=leaky_relu, batch_first=True
        )
        self.stack = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        sizes = [latest * width, 4 * width, 2 * width, width]
        dense = (nn.Sequential(nn.Linear(size, after), nn.LeakyReLU()) for size, after in pairwise(sizes))
        self.perceptron = nn.Sequential(*dense)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Attend, then read the last outputs of each step."""
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        attended = self.stack(x + positions(x), mask=later, is_causal=True)
        together = pad(attended, (0, 0, self.latest - 1, 0)).unfold(1, self.latest, 1).flatten(2)
        mixed: Tensor = self.perceptron(together)
        return mixed
