"""The shards of a store: which user is in which one, and how one is written."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.store_files import EVENT_FILE, PC_USE_FILE, PRESENCE_FILE
from itd_lightning.store.presence import days_present, pc_use

_ROW_GROUP = 250_000  # larger groups cost memory in streaming reads


class Shard(NamedTuple):
    """The size and time span of a shard.

    Attributes:
        events: Its rows.
        users: Its users.
        first: Time of the earliest event, as text; None in an empty shard.
        last: Time of the latest one.
    """

    events: int
    users: int
    first: str | None
    last: str | None


@cache
def shard_of(user: str, shards: int) -> int:
    """Return the shard of a user: stable over runs, machines and versions.

    Example:
        >>> shard_of("ABC0001", 16) == shard_of("ABC0001", 16)
        True
    """
    return int.from_bytes(blake2b(user.encode(), digest_size=8).digest()) % shards


def split_by_shard(rows: pl.DataFrame, shards: int) -> Mapping[int, pl.DataFrame]:
    """Return rows by the shard of their user."""
    users = rows["user"].unique().to_list()
    numbers = [shard_of(user, shards) for user in users]
    numbered = rows.with_columns(
        shard=pl.col("user").replace_strict(users, numbers, return_dtype=pl.UInt16) if users else pl.lit(0)
    )
    parts = numbered.partition_by("shard", as_dict=True, include_key=False)
    return {int(shard): part for (shard,), part in parts.items()}


def write_shard(events: pl.DataFrame, folder: Path) -> Shard:
    """Write the sorted events of a shard into its folder, with the small tables that are derived from them.

    Returns:
        Its size and time span.
    """
    write_events(events, folder / EVENT_FILE)
    days_present(events).write_parquet(folder / PRESENCE_FILE)
    pc_use(events).write_parquet(folder / PC_USE_FILE)
    span: tuple[datetime | None, datetime | None] = events.select(
        pl.col("time").min().alias("first"), pl.col("time").max().alias("last")
    ).row(0)
    first, last = (None if time is None else str(time) for time in span)
    return Shard(len(events), events["user"].n_unique(), first, last)


def write_events(events: pl.DataFrame, file: Path | BytesIO) -> None:
    """Write sorted events; the fastest level of zstd is a third cheaper than the usual one, and as small."""
    events.write_parquet(file, compression="zstd", compression_level=1, row_group_size=_ROW_GROUP)
