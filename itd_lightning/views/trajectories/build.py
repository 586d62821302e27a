"""Build of view ``trajectories``: twelve features and the hours of each user-day, in one file."""

from functools import partial
from pathlib import Path

import polars as pl

from itd_lightning.events.mail import company_domains
from itd_lightning.events.people import as_of
from itd_lightning.store.read import ShardMap, Store
from itd_lightning.views.trajectories.features import (
    HOURS,
    FeatureSet,
    build_shard,
    names_of,
    received_shard,
)
from itd_lightning.views.trajectories.times import TIMES, build_times

DAYS = "days.parquet"


def _times_shard(shard: Path) -> pl.DataFrame:
    """Return when the events of a shard's days happened."""
    return build_times(pl.read_parquet(shard, columns=["user", "time"], glob=False))


def build_view(
    store: Store, map_shards: ShardMap, target: Path, features: FeatureSet, times: bool = False
) -> None:
    """Write the features of all user-days of a store into a folder.

    Args:
        store: The store.
        map_shards: Applies a function to every shard.
        target: The folder.
        features: Which set.
        times: Whether the features of event times are added.
    """
    people, names = store.people(), names_of(features, store.records)
    company = company_domains(people)
    days = map_shards(partial(build_shard, features=features, company=company, records=store.records))
    if "n_emails_received" in names:
        days = _add_received(days, people, map_shards)
    department = pl.lit(None, pl.String) if people is None else _departments(people, days)
    if times:
        of_times = map_shards(_times_shard)
        days = days.join(of_times, on=["user", "day"], how="left", maintain_order="left")
    columns = ["user", "day", "department", *names, *(TIMES if times else ()), *HOURS]
    table = days.with_columns(department=department).select(columns).sort("user", "day")
    table.write_parquet(target / DAYS)


def _add_received(days: pl.DataFrame, people: pl.DataFrame | None, map_shards: ShardMap) -> pl.DataFrame:
    """Add the mail that each user received; 0 without people, whose addresses are needed."""
    if people is None:
        return days.with_columns(n_emails_received=pl.lit(0, pl.Float32))
    boxes = people.select(address=pl.col("email").str.to_lowercase(), user="user").drop_nulls()
    mailboxes = boxes.unique("address", keep="first").sort("user")
    counts = map_shards(partial(received_shard, mailboxes=mailboxes))
    received = counts.group_by("user", "day").agg(pl.col("n_emails_received").sum())
    result = days.join(received, on=["user", "day"], how="left", maintain_order="left")
    return result.with_columns(pl.col("n_emails_received").fill_null(0))


def _departments(people: pl.DataFrame, days: pl.DataFrame) -> pl.Series:
    """Return the department of each row's user, as known on the row's day."""
    return as_of(people, days.select("user", "day"))["department"]
