"""Split by date, over all users: what a detection engineer would do."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import polars as pl

from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits.base import Shown, Split


class Dates(Split):
    """A split by date: units before ``val_from`` train, those before ``test_from`` validate, later ones test.

    Args:
        val_from: First validation day.
        test_from: First test day.
        labels: Label policy of the evaluation.
        moved_days: See the base class; the parts do not depend on it, only the labels do.
        shown: See the base class.

    Raises:
        ValueError: If the test days do not come after the validation days.
    """

    leaks = (
        "nothing of a later day reaches an earlier part; campaigns in training days stay there, labelled "
        "only where labels are shown, and a campaign that runs over test_from is partly trained on"
    )

    def __init__(
        self,
        val_from: date,
        test_from: date,
        labels: LabelPolicy = "event",
        moved_days: int = 0,
        shown: Sequence[Shown] = (),
    ) -> None:
        super().__init__(labels, moved_days, shown)
        if test_from <= val_from:
            raise ValueError(f"test_from must be later than val_from = {val_from}, got {test_from}")
        self.val_from = datetime(val_from.year, val_from.month, val_from.day)
        self.test_from = datetime(test_from.year, test_from.month, test_from.day)

    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the part of each unit by its start; a unit that reaches into a later part is unused."""
        part = (
            pl.when(pl.col("start") >= self.test_from)
            .then(pl.lit("test"))
            .when((pl.col("start") >= self.val_from) & (pl.col("end") <= self.test_from))
            .then(pl.lit("val"))
            .when(pl.col("end") <= self.val_from)
            .then(pl.lit("train"))
            .otherwise(pl.lit("unused"))
        )
        return units.with_columns(part=part.cast(UNITS["part"]))
