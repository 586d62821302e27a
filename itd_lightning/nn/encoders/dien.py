"""DIEN: interests are extracted from behaviours, and followed as far as they concern the present one.

Axes: B rows, L steps, M width, W steps of history.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pad

from itd_lightning.nn.encoders.base import SequenceEncoder


def _shift_back(x: Float[Tensor, "b l m"], steps: int) -> Float[Tensor, "b l m"]:
    """Return the rows so many steps earlier; 0 before the first step."""
    return pad(x, (0, 0, steps, 0))[:, : x.shape[1]]


class DIEN(SequenceEncoder):
    """An encoder by the interests in all steps before each, and their evolution over the last ones.

    A GRU extracts interests h. Toward a target x_l, the interest h_t of an earlier step has the attention
    ``a = softmax over t of h_t W x_l``. A second GRU, whose update gate is multiplied by it (AUGRU), runs
    over the last interests, and tells how those that concern the target evolved.

    Args:
        width: Width of input and output, M.
        dropout: Share of units dropped from the output.
        history: Interests that the AUGRU runs over, W: that of the step itself, and those before.

    Source:
        Zhou et al. 2019, DIEN, AAAI, arXiv:1809.03672, sections on the interest extractor and the interest
        evolving layer.
        Departure: the published target is the item whose click is asked for. To predict the next behaviour by
        a softmax over all of them, nothing may depend on the actual one, so the target is the latest known
        behaviour: it attends to interests of steps up to its own. Since each step is a target, the AUGRU
        begins W steps back, not with the sequence. Negatives of the auxiliary loss, which weighs 1, are
        other behaviours of the batch.
    """

    def __init__(self, width: int = 64, dropout: float = 0.0, history: int = 8) -> None:
        super().__init__()
        self.history = history
        self.extractor = nn.GRU(width, width, batch_first=True)
        self.toward = nn.Linear(width, width, bias=False)
        self.inputs = nn.Linear(width, 3 * width)
        self.states = nn.Linear(width, 3 * width)
        self.out = nn.Sequential(nn.Linear(2 * width, width), nn.PReLU(), nn.Dropout(dropout))

    def mix(self, x: Float[Tensor, "b l m"], real: Bool[Tensor, "b l"]) -> Float[Tensor, "b l m"]:
        """Extract interests, follow them toward each step, and join the result with the step."""
        interests: Tensor = self.extractor(x)[0]
        mixed: Tensor = self.out(torch.cat([self.evolve(interests, self.attention(interests, x)), x], dim=2))
        return mixed

    def attention(
        self, interests: Float[Tensor, "b l m"], x: Float[Tensor, "b l m"]
    ) -> Float[Tensor, "b l w"]:
        """Return the attention of each step to the interests of the last steps, its own last."""
        back = torch.arange(self.history - 1, -1, -1, device=x.device)
        toward = self.toward(x)
        scores = torch.stack(
            [(_shift_back(interests, steps) * toward).sum(2) for steps in back.tolist()], dim=2
        )
        exists = torch.arange(x.shape[1], device=x.device)[:, None] >= back
        return scores.masked_fill(~exists, -torch.inf).softmax(dim=2)

    def evolve(
        self, interests: Float[Tensor, "b l m"], attention: Float[Tensor, "b l w"]
    ) -> Float[Tensor, "b l m"]:
        """Run the AUGRU over the last interests of each step."""
        state = torch.zeros_like(interests)
        inputs = self.inputs(interests)
        for number, share in enumerate(attention.split(1, dim=2)):
            update, reset, candidate = _shift_back(inputs, self.history - 1 - number).chunk(3, dim=2)
            old_update, old_reset, old_candidate = self.states(state).chunk(3, dim=2)
            gate = share * torch.sigmoid(update + old_update)
            fresh = torch.tanh(candidate + torch.sigmoid(reset + old_reset) * old_candidate)
            state = state + gate * (fresh - state)
        return state

    def auxiliary(self, x: Float[Tensor, "b l m"], counted: Bool[Tensor, "b l"]) -> Float[Tensor, ""]:
        """Return the loss of telling the next behaviour from another by each interest."""
        # Step l of the input is behaviour l - 1, so that the next one lies at the next step.
        interest, following = self.extractor(x)[0][:, :-1][counted[:, :-1]], x[:, 1:][counted[:, :-1]]
        other = following[torch.randperm(len(following), device=x.device)]
        differs = (other != following).any(1)
        right = logsigmoid((interest * following).sum(1))
        wrong = logsigmoid(-(interest * other).sum(1)) * differs
        return -(right + wrong).sum() / max(len(following), 1)
