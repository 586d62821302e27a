"""Split each user's own time: the first units train, the last ones test."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits.base import Shown, Split, check_share


class Chronological(Split):
    """A split of each user's own time: the first units train, later ones validate, the last test.

    Args:
        test_share: Share of a user's units, the latest, that test.
        val_share: Share of the others, the latest, that validate.
        labels: Label policy.
        moved_days: See the base class; the parts do not depend on it.
        shown: See the base class.

    Raises:
        ValueError: If a share lies outside 0 .. 1.
    """

    leaks = (
        "nothing of a user's later units reaches an earlier part of theirs, but of others: a short history "
        "ends, and so tests, while others still train; most insiders leave after their attack"
    )

    def __init__(
        self,
        test_share: float = 0.2,
        val_share: float = 0.1,
        labels: LabelPolicy = "event",
        moved_days: int = 0,
        shown: Sequence[Shown] = (),
    ) -> None:
        super().__init__(labels, moved_days, shown)
        self.test_share, self.val_share = (
            check_share("test_share", test_share),
            check_share("val_share", val_share),
        )

    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the part of each unit."""
        place = pl.col("start").rank("ordinal").over("user") - 1
        untested = (pl.len().over("user") * (1 - self.test_share)).floor()
        fits = untested - (untested * self.val_share).floor()
        part = (
            pl.when(place >= untested).then(pl.lit("test"))
            .when(place >= fits).then(pl.lit("val"))
            .otherwise(pl.lit("train"))
        )  # fmt: skip
        return units.with_columns(part=part.cast(UNITS["part"])).select(UNITS.names())
