"""Rows of the view ``days``: the selected features, their scale, and the days before.

Axes: N days, M days of a part, B rows of a batch, D preceding days, F features, G groups (of peers, or one
for each user that trained).
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError

History = Literal["none", "own", "frozen", "both"]


def matching(names: Sequence[str], patterns: Sequence[str], least: int = 1) -> list[str]:
    """Return the names that match any pattern, but none that match a pattern after an exclamation mark.

    Raises:
        InputError: If there are fewer than ``least``.

    Example:
        >>> matching(["usb_count", "http_count", "http_url_length_mean"], ["*_count", "!usb_*"])
        ['http_count']
    """
    out = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    matches = [
        name
        for name in names
        if any(fnmatchcase(name, pattern) for pattern in patterns)
        and not any(fnmatchcase(name, pattern) for pattern in out)
    ]
    if len(matches) < least:
        raise InputError(
            f"no feature fits {list(patterns)}; their names are {names[0]}, {names[1]} and so on"
        )
    return matches


class Fitted(NamedTuple):
    """State that is fitted on training days.

    Attributes:
        features: Names of the features.
        groups: Names of the rows 1, 2, ... of the others: roles, or with a frozen history the users that
            trained. Row 0 is everybody.
        mean: Mean of each feature, float32 ``(1 + G, F)``.
        std: Standard deviation of each feature, float32 ``(1 + G, F)``.
    """

    features: list[str]
    groups: list[str]
    mean: Float[Tensor, "g f"]
    std: Float[Tensor, "g f"]


def moments(
    values: Float[np.ndarray, "n f"], group: Int[np.ndarray, " n"], groups: int, prior: float
) -> tuple[Float[Tensor, "g f"], Float[Tensor, "g f"]]:
    """Return mean and deviation of each feature over everybody's training days, then over each group's.

    A group's moments are those of its n days and of ``prior`` days more that look like everybody's: else
    the first event of a kind would lie infinitely far out, and a group with one day would have no deviation.
    A feature that never varies in training gets the deviation 1.

    Args:
        values: Training days.
        group: Number of each day's group, from 1; 0 for none.
        groups: How many groups there are.
        prior: Weight of everybody's days, in days; above 0.

    Raises:
        InputError: If there is no training day.
    """
    if not len(values):
        raise InputError("the training part holds no activity: the split leaves nothing to learn from")
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(groups + 1))
    # Group by group, since a copy of all days in float64 would be large; those of no group are one more.
    parts = [values[rows] for rows in np.split(order, starts[1:])]
    days = np.array([len(part) for part in parts])[:, None]
    mean, variance = (
        np.stack([moment(part if len(part) else values[:1], axis=0, dtype=np.float64) for part in parts])
        for moment in (np.mean, np.var)
    )
    centre = (days * mean).sum(axis=0) / len(values)
    spread = (days * (variance + (mean - centre) ** 2)).sum(axis=0) / len(values)
    days, mean, variance = days[1:], mean[1:], variance[1:]
    mean = np.vstack([centre, (days * mean + prior * centre) / (days + prior)])
    variance = np.vstack([spread, (days * variance + prior * spread) / (days + prior)])
    varies = spread > 1e-12 * (1 + centre**2)  # not by rounding alone
    std = np.where(varies, np.sqrt(variance), 1.0)
    return torch.from_numpy(mean).float(), torch.from_numpy(std).float()


class DayDataset(Dataset[DayBatch]):
    """Days of one part, with the days before them, whatever part those belong to.

    Args:
        features: All days of the view, standardised, ``(N, F)``, by user and time.
        before: How many days of its user come before each day, ``(N,)``.
        label: What the split shows of each day, ``(N,)``.
        part: Numbers of the days of this part.
        days: Preceding days D in a row.
    """

    def __init__(
        self,
        features: Float[Tensor, "n f"],
        before: Int[Tensor, " n"],
        label: Float[Tensor, " n"],
        part: Int[np.ndarray, " m"],
        days: int,
    ) -> None:
        # Tensors, since loader processes get these as shared memory, not as copies.
        self.features, self.before, self.label = features, before, label
        self.part, self.days = torch.from_numpy(part), days

    @property
    def labels(self) -> Float[Tensor, " m"]:
        """Return the labels of the rows, NaN where none is shown."""
        return self.label[self.part]

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, row: int | list[int]) -> DayBatch:
        return self.__getitems__(row if isinstance(row, list) else [row])

    def __getitems__(self, rows: list[int]) -> DayBatch:
        unit = self.part[rows]
        back = torch.arange(1, self.days + 1)
        has_past = self.before[unit][:, None] >= back
        past = torch.where(has_past, unit[:, None] - back, unit[:, None])
        return DayBatch(
            features=self.features[unit],
            past=self.features[past] * has_past[:, :, None],
            has_past=has_past,
            unit=unit,
            label=self.label[unit],
        )
