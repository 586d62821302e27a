"""Split by date and by user: later days of people whom training never saw, which a product meets."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits.base import Shown
from itd_lightning.splits.dates import Dates
from itd_lightning.splits.users import draw_user


class DatesAndUsers(Dates):
    """A split by date whose test users are in no other part.

    Users fall into folds; one fold tests, from ``test_from`` on, and the others train and validate before.
    All other units are unused. Run every fold and average, so that each user is tested once.

    Args:
        val_from: First validation day.
        test_from: First test day.
        folds: Number of folds, at least 2.
        fold: The one that tests, from 0.
        seed: Of the draw; a user's fold depends on it and on the user alone.
        labels: Label policy of the evaluation.
        moved_days: See the base class; the parts do not depend on it, only the labels do.
        shown: See the base class.

    Raises:
        ValueError: If the test days do not come after the validation days, or there is no such fold.
    """

    leaks = (
        "nothing of a test user or of a later day is trained on; only that the test users are of the same "
        "company"
    )

    def __init__(
        self,
        val_from: date,
        test_from: date,
        folds: int = 2,
        fold: int = 0,
        seed: int = 0,
        labels: LabelPolicy = "event",
        moved_days: int = 0,
        shown: Sequence[Shown] = (),
    ) -> None:
        super().__init__(val_from, test_from, labels, moved_days, shown)
        if not 0 <= fold < folds or folds < 2:
            raise ValueError(f"folds must be at least 2 and fold from 0 below it, got {folds} and {fold}")
        self.folds, self.fold, self.seed = folds, fold, seed

    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the part of each unit: by date, as far as the user's fold has that part."""
        users = units["user"].unique(maintain_order=True)
        folds = {user: int(draw_user(user, self.seed) * self.folds) for user in users}
        tests = units["user"].replace_strict(folds, return_dtype=pl.Int64) == self.fold
        by_date = super().assign(units, store)["part"]
        part = pl.when(tests == (by_date == "test")).then(by_date.cast(pl.String)).otherwise(pl.lit("unused"))
        return units.with_columns(part=part.cast(UNITS["part"]))
