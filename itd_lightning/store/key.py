"""The answer key of a store. Only ``splits``, ``evaluation`` and ``audits`` may import this module."""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.store_files import CAMPAIGN_FILE, MALICIOUS_FILE

_WEEK = 7  # days


class Key(NamedTuple):
    """The campaigns and malicious events of a store.

    Attributes:
        campaigns: One row a campaign: user, scenario, start, end; the last moment belongs to it.
        events: One row a malicious event under the insider's own account: user, scenario, time, event_id.
            Rows of other accounts (the supervisor's in scenario 3) are no evidence against their owner.
    """

    campaigns: pl.DataFrame
    events: pl.DataFrame

    def move_earlier(self, days: int) -> "Key":
        """Return the key as if every campaign had happened at least ``days`` earlier, for the null attack.

        A campaign moves by whole weeks, so that it keeps its weekdays, and far enough to end a week before
        its true start. No days, no move.
        """
        if not days:
            return self
        needed = ((pl.col("end") - pl.col("start")) / pl.duration(days=1) + _WEEK) / _WEEK
        weeks = pl.max_horizontal(needed.ceil(), pl.lit(days / _WEEK).ceil()).cast(pl.Int64)
        shifts = self.campaigns.select("user", shift=weeks * pl.duration(days=_WEEK))
        return Key(
            self.campaigns.with_columns(pl.col("start", "end") - shifts["shift"]),
            self.events.join(shifts, on="user", maintain_order="left")
            .with_columns(pl.col("time") - pl.col("shift"))
            .drop("shift"),
        )


def read_key(store: Path) -> Key:
    """Read the key that ``itd prepare`` found beside the logs.

    Raises:
        InputError: If the store has none, or a user has two campaigns.
    """
    if not (store / CAMPAIGN_FILE).is_file():
        raise InputError(
            f"the store at {store} has no answer key, so nothing can be split by campaign or evaluated"
        )
    campaigns = pl.read_parquet(store / CAMPAIGN_FILE, glob=False)
    rows = pl.read_parquet(store / MALICIOUS_FILE, glob=False)
    if len(rows) and (rows["found_by"] == "span").all():  # several known days of a user
        campaigns = campaigns.group_by("user", maintain_order=True).agg(
            pl.col("scenario").min(), pl.col("start").min(), pl.col("end").max()
        )
    if campaigns["user"].is_duplicated().any():
        raise InputError(f"the key of {store} gives a user two campaigns; one a user is supported so far")
    own = rows.filter(pl.col("user") == pl.col("insider"), pl.col("found_by").is_not_null())
    return Key(campaigns, own.select("user", "scenario", "time", "event_id"))
