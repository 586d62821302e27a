"""Split by campaign: the protocol of Cain and Beadles, with and without its attack-anchored windows."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits.base import Shown, Split, check_share
from itd_lightning.store.key import read_key


class Campaigns(Split):
    """A split of insiders only: quiet windows train in time order, the rest and the campaign test.

    A user counts whose campaign lasts more than ``min_hours`` and less than ``max_hours``. Units that touch
    neither the campaign nor the buffer around it are normal; the first ``train_share`` of them train, the
    last ``val_share`` of these validate instead, all others test. A quiet unit within the buffer is unused.

    With ``moved_days``, a campaign is moved to a quiet time and everything from the true campaign's buffer
    on is unused; a user with no history before the moved campaign is left out.

    Args:
        train_share: Share of a user's normal units, in time order, that train or validate.
        val_share: Share of these, the latest, that validate. The paper has none: 0 repeats it.
        buffer_days: Days before and after a campaign that belong to no part.
        min_hours: Campaigns must last longer.
        max_hours: Campaigns must last shorter.
        labels: Label policy of the evaluation; the paper's is ``interval``.
        moved_days: See the base class.
        shown: See the base class.

    Raises:
        ValueError: If a share lies outside 0 .. 1, or the hours leave no room.

    Source:
        Cain and Beadles, Mask-Based Window-Level Insider Threat Detection, sections IV-A and IV-C, and the
        authors' code. Departure: the validation units, which thresholds and early stopping need.
    """

    leaks = (
        "who is an insider and when each campaign runs decide which units exist; every user is an insider, "
        "so nothing follows for the false positives of the others; normal units after the campaign can train"
    )

    def __init__(
        self,
        train_share: float = 0.8,
        val_share: float = 0.1,
        buffer_days: int = 7,
        min_hours: float = 24,
        max_hours: float = 168,
        labels: LabelPolicy = "interval",
        moved_days: int = 0,
        shown: Sequence[Shown] = (),
    ) -> None:
        super().__init__(labels, moved_days, shown)
        if not 0 <= min_hours < max_hours:
            raise ValueError(f"min_hours must be smaller than max_hours = {max_hours}, got {min_hours}")
        self.train_share, self.val_share = (
            check_share("train_share", train_share),
            check_share("val_share", val_share),
        )
        self.buffer = timedelta(days=buffer_days)
        self.min_length, self.max_length = timedelta(hours=min_hours), timedelta(hours=max_hours)

    def campaigns(self, store: Path) -> pl.DataFrame:
        """Return the campaigns that count: ``user``, ``start``, ``end``; ``until`` ends the usable time."""
        key = read_key(store)
        in_range = (pl.col("end") - pl.col("start")).is_between(
            self.min_length, self.max_length, closed="none"
        )
        campaigns = key.move_earlier(self.moved_days).campaigns.filter(in_range)
        if campaigns.is_empty():
            limits = f"{self.min_length} and {self.max_length}"
            raise InputError(f"the key of {store} has no campaign that lasts between {limits}")
        if not self.moved_days:
            return campaigns.select("user", "start", "end", pl.lit(None, pl.Datetime("us")).alias("until"))
        true = key.campaigns.select("user", until=pl.col("start") - self.buffer)
        return campaigns.select("user", "start", "end").join(true, on="user", maintain_order="left")

    def published_starts(self, spans: pl.DataFrame, hours: int, store: Path) -> pl.DataFrame:
        """Return the starts of windows as the authors' code cuts them, by the start of each attack.

        Before a campaign, windows start at the user's first active hour and step by ``hours``; during it, at
        the hour of the first malicious event; after it, at the moment of the last one plus the buffer. That
        moment is not rounded to an hour, so that the authors' code fills none of these windows.

        Args:
            spans: ``user``, ``first`` and ``last`` active hour.
            hours: Window length.
            store: The store with the key.

        Returns:
            ``user`` and ``start``, sorted.
        """
        step = timedelta(hours=hours)
        end_before = pl.col("start") - self.buffer - step
        begin_after = pl.col("end") + self.buffer
        end_after = pl.min_horizontal("last", "until") - step
        insiders = spans.join(self.campaigns(store), on="user").filter(pl.col("start") > pl.col("first"))
        stretches = [
            insiders.filter(pl.col("first") <= end_before).select(
                "user", pl.datetime_ranges("first", end_before, step).alias("start")
            ),
            insiders.select(
                "user",
                pl.datetime_ranges(pl.col("start").dt.truncate("1h"), "end", step, closed="left").alias(
                    "start"
                ),
            ),
            insiders.filter(begin_after <= end_after).select(
                "user", pl.datetime_ranges(begin_after, end_after, step).alias("start")
            ),
        ]
        return pl.concat(stretches).explode("start").sort("user", "start")

    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the part of each unit."""
        campaigns = self.campaigns(store).rename({"start": "from", "end": "to"})
        first = units.group_by("user").agg(first=pl.col("start").min())
        campaigns = campaigns.join(first, on="user").filter(pl.col("from") > pl.col("first"))
        attack = (pl.col("start") <= pl.col("to")) & (pl.col("end") > pl.col("from"))
        quiet = (pl.col("end") <= pl.col("from") - self.buffer) | (
            pl.col("start") >= pl.col("to") + self.buffer
        )
        in_time = pl.col("until").is_null() | (pl.col("end") <= pl.col("until"))
        rows = units.join(campaigns, on="user", how="left", maintain_order="left").with_columns(
            attack=(attack & in_time).fill_null(value=False), normal=(quiet & in_time).fill_null(value=False)
        )
        rank = pl.col("normal").cum_sum().over("user") - 1
        trains = (pl.col("normal").sum().over("user") * self.train_share).floor()
        fits = trains - (trains * self.val_share).floor()
        part = (
            pl.when(pl.col("attack") | (pl.col("normal") & (rank >= trains)))
            .then(pl.lit("test"))
            .when(pl.col("normal") & (rank >= fits))
            .then(pl.lit("val"))
            .when(pl.col("normal"))
            .then(pl.lit("train"))
            .otherwise(pl.lit("unused"))
        )
        return rows.with_columns(part=part.cast(UNITS["part"])).select(UNITS.names())
