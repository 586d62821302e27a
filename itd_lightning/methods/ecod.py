"""ECOD: a day is anomalous when its features lie in the tails of their distributions.

Axes: B days, N training days, F features.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.methods.bases.gathering import Gathering, sample_rows


class ECOD(Gathering[DayBatch]):
    """A detector by empirical cumulative distributions, feature by feature, without hyper-parameters.

    A day's tail is the share of days, itself included, that are as small (left) or as large (right) in a
    feature. Its score is the sum over features of minus the logarithm of a tail: the largest of the sums by
    the left, the right, and the tail on the side to which the feature is skewed.

    Args:
        most: Training days to keep; where there are more, a random sample.
        seed: Of that sample.

    Source:
        Li et al., ECOD, TKDE 2022, doi:10.1109/TKDE.2022.3159580, algorithm 1. Departure: a day is compared
        with the training days and itself, not with all other days to be scored, so that its score does not
        depend on them; the skew is that of the training days.
    """

    def __init__(self, most: int = 20000, seed: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.most, self.seed = most, seed
        self.register_buffer("ordered", torch.zeros(0, 0))
        self.register_buffer("skewed_left", torch.zeros(0, dtype=torch.bool))
        self.ordered: Tensor
        self.skewed_left: Tensor

    def fit(self, days: DayBatch) -> None:
        """Sort each feature and find the side to which it is skewed; labels play no part."""
        sample = days.features[sample_rows(days.features, self.most, self.seed)]
        deviation = sample.double() - sample.double().mean(dim=0)
        self.fill_buffers(
            ordered=sample.T.sort(dim=1).values.contiguous(), skewed_left=deviation.pow(3).mean(dim=0) < 0
        )

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Score days by the improbability of their tails."""
        return self.tails(batch).sum(dim=2).amax(dim=0)

    def explain(self, batch: DayBatch) -> Explanation:
        """Return the improbability of each feature's tail, on the side that gives the score."""
        tails = self.tails(batch)
        side = tails.sum(dim=2).argmax(dim=0)
        parts = tails[side, torch.arange(len(side))]
        return Explanation(parts, torch.zeros_like(parts))

    def tails(self, batch: DayBatch) -> Float[Tensor, "3 b f"]:
        """Return the improbability of each feature by its left, its right, and its skewed tail."""
        values, days = batch.features.T.contiguous(), self.ordered.shape[1]
        left = torch.searchsorted(self.ordered, values, right=True) + 1
        right = days - torch.searchsorted(self.ordered, values) + 1
        tails = [-(count / (days + 1)).log() for count in (left, right)]
        skewed = torch.where(self.skewed_left[:, None], tails[0], tails[1])
        return torch.stack([*tails, skewed]).transpose(1, 2)
