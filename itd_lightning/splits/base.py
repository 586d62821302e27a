"""What every split has in common: units in, units with their part out."""

from abc import ABC, abstractmethod
from pathlib import Path

import polars as pl

from itd_lightning.contracts.labels import LabelPolicy


class Split(ABC):
    """Assigns each unit to train, val, test or unused.

    Args:
        labels: Which units count as malicious in the evaluation: those that hold a malicious event
            (``event``), those that overlap a campaign's interval (``interval``), or all of an insider
            (``user``).
        moved_days: Pretend that every campaign happened at least so many days earlier, by whole weeks; 0 for
            the key as it is. The null attack uses it: nothing happened then, so a sound protocol finds
            nothing.

    Raises:
        ValueError: If ``moved_days`` is negative.
    """

    leaks: str

    def __init__(self, labels: LabelPolicy, moved_days: int) -> None:
        if moved_days < 0:
            raise ValueError(f"moved_days must be at least 0, got {moved_days}")
        self.labels: LabelPolicy = labels
        self.moved_days = moved_days

    @abstractmethod
    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the column ``part``.

        Args:
            units: ``user``, ``start``, ``end``, sorted by user and start.
            store: The store, whose key some splits read.

        Returns:
            The same rows in the same order, the columns of ``contracts.scores.UNITS``.
        """
