"""The base class of splits: units in, units with their part out."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.splits.labels import label_units
from itd_lightning.store.key import read_key

Shown = Literal["train", "val"]


def check_share(name: str, value: float) -> float:
    """Return a share of units unchanged.

    Raises:
        ValueError: If it lies outside 0 .. 1.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in 0 .. 1, got {value}")
    return value


class Split(ABC):
    """A way to split units into train, val, test and unused.

    Args:
        labels: Which units count as malicious in the evaluation: those that hold a malicious event
            (``event``), those that overlap a campaign's interval (``interval``), or all of an insider
            (``user``).
        moved_days: Pretend that every campaign happened at least so many days earlier, by whole weeks; 0 for
            the key as it is. The null attack uses it: nothing happened then, so a sound protocol finds
            nothing.
        shown: Parts whose labels a method may see, whole units only: () for an unsupervised method,
            ``[train, val]`` for a supervised one, or for a weakly supervised one whose units are sequences.

    Raises:
        ValueError: If ``moved_days`` is negative.
    """

    leaks: str  # what reaches a part from where it should not, in words

    def __init__(self, labels: LabelPolicy, moved_days: int, shown: Sequence[Shown] = ()) -> None:
        if moved_days < 0:
            raise ValueError(f"moved_days must be at least 0, got {moved_days}")
        self.labels: LabelPolicy = labels
        self.moved_days, self.shown = moved_days, tuple(shown)

    @abstractmethod
    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the column ``part``.

        Args:
            units: ``user``, ``start``, ``end``, sorted by user and start.
            store: The store, whose key some splits read.

        Returns:
            The same rows in the same order, the columns of ``contracts.scores.UNITS``.
        """

    def shown_labels(
        self, units: pl.DataFrame, store: Path, unit_events: Iterable[pl.DataFrame] | None = None
    ) -> pl.Series:
        """Return whether each unit is malicious, as far as a method may know; null where nothing is shown.

        Args:
            units: The columns of ``contracts.scores.UNITS``.
            store: The store with the key, which is read only if anything is shown.
            unit_events: Where a unit does not hold all that its user did in its time, as with sessions at
                two PCs: the events of the units, as ``user``, ``event_id`` and ``unit``, a row number. Under
                the policy ``event`` a unit is malicious if one of them is.
        """
        if not self.shown:
            return pl.Series("malicious", [None], dtype=pl.Boolean).new_from_index(0, len(units))
        key = read_key(store).move_earlier(self.moved_days)
        labelled = label_units(units, key, self.labels)
        # A moved campaign has no events at its new time, so there its interval decides.
        if unit_events is not None and self.labels == "event" and not self.moved_days:
            ids = key.events.select("user", "event_id")
            hits = [block.join(ids, on=["user", "event_id"], how="semi")["unit"] for block in unit_events]
            is_hit = pl.int_range(pl.len()).is_in(pl.concat(hits).unique().implode())
            labelled = labelled.with_columns(malicious=is_hit)
        visible = pl.when(pl.col("part").is_in(self.shown)).then("malicious")
        return labelled.select(malicious=visible).to_series()
