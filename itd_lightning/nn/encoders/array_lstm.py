"""LSTM with an array of memory cells, the encoder of TIRESIAS.

Axes: B rows, L steps, M width, K memory cells of each unit.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from itd_lightning.nn.encoders.base import SequenceEncoder


class ArrayLSTM(SequenceEncoder):
    """An encoder by the steps before each, through several memory cells for each unit.

    Each of the K cells has its own gates, which all read the one state that they share:

        i, f, o = sigmoid(W x_t + U h_{t-1} + b)
        c^k_t = f^k c^k_{t-1} + i^k tanh(W x_t + U h_{t-1} + b)
        h_t = sum over k of o^k tanh(c^k_t)

    With one cell it is an LSTM.

    Args:
        width: Width of input and output, M.
        layers: Layers; TIRESIAS has one.
        dropout: Share of units dropped between layers.
        cells: Memory cells of each unit, K.

    Source:
        Shen et al., Tiresias, CCS 2018, doi:10.1145/3243734.3243811, which takes it from Rocki, Recurrent
        Memory Array Structures, 2016, arXiv:1607.03085.
        Departure: the deterministic array, all of whose cells add up. Rocki's stochastic variants draw a cell
        at random, which would make scores random too.
    """

    def __init__(self, width: int = 64, layers: int = 1, dropout: float = 0.0, cells: int = 4) -> None:
        super().__init__()
        self.cells = cells
        self.inputs = nn.ModuleList(nn.Linear(width, 4 * cells * width) for _ in range(layers))
        self.states = nn.ModuleList(nn.Linear(width, 4 * cells * width, bias=False) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Step from left to right; the padding comes last."""
        for number, (inputs, states) in enumerate(zip(self.inputs, self.states, strict=True)):
            x = self.layer(x if number == 0 else self.dropout(x), inputs, states)
        return x

    def layer(
        self, x: Float[Tensor, "b l m"], inputs: nn.Module, states: nn.Module
    ) -> Float[Tensor, "b l m"]:
        """Step one layer through time."""
        rows, _, width = x.shape
        h, c = x.new_zeros(rows, width), x.new_zeros(rows, self.cells, width)
        steps = []
        # unbind, not [:, t]: the gradient of an index fills a tensor of full length at every step.
        for part in inputs(x).unbind(1):
            gates, candidate = (part + states(h)).view(rows, 4, self.cells, width).split([3, 1], dim=1)
            i, f, o = gates.sigmoid().unbind(1)
            c = f * c + i * candidate.squeeze(1).tanh()
            h = (o * c.tanh()).sum(1)
            steps.append(h)
        return torch.stack(steps, dim=1)
