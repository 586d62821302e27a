"""Build of view ``sequences``: behaviours in one file a shard, and one file of all sequences."""

from functools import partial
from pathlib import Path

import polars as pl

from itd_lightning.events.annotate import annotate_events
from itd_lightning.events.mail import company_domains
from itd_lightning.events.pcs import own_pcs
from itd_lightning.store.read import ShardMap, Store
from itd_lightning.views.sequences.sessions import Unit, by_day, by_session

SEQUENCES = "sequences.parquet"
_INPUT_COLUMNS = [
    "event_id",
    "user",
    "time",
    "pc",
    "kind",
    "object",
    "attachments",
    "to_removable",
    "from_removable",
]
_COLUMNS = ["sequence", "user", "time", "event_id", "kind", "relation", "object_class", "site", "habit"]


def _build(
    events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None, unit: Unit, idle: float
) -> pl.DataFrame:
    """Cut the events of a shard into sequences and annotate them; nothing is fitted.

    Args:
        events: One shard of the store.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, or None.
        unit: What a sequence is.
        idle: Hours without any event after which a session is over.

    Returns:
        ``sequence``, numbered within the shard, ``user``, ``time``, ``event_id``, ``kind``, ``relation``,
        ``object_class``, ``site`` and ``habit``; sorted by sequence and time.
    """
    cut = by_session(events, idle) if unit == "session" else by_day(events)
    return annotate_events(cut, own, people, company_domains(people)).select(_COLUMNS)


def _build_shard(
    shard: Path, target: Path, own: pl.DataFrame, people: pl.DataFrame | None, unit: Unit, idle: float
) -> pl.DataFrame:
    """Build one shard into a file of the target folder; return user, start, end, length of its sequences."""
    rows = _build(pl.read_parquet(shard, columns=_INPUT_COLUMNS, glob=False), own, people, unit, idle)
    rows.write_parquet(target / f"{shard.parent.name}.parquet")
    last = pl.col("time").last().dt.offset_by("1us")
    return rows.group_by("sequence", maintain_order=True).agg(
        pl.col("user").first(), start=pl.col("time").first(), end=last, length=pl.len().cast(pl.Int64)
    )


def build_view(store: Store, map_shards: ShardMap, target: Path, unit: Unit, idle: float) -> None:
    """Write the behaviours and sequences of a store into a folder.

    Args:
        store: The store.
        map_shards: Applies a function to every shard.
        target: The folder.
        unit: What a sequence is.
        idle: Hours without any event after which a session is over.
    """
    own, people = own_pcs(store.pc_use()), store.people()
    work = partial(_build_shard, target=target, own=own, people=people, unit=unit, idle=idle)
    table = map_shards(work).with_columns(first=pl.col("length").cum_sum() - pl.col("length"))
    table.drop("sequence").write_parquet(target / SEQUENCES)
