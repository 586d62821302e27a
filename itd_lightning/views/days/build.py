"""Build of view ``days``: the features of each user-day, in one file a shard."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

import polars as pl

from itd_lightning.contracts.events import is_recorded
from itd_lightning.events.files import FileTypes
from itd_lightning.events.pcs import own_pcs
from itd_lightning.store.read import ShardMap, Store
from itd_lightning.views.days.features import KIND_FACTS, build, records

_RECORDED = ["kind", "object", "from_removable", "content"]  # of an event, for ``records``
_INPUT_COLUMNS = ["user", "time", "pc", "size", "attachments", "to_removable", *_RECORDED]


def _records_shard(shard: Path) -> pl.DataFrame:
    """Return which optional facts (``RECORDS``) a shard records."""
    return records(pl.read_parquet(shard, columns=_RECORDED, glob=False))


def _build_shard(
    shard: Path,
    target: Path,
    own: pl.DataFrame,
    people: pl.DataFrame | None,
    recorded: dict[str, bool],
    file_types: FileTypes,
    kinds: Collection[str],
) -> pl.DataFrame:
    """Build one shard into a file of the target folder; return its user-days."""
    events = pl.read_parquet(shard, columns=_INPUT_COLUMNS, glob=False)
    days = build(events, own, people, recorded, file_types, kinds)
    days.write_parquet(target / f"{shard.parent.name}.parquet")
    return days.select("user", "day")


def build_view(store: Store, map_shards: ShardMap, target: Path, file_types: FileTypes) -> None:
    """Write the features of all user-days of a store into a folder.

    Args:
        store: The store.
        map_shards: Applies a function to every shard.
        target: The folder.
        file_types: Which endings make a file a document, a program and so on.
    """
    recorded = map_shards(_records_shard).select(pl.all().any()).row(0, named=True)
    declared = store.manifest.get("records", ())  # a store of an earlier version does not say
    recorded |= {fact: True for fact, kinds in KIND_FACTS.items() if is_recorded(kinds, declared)}
    work = partial(
        _build_shard,
        target=target,
        own=own_pcs(store.pc_use()),
        people=store.people(),
        recorded=recorded,
        file_types=file_types,
        kinds=store.records,
    )
    map_shards(work)
