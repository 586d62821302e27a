"""Days in words, made by hand: malicious ones end with an upload at night, and their mails speak of it."""

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods.bases.gathering import join_batches

QUIET = "During working hours, login at Self-PC, and then accessed multiple websites ({}.com, b.com)."
LOUD = "After working hours, connected a removable device at Other-PC. Then opened file (.{})."


def days(count: int, first: int = 0, malicious_every: int = 3) -> NarrativeBatch:
    """Return so many days, every third of which is malicious."""
    labels = [float(day % malicious_every == 0) for day in range(first, first + count)]
    narrative = [(LOUD if label else QUIET).format(day) for day, label in enumerate(labels, start=first)]
    contents = [
        tuple(f"{'keys of the vault' if label else 'lunch on'} {day} {text}" for text in range(3 - day % 2))
        for day, label in enumerate(labels, start=first)
    ]
    unit = torch.arange(first, first + count)
    return NarrativeBatch(tuple(narrative), tuple(contents), unit, torch.tensor(labels))


class Batches(Dataset[NarrativeBatch]):
    """Batches as rows of a dataset; several rows at once are joined, as a view's days are."""

    def __init__(self, batches: list[NarrativeBatch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, rows: int | list[int]) -> NarrativeBatch:
        return (
            self.batches[rows] if isinstance(rows, int) else join_batches([self.batches[row] for row in rows])
        )


class HandMade(LightningDataModule):
    """Two batches to learn from, one to validate on."""

    def __init__(
        self, train: list[NarrativeBatch] | None = None, val: list[NarrativeBatch] | None = None
    ) -> None:
        super().__init__()
        self.train = [days(9), days(9, 9)] if train is None else train
        self.val = [days(9, 18)] if val is None else val

    def train_dataloader(self) -> DataLoader[NarrativeBatch]:
        """Return the loader of batches to learn from."""
        return self.loader(self.train)

    def val_dataloader(self) -> DataLoader[NarrativeBatch]:
        """Return the loader of batches to validate on."""
        return self.loader(self.val)

    def loader(self, batches: list[NarrativeBatch]) -> DataLoader[NarrativeBatch]:
        """Return a loader that draws nothing from the global random stream, as those of the views."""
        return DataLoader(Batches(batches), batch_size=None, generator=torch.Generator())
