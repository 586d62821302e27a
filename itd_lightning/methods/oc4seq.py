"""OC4Seq: a behaviour is anomalous when its sequence, or the few behaviours up to it, lie far from a centre.

Axes: B rows, L behaviours of a row, N behaviours that count, M width, H hidden units, K behaviours a window.
"""

from typing import Literal

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.bases.sequence_method import SequenceMethod
from itd_lightning.nn.encoders.factored import FactoredEmbedding


def away_from_zero(centre: Float[Tensor, "*c h"], least: float) -> Float[Tensor, "*c h"]:
    """Return centres all of whose units are ``least`` or more from 0, where a unit could be constant.

    Example:
        >>> away_from_zero(torch.tensor([0.5, 0.01, -0.02]), 0.1)
        tensor([ 0.5000,  0.1000, -0.1000])
    """
    return torch.where(centre.abs() < least, torch.where(centre < 0, -least, least), centre)


class OC4Seq(SequenceMethod):
    """A method that draws normal sequences to a global centre and their windows to a local one.

    A GRU reads the sequence, another each window of K behaviours; the anomaly is the squared distance of
    the last state to the centre. The loss of a sequence is ``global + alpha * max over windows of local``.
    A behaviour scores the same sum with the window that ends in it: the highest score of a sequence is its
    loss. By the rule ``local`` it scores the distance of the window alone.

    Both centres are means over the training sequences before the first step, and stay as they are.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        vocabulary: Number of tokens V.
        width: Features M of a behaviour.
        hidden: Units H of both GRUs.
        layers: Layers of both GRUs.
        window: Behaviours K of a window.
        alpha: Weight of the local distance.
        rule: Score of a behaviour: the ``sum`` of both distances, or the ``local`` one. The global one is the
            same for all behaviours of a sequence, and largest for short ones, which are seldom malicious.
        least: Distance from 0 that each unit of a centre has at least.
        factor_dropout: Share of factors of a token that training leaves out; for factored tokens.

    Source:
        Wang et al. 2021, Multi-Scale One-Class Recurrent Neural Networks for Discrete Event Sequence Anomaly
        Detection, KDD, arXiv:2008.13361, section 3, with the sizes of its code; RMSL, section A.2.
        Departure: padding is in no centre and no maximum; windows are shorter at the beginning, so that each
        behaviour ends one. The paper scores sequences only. A sequence longer than a row counts as several.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        vocabulary: int = 512,
        width: int = 128,
        hidden: int = 64,
        layers: int = 2,
        window: int = 7,
        alpha: float = 1.0,
        least: float = 0.1,
        rule: Literal["sum", "local"] = "sum",
        factor_dropout: float = 0.1,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.window, self.alpha, self.least, self.rule = window, alpha, least, rule
        self.embedding = FactoredEmbedding(vocabulary, width, factor_dropout)
        self.whole = nn.GRU(width, hidden, layers, batch_first=True)
        self.part = nn.GRU(width, hidden, layers, batch_first=True)
        self.register_buffer("centres", torch.zeros(2, hidden))  # global and local; 0 before training
        self.centres: Tensor

    def states(self, rows: SequenceBatch) -> tuple[Float[Tensor, "b h"], Float[Tensor, "n h"]]:
        """Return the state after each row, and after the window that ends in each behaviour that counts."""
        embedded = self.embedding(rows.tokens)
        row = torch.arange(len(embedded), device=embedded.device)
        last = self.whole(embedded)[0][row, rows.lengths.to(embedded.device) - 1]
        owner, place = rows.is_counted.nonzero(as_tuple=True)
        first = (place - self.window + 1).clamp(min=0)
        step = torch.arange(self.window, device=embedded.device)
        # What a short window reads beyond its behaviour comes later, and does not count.
        at = (first[:, None] + step).clamp(max=embedded.shape[1] - 1)
        windows = self.part(embedded[owner[:, None], at])[0]
        return last, windows[torch.arange(len(place), device=place.device), place - first]

    def distances(self, rows: SequenceBatch) -> tuple[Float[Tensor, " b"], Float[Tensor, "b l"]]:
        """Return squared distances of rows to the global centre, of windows to the local; 0 in padding."""
        last, windows = self.states(rows)
        far = (last - self.centres[0]).square().sum(1)
        local = (windows - self.centres[1]).square().sum(1)
        return far, local.new_zeros(rows.behaviour.shape).masked_scatter(rows.is_counted, local)

    def on_train_start(self) -> None:
        """Compute the centres by a pass over the training sequences; a resumed run has them."""
        if self.centres.any():
            return
        totals, counts = torch.zeros_like(self.centres), self.centres.new_zeros(2, 1)
        loader = self.trainer.train_dataloader
        assert loader is not None
        with torch.no_grad():
            for batch, _ in zip(loader, range(int(self.trainer.num_training_batches)), strict=False):
                rows = self.training_rows(self.transfer_batch_to_device(batch, self.device, 0))
                if rows.is_counted.any():
                    for kind, state in enumerate(self.states(rows)):
                        totals[kind] += state.sum(0)
                        counts[kind] += len(state)
        totals, counts = (self.trainer.strategy.reduce(part, reduce_op="sum") for part in (totals, counts))
        if not counts.all():
            raise InputError(
                "no training sequence that is not shown to be malicious, so there are no centres"
            )
        self.centres.copy_(away_from_zero(totals / counts, self.least))

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Return the mean over rows of the global distance and the largest local one."""
        far, local = self.distances(rows)
        return (far + self.alpha * local.amax(1)).mean()

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours by the rule; 0 where none counts."""
        far, local = self.distances(batch)
        if self.rule == "local":
            return local
        return (far[:, None] + self.alpha * local) * batch.is_counted
