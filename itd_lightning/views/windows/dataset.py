"""Windows as batches: one by one, or in pairs of consecutive ones.

Axes: N windows of the view, M rows, T hours, F features.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import WindowBatch


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
