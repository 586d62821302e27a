"""Build of view ``windows``: hourly counts of all users in one file."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

import polars as pl

from itd_lightning.events.mail import Company, company_domains
from itd_lightning.store.read import ShardMap, Store
from itd_lightning.views.windows.features import build

CELLS = "cells.parquet"
_INPUT_COLUMNS = ["user", "time", "kind", "pc", "object"]  # of an event


def _build_shard(shard: Path, company: list[str], records: Collection[str]) -> pl.DataFrame:
    """Count the acts of a shard's users in each hour."""
    return build(pl.read_parquet(shard, columns=_INPUT_COLUMNS, glob=False), company, records)


def build_view(store: Store, map_shards: ShardMap, target: Path, company: Company) -> None:
    """Write the hourly counts of a store into a folder.

    Args:
        store: The store.
        map_shards: Applies a function to every shard.
        target: The folder.
        company: Which mail domains are the company's.
    """
    domains = company_domains(store.people(), company)
    cells = map_shards(partial(_build_shard, company=domains, records=store.records)).sort("user", "hour")
    cells.write_parquet(target / CELLS)
