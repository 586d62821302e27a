"""Windows as batches: one by one, or in pairs of consecutive ones; and what was usual before each of them.

Axes: N windows of the view, M rows, T hours, F features.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.numerics.history import OwnHistory, earlier_moments, user_series


def own_moments(
    counts: Int[np.ndarray, "n t f"],
    user: Shaped[np.ndarray, " n"],
    is_weekend: Bool[np.ndarray, " n"],
    usual: tuple[Float[Tensor, " f"], Float[Tensor, " f"]],
    own: OwnHistory,
) -> tuple[Float[Tensor, "n f"], Float[Tensor, "n f"]]:
    """Return mean and standard deviation of each feature over the cells of the user's earlier windows.

    They fade in over the warm-up, from those of everybody. A deviation is at least a tenth of everybody's.

    Args:
        counts: All windows of the view, user after user, each user's in time order.
        user: User of each window.
        is_weekend: Whether the window starts on a weekend.
        usual: Mean and deviation of everybody's training windows.
        own: Which earlier windows count; its days are windows here.
    """
    mean, std = (np.tile(part.double().numpy(), (len(counts), 1)) for part in usual)
    for rows in user_series(user, is_weekend if own.weekends_apart else None):
        cells = counts[rows].astype(np.float64)
        centre, between = earlier_moments(cells.mean(axis=1), own.horizon, own.half_life)
        within, _ = earlier_moments(cells.var(axis=1), own.horizon, own.half_life)
        spread = np.sqrt(np.square(between) + within)  # the variance of cells is that of windows and in them
        weight = np.minimum(np.arange(len(rows)) / own.warm_up, 1.0)[:, None]
        mean[rows] = weight * centre + (1 - weight) * mean[rows]
        std[rows] = np.maximum(weight * spread + (1 - weight) * std[rows], 0.1 * std[rows])
    return torch.from_numpy(mean).float(), torch.from_numpy(std).float()


class WindowDataset(Dataset[WindowBatch]):
    """Windows of one part; rows are single windows, or pairs of consecutive ones.

    Args:
        counts: All windows of the view, ``(N, T, F)``.
        first: Windows, as numbers in ``counts``.
        second: The window that follows each of them, or -1.
        mean: Mean of each feature for each window of the view, ``(N, F)``.
        std: Standard deviation of each feature, ``(N, F)``.
    """

    def __init__(
        self,
        counts: Int[np.ndarray, "n t f"],
        first: Int[np.ndarray, " m"],
        second: Int[np.ndarray, " m"],
        mean: Float[Tensor, "n f"],
        std: Float[Tensor, "n f"],
    ) -> None:
        # A tensor, since loader processes get these as shared memory, not as copies.
        self.counts = torch.from_numpy(counts)
        self.first, self.second, self.mean, self.std = first, second, mean, std

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, row: int | list[int]) -> WindowBatch:
        return self.__getitems__(row if isinstance(row, list) else [row])

    def __getitems__(self, rows: list[int]) -> WindowBatch:
        first, second = self.first[rows], self.second[rows]
        paired = second >= 0
        unit = np.concatenate([first, second[paired]])
        next_row = np.full(len(unit), -1)
        next_row[: len(first)][paired] = np.arange(len(first), len(unit))
        number = torch.from_numpy(unit)
        counts = self.counts[number]
        values = (counts - self.mean[number][:, None]) / self.std[number][:, None]
        return WindowBatch(counts > 0, values, torch.from_numpy(next_row), number)
