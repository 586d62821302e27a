"""Texts of user-days as batches: narratives in memory, contents read from disk when needed."""

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
        narratives: Of the days of this part, in their order.
        files: Files of contents.
        place: For each day of the view, number of its file, first byte, and bytes, 0 without any text.
        label: What the split shows of each day of the view.
        part: Numbers of the days of this part.
    """

    def __init__(
        self,
        narratives: list[str],
        files: list[Path],
        place: Int[np.ndarray, "n 3"],
        label: Float[Tensor, " n"],
        part: Int[np.ndarray, " m"],
    ) -> None:
        # Tensors, since loader processes get these as shared memory, not as copies.
        texts = [narrative.encode() for narrative in narratives]
        self.ends = torch.tensor([0, *(len(text) for text in texts)]).cumsum(0)
        self.text = torch.frombuffer(bytearray(b"".join(texts) or b" "), dtype=torch.uint8)
        self.files, self.place = files, torch.from_numpy(place[part])
        self.label, self.unit = label[part], torch.from_numpy(part)

    @property
    def labels(self) -> Float[Tensor, " m"]:
        """Return the labels of the rows, NaN where none is shown."""
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
        """Return the narrative of a day."""
        return bytes(self.text[self.ends[row] : self.ends[row + 1]].numpy()).decode()

    def contents(self, row: int) -> tuple[str, ...]:
        """Return the texts of a day."""
        file, first, size = self.place[row].tolist()
        if not size:
            return ()
        with self.files[file].open("rb") as stream:
            stream.seek(first)
            return tuple(json.loads(stream.read(size))["texts"])
