"""Build of view ``windows``: hourly counts of all users in one file."""

from pathlib import Path

import polars as pl

from itd_lightning.store.read import ShardMap, Store
from itd_lightning.views.windows.features import build

CELLS = "cells.parquet"
NEEDED = ["user", "time", "kind", "pc", "object"]  # of an event


def build_shard(shard: Path) -> pl.DataFrame:
    """Count what the users of a shard did."""
    return build(pl.read_parquet(shard, columns=NEEDED, glob=False))


def build_view(store: Store, map_shards: ShardMap, target: Path) -> None:  # noqa: ARG001 - all builders take it
    """Write the hourly counts of a store into a folder."""
    map_shards(build_shard).sort("user", "hour").write_parquet(target / CELLS)
