"""Build of view ``narratives``: annotated events, and texts, in two files a shard."""

from functools import partial
from pathlib import Path

import polars as pl

from itd_lightning.events.pcs import own_pcs
from itd_lightning.store.read import ShardMap, Store
from itd_lightning.views.narratives.features import INPUT_COLUMNS, contents, narrative_events

DAYS = "days.parquet"


def build_shard(
    shard: Path, target: Path, own: pl.DataFrame, people: pl.DataFrame | None, most: int | None
) -> pl.DataFrame:
    """Build one shard into files of the target folder; return its days, and the places of their texts."""
    events = pl.read_parquet(shard, columns=INPUT_COLUMNS, glob=False)
    rows = narrative_events(events, own, people)
    rows.write_parquet(target / f"{shard.parent.name}.parquet")
    texts = contents(events, people, most)
    lines = texts.select(pl.struct("texts").struct.json_encode()).to_series()
    with (target / f"{shard.parent.name}.texts").open("wb") as file:
        file.writelines(line.encode() for line in lines)
    size = lines.str.len_bytes().cast(pl.Int64)
    places = texts.select("user", "day", first=size.cum_sum() - size, size=size)
    days = rows.select("user", "day", shard=pl.lit(shard.parent.name)).unique()
    return days.join(places, on=["user", "day"], how="left")


def build_view(store: Store, map_shards: ShardMap, target: Path, contents: int | None) -> None:
    """Write the events and texts of all user-days of a store into a folder.

    Args:
        store: The store.
        map_shards: Applies a function to every shard.
        target: The folder.
        contents: Texts of a day at most; None for all.
    """
    own, people = own_pcs(store.pc_use()), store.people()
    days = map_shards(partial(build_shard, target=target, own=own, people=people, most=contents))
    days.sort("user", "day").write_parquet(target / DAYS)
