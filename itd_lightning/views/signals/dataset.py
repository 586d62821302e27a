"""User-days as batches: their behaviours, beside counts and modes.

Axes: N behaviours of the view, M rows of a part, B rows of a batch, L behaviours, C channels, K modes.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import SignalBatch


class SignalDataset(Dataset[SignalBatch]):
    """User-days: their behaviours, and counts and modes.

    Args:
        tokens: All behaviours of the view, int16.
        first: Number of the first behaviour of each row's day.
        length: Behaviours on that day.
        longest: Most behaviours of a row; of a longer day so many, evenly spaced, are read.
        signals: Counts and modes of each row, ``(M, C (K + 1))``.
        unit: Unit of each row.
        label: Label of each row, NaN where none is shown.
        weight: Weight of each row in a loss.
    """

    def __init__(
        self,
        tokens: Int[Tensor, " n"],
        first: Int[np.ndarray, " m"],
        length: Int[np.ndarray, " m"],
        longest: int,
        signals: Float[np.ndarray, "m z"],
        unit: Int[np.ndarray, " m"],
        label: Float[np.ndarray, " m"],
        weight: Float[np.ndarray, " m"],
    ) -> None:
        self.tokens, self.signals = tokens, torch.from_numpy(signals.astype(np.float32))
        self.first, self.length, self.longest = first, length, longest
        self.unit, self.label, self.weight = unit, label, weight

    def __len__(self) -> int:
        return len(self.unit)

    def __getitem__(self, row: int | list[int]) -> SignalBatch:
        return self.__getitems__(row if isinstance(row, list) else [row])

    def __getitems__(self, rows: list[int]) -> SignalBatch:
        length = self.length[rows]
        size = np.minimum(length, self.longest)
        at = np.arange(size.max())
        step = length / size  # 1 unless the day is too long
        place = (at * step[:, None]).astype(np.int64)
        mask = at < size[:, None]
        tokens = self.tokens[torch.from_numpy(np.where(mask, self.first[rows][:, None] + place, 0))].long()
        return SignalBatch(
            tokens=tokens * torch.from_numpy(mask),
            lengths=torch.from_numpy(size),
            signals=self.signals[torch.tensor(rows)],
            unit=torch.from_numpy(self.unit[rows]),
            label=torch.from_numpy(self.label[rows].astype(np.float32)),
            weight=torch.from_numpy(self.weight[rows].astype(np.float32)),
        )
