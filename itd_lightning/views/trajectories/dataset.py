"""The whole company as one batch, and the scale of its features.

Axes: U users, T calendar days, D features (12).
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.errors import InputError

Scaling = Literal["robust", "plain"]
_TO_NORMAL = 1.349  # interquartile range of a normal distribution, in standard deviations


def moments(
    values: Float[Tensor, "u t d"], mask: Bool[Tensor, "u t"], scaling: Scaling
) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
    """Return centre and scale of each feature over active training days of all users.

    ``robust``: median, and interquartile range as that of a normal distribution. ``plain``: mean and standard
    deviation. A feature that is the same on half of the days has no range, and takes its standard deviation;
    one that never varies has the scale 1.

    Raises:
        InputError: If there are no such days.
    """
    days = values[mask].numpy()
    if not len(days):
        raise InputError("the training part holds no activity: the split leaves nothing to learn from")
    std = days.astype(np.float64).std(axis=0)
    centre, scale = days.mean(axis=0, dtype=np.float64), std
    if scaling == "robust":
        low, centre, high = np.percentile(days, [25, 50, 75], axis=0)
        scale = np.where(high > low, (high - low) / _TO_NORMAL, std)
    scale = np.where(scale > 0, scale, 1.0)
    return torch.from_numpy(centre).float(), torch.from_numpy(scale).float()


class Company(Dataset[TrajectoryBatch]):
    """A dataset of one item: the whole company, since a user's day is compared with others' same day."""

    def __init__(self, batch: TrajectoryBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def __getitem__(self, row: int) -> TrajectoryBatch:
        return self.batch
