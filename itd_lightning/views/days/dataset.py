"""Rows of the view ``days``: the selected features, their scale, and the days before.

Axes: N days, M days of a part, B rows of a batch, D preceding days, F features, U users that trained, and one
for all others.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError

History = Literal["none", "own", "both"]


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match any pattern, but none that match a pattern after an exclamation mark.

    Raises:
        InputError: If there is none.

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
    if not matches:
        raise InputError(
            f"no feature fits {list(patterns)}; their names are {names[0]}, {names[1]} and so on"
        )
    return matches


class Fitted(NamedTuple):
    """State that is fitted on training days.

    Attributes:
        features: Names of the features.
        users: Users with training days, in the order of rows 1, 2, ... of the others; row 0 is everybody.
        mean: Mean of each feature, float32 ``(1 + U, F)``.
        std: Standard deviation of each feature, float32 ``(1 + U, F)``.
    """

    features: list[str]
    users: list[str]
    mean: Float[Tensor, "u f"]
    std: Float[Tensor, "u f"]


def moments(
    values: Float[np.ndarray, "n f"], user: Int[np.ndarray, " n"], users: int, prior: float
) -> tuple[Float[Tensor, "u f"], Float[Tensor, "u f"]]:
    """Return mean and deviation of each feature over everybody's training days, then each user's own.

    A user's own moments are those of their n days and of ``prior`` days more that look like everybody's: else
    the first event of a kind would lie infinitely far out, and a user with one day would have no deviation. A
    feature that never varies in training gets the deviation 1.

    Args:
        values: Training days, sorted by user.
        user: Number of each day's user, from 1.
        users: How many users there are; each has a day.
        prior: Weight of everybody's days, in days; above 0.

    Raises:
        InputError: If there is no training day.
    """
    if not len(values):
        raise InputError("the training part holds no activity: the split leaves nothing to learn from")
    starts = np.searchsorted(user, np.arange(1, users + 2))
    days = np.diff(starts)[:, None]
    # User by user, since a copy of all days in float64 would be large.
    by_user = [values[first:last] for first, last in pairwise(starts)]
    mean, variance = (
        np.stack([moment(part, axis=0, dtype=np.float64) for part in by_user]) for moment in (np.mean, np.var)
    )
    centre = (days * mean).sum(axis=0) / len(values)
    spread = (days * (variance + (mean - centre) ** 2)).sum(axis=0) / len(values)
    mean = np.vstack([centre, (days * mean + prior * centre) / (days + prior)])
    variance = np.vstack([spread, (days * variance + prior * spread) / (days + prior)])
    varies = spread > 1e-12 * (1 + centre**2)  # not by rounding alone
    std = np.where(varies, np.sqrt(variance), 1.0)
    return torch.from_numpy(mean).float(), torch.from_numpy(std).float()


class DayDataset(Dataset[DayBatch]):
    """Days of one part, with the days before them, whatever part those belong to.

    Args:
        values: All days of the view, ``(N, F)``, by user and time.
        user: Number of each day's user, ``(N,)``; 0 for users that training did not see.
        before: How many days of its user come before each day, ``(N,)``.
        label: What the split shows of each day, ``(N,)``.
        part: Numbers of the days of this part.
        days: Preceding days D in a row.
        fitted: Moments.
        history: Which of them standardise.
    """

    def __init__(
        self,
        values: Float[Tensor, "n f"],
        user: Int[Tensor, " n"],
        before: Int[Tensor, " n"],
        label: Float[Tensor, " n"],
        part: Int[np.ndarray, " m"],
        days: int,
        fitted: Fitted,
        history: History,
    ) -> None:
        # Tensors, since loader processes get these as shared memory, not as copies.
        self.values, self.user, self.before, self.label = values, user, before, label
        self.part, self.days, self.fitted, self.history = torch.from_numpy(part), days, fitted, history

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
            features=self.standardise(unit),
            past=self.standardise(past) * has_past[:, :, None],
            has_past=has_past,
            user=self.user[unit],
            unit=unit,
            label=self.label[unit],
        )

    def standardise(self, unit: Int[Tensor, "b ..."]) -> Float[Tensor, "b ... f"]:
        """Return days in standard deviations from the mean of everybody, of the user, or of both."""
        own, everybody = self.user[unit], torch.zeros_like(unit)
        rows = {"none": [everybody], "own": [own], "both": [everybody, own]}[self.history]
        mean, std = self.fitted.mean, self.fitted.std
        return torch.cat([(self.values[unit] - mean[row]) / std[row] for row in rows], dim=-1)
