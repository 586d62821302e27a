"""Sequences as padded rows: short ones whole, long ones in pieces that overlap.

Axes: N behaviours of the view, S sequences of it, K factors of a factored token.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import SequenceBatch


class SequenceDataset(Dataset[SequenceBatch]):
    """Sequences as padded rows; an item is a whole batch, named by the numbers of its sequences.

    A sequence of up to ``chunk`` behaviours is one row. A longer one is cut into rows that overlap, so that
    each behaviour is seen with context on both sides: it counts in the row in which it lies farther from a
    cut.

    Args:
        tokens: All behaviours of the view, sequence after sequence, int16: words or factors.
        first: Number of the first behaviour of each sequence, ``(N,)``.
        length: Behaviours in each sequence, ``(N,)``.
        label: What the split shows of each sequence, ``(N,)``: 1, 0, or NaN.
        chunk: Longest row.
        overlap: Behaviours that consecutive rows of a sequence share; even.
    """

    def __init__(
        self,
        tokens: Int[np.ndarray, "n ..."],
        first: Int[np.ndarray, " s"],
        length: Int[np.ndarray, " s"],
        label: Float[np.ndarray, " s"],
        chunk: int,
        overlap: int,
    ) -> None:
        # A tensor, since loader processes get it as shared memory, not as a copy.
        self.tokens = torch.from_numpy(tokens)
        self.first, self.length, self.label = first, length, label
        self.chunk, self.overlap = chunk, overlap

    def __getitem__(self, sequences: list[int]) -> SequenceBatch:
        number = np.asarray(sequences, dtype=np.int64)
        step = self.chunk - self.overlap
        length = self.length[number]
        rows = 1 + np.maximum(-(-(length - self.chunk) // step), 0)
        owner = np.repeat(np.arange(len(number)), rows)
        piece = np.arange(len(owner)) - np.repeat(np.cumsum(rows) - rows, rows)
        begin = piece * step
        size = np.minimum(length[owner] - begin, self.chunk)
        at = np.arange(size.max(initial=0))
        place = self.first[number][owner][:, None] + begin[:, None] + at
        mask = at < size[:, None]
        lead = np.where(piece > 0, self.overlap // 2, 0)  # counted by the row before
        tail = np.where(piece + 1 < rows[owner], self.overlap // 2, 0)  # counted by the row after
        is_counted = (at >= lead[:, None]) & (at < (size - tail)[:, None])
        tokens = self.tokens[torch.from_numpy(np.where(mask, place, 0))].long()
        return SequenceBatch(
            tokens=tokens * torch.from_numpy(mask).view(*mask.shape, *[1] * (tokens.ndim - 2)),
            lengths=torch.from_numpy(size),
            behaviour=torch.from_numpy(np.where(is_counted, place, -1)),
            sequence=torch.from_numpy(number[owner]),
            label=torch.from_numpy(self.label[number][owner]),
        )
