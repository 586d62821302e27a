"""Counts of what is in a store, without deriving anything that a method would learn from."""

from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.store_files import CAMPAIGN_FILE, REJECT_FILE
from itd_lightning.store.read import Store

_COLUMNS = ["user", "time", "kind"]


class _Summary(NamedTuple):
    """A summary of a store.

    Attributes:
        kinds: One row a kind with any event: kind, events, users, first, last.
        days: Calendar days with any event.
        silent_days: Days without, between the first and the last.
        campaigns: One row a scenario: number, shortest and longest in hours; None without a key.
    """

    kinds: pl.DataFrame
    days: int
    silent_days: int
    campaigns: pl.DataFrame | None


def summarise(store: Store) -> _Summary:
    """Count what a store holds, shard by shard."""
    parts = [_count_shard(pl.read_parquet(shard, columns=_COLUMNS, glob=False)) for shard in store.shards]
    kinds = (
        pl.concat([kinds for kinds, _ in parts])
        .group_by("kind")
        .agg(pl.col("events", "users").sum(), pl.col("first").min(), pl.col("last").max())
        .sort("kind")
    )
    days = pl.concat([days for _, days in parts]).unique().sort()
    span = (days[-1] - days[0]).days + 1 if len(days) else 0
    return _Summary(
        kinds=kinds,
        days=len(days),
        silent_days=span - len(days),
        campaigns=_count_campaigns(store),
    )


def refusals(store: Store, last: int) -> str:
    """Return why rows of the last so many sources were refused, and how many, in words; "" if none was."""
    first = len(store.manifest["sources"]) - last
    reasons = (
        pl.scan_parquet(store.path / REJECT_FILE, glob=False)
        .filter(pl.col("source") >= first)
        .group_by("reason")
        .len()
        .sort("len", "reason", descending=[True, False])
        .head(5)
        .collect()
    )
    return ", ".join(f"{reason} {count:,}" for reason, count in reasons.iter_rows())


def _count_shard(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Count events by kind and list days with any, in one shard; users are whole in it, so counts add up."""
    kinds = events.group_by("kind").agg(
        events=pl.len(),
        users=pl.col("user").n_unique(),
        first=pl.col("time").min().dt.date(),
        last=pl.col("time").max().dt.date(),
    )
    return kinds, events["time"].dt.date().unique()


def _count_campaigns(store: Store) -> pl.DataFrame | None:
    """Count campaigns by scenario, from the copy of the key in the store; its times stay in it."""
    path = store.path / CAMPAIGN_FILE
    if not path.is_file():
        return None
    hours = (pl.col("end") - pl.col("start")).dt.total_minutes() / 60
    return (
        pl.read_parquet(path, glob=False)
        .group_by("scenario")
        .agg(
            campaigns=pl.len(),
            shortest=hours.min().round(1).cast(pl.String) + " h",
            longest=hours.max().round(1).cast(pl.String) + " h",
        )
        .sort("scenario")
    )
