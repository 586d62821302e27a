"""Texts of user-days as batches: narratives in memory, contents on disk until they are asked for."""

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from itd_lightning.contracts.batches import NarrativeBatch


class NarrativeDataset(Dataset[NarrativeBatch]):
    """Days of one part.

    Args:
        narratives: Of the chosen days, in their order.
        files: Files of contents.
        place: For each day of the view, number of its file, first byte, and bytes, 0 without any text.
        label: What the split shows of each day of the view.
        chosen: Numbers of the days of this part.
    """

    def __init__(
        self,
        narratives: list[str],
        files: list[Path],
        place: Int[np.ndarray, "n 3"],
        label: Float[Tensor, " n"],
        chosen: Int[np.ndarray, " m"],
    ) -> None:
        # Tensors, since loader processes get these as shared memory, not as copies.
        told = [narrative.encode() for narrative in narratives]
        ends = torch.tensor([0, *(len(text) for text in told)]).cumsum(0)
        self.told, self.ends = torch.frombuffer(bytearray(b"".join(told) or b" "), dtype=torch.uint8), ends
        self.files, self.place = files, torch.from_numpy(place[chosen])
        self.label, self.unit = label[chosen], torch.from_numpy(chosen)

    @property
    def labels(self) -> Float[Tensor, " m"]:
        """What the split shows of each row."""
        return self.label

    def __len__(self) -> int:
        return len(self.unit)

    def __getitem__(self, row: int | list[int]) -> NarrativeBatch:
        return self.__getitems__(row if isinstance(row, list) else [row])

    def __getitems__(self, rows: list[int]) -> NarrativeBatch:
        return NarrativeBatch(
            narrative=tuple(self.narrative(row) for row in rows),
            contents=tuple(self.contents(row) for row in rows),
            unit=self.unit[rows],
            label=self.label[rows],
        )

    def narrative(self, row: int) -> str:
        """What happened on a day."""
        return bytes(self.told[self.ends[row] : self.ends[row + 1]].numpy()).decode()

    def contents(self, row: int) -> tuple[str, ...]:
        """Texts of a day."""
        file, first, size = self.place[row].tolist()
        if not size:
            return ()
        with self.files[file].open("rb") as opened:
            opened.seek(first)
            return tuple(json.loads(opened.read(size))["texts"])
