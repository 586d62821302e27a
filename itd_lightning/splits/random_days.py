"""Split all units at random: leaky, and only there to repeat protocols that were published so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits.base import Shown, Split, check_share
from itd_lightning.store.key import read_key


class RandomDays(Split):
    """A split in which a random share of the units tests, and the rest trains and validates.

    Args:
        test_share: Share of the units that test.
        val_share: Share of the others that validate.
        scenario: Only insiders of this scenario take part; None for all users.
        seed: Of the draw, which does not depend on the seed of the training.
        labels: Label policy.
        moved_days: See the base class; the parts do not depend on it.
        shown: See the base class.

    Raises:
        ValueError: If a share lies outside 0 .. 1.

    Source:
        Log2Sig, section V-B: 30 insiders of scenario 2 of CERT r4.2, 80 to 20.
        Departure: the validation part.
    """

    def __init__(
        self,
        test_share: float = 0.2,
        val_share: float = 0.1,
        scenario: int | None = None,
        seed: int = 0,
        labels: LabelPolicy = "event",
        moved_days: int = 0,
        shown: Sequence[Shown] = (),
    ) -> None:
        super().__init__(labels, moved_days, shown)
        self.test_share, self.val_share = (
            check_share("test_share", test_share),
            check_share("val_share", val_share),
        )
        self.scenario, self.seed = scenario, seed
        selection = "" if scenario is None else "; every user is an insider, which decides who takes part"
        self.leaks = f"days of one attack train and test, as do the days around each test day{selection}"

    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the part of each unit; it depends on which units there are, not on their order."""
        takes_part = (
            pl.lit(value=True) if self.scenario is None else pl.col("user").is_in(self.insiders(store))
        )
        ordered = units.with_row_index("row").sort("user", "start")
        draw = np.random.default_rng(self.seed).random(len(units))
        tests = self.test_share
        part = (
            pl.when(~takes_part).then(pl.lit("unused"))
            .when(pl.col("draw") < tests).then(pl.lit("test"))
            .when(pl.col("draw") < tests + (1 - tests) * self.val_share).then(pl.lit("val"))
            .otherwise(pl.lit("train"))
        )  # fmt: skip
        rows = ordered.with_columns(draw=draw).with_columns(part=part.cast(UNITS["part"]))
        return rows.sort("row").select(UNITS.names())

    def insiders(self, store: Path) -> list[str]:
        """Return the insiders of the scenario, sorted.

        Raises:
            InputError: If there is none.
        """
        insiders = read_key(store).campaigns.filter(pl.col("scenario") == self.scenario)["user"].to_list()
        if not insiders:
            raise InputError(f"the key of {store} has no insider of scenario {self.scenario}")
        return sorted(insiders)
