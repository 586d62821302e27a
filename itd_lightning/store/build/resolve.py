"""Matching the rows of the answer key with the events of a store."""

from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from itd_lightning.contracts.events import EVENTS
from itd_lightning.contracts.store_files import CAMPAIGN_FILE, MALICIOUS_FILE, RAW_KEY_FILE
from itd_lightning.executors import Executor
from itd_lightning.sources.base import KEY_ORDER, KEY_ROWS, Answers
from itd_lightning.store.build.manifest import count_key

_COLUMNS = ("event_id", "user", "kind", "pc", "time")
_SPAN = "span"  # how an event was found that no row of a key names
_HITS = pl.Schema({**{name: EVENTS[name] for name in _COLUMNS}, "found_by": pl.String()})


def _find_key_rows(key: Path, shard: Path) -> pl.DataFrame:
    """Return the events of a shard that match a key row by kind, id and user, or by user, kind, PC and time.

    Args:
        key: File with the rows of the key.
        shard: File with the events of the shard.
    """
    rows = pl.read_parquet(key, glob=False)
    users = rows["user"].unique().to_list()
    events = pl.scan_parquet(shard, glob=False).select(_COLUMNS).filter(pl.col("user").is_in(users)).collect()
    by_id = events.join(rows, on=["kind", "event_id", "user"], how="semi")
    by_time = events.join(rows, on=["user", "kind", "pc", "time"], how="semi")
    return pl.concat(
        [by_id.with_columns(found_by=pl.lit("id")), by_time.with_columns(found_by=pl.lit("time"))]
    )


def _resolve(key: pl.DataFrame, hits: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of the key, each with the event that it means.

    Args:
        key: Rows as the key has them.
        hits: Candidates of each shard.

    Returns:
        The rows of the key and ``found_by``: id, time or null; the id is that of the event.
    """
    candidates = pl.concat([_HITS.to_frame(), *hits])
    by_id = candidates.filter(pl.col("found_by") == "id").select("kind", "event_id", "user", "found_by")
    rows = key.join(by_id.unique(), on=["kind", "event_id", "user"], how="left", maintain_order="left")
    # A log without genuine ids is paired in order: the second key row of a second means its second event.
    place = ["user", "kind", "pc", "time"]
    genuine = by_id["kind"].unique().implode()
    unmatched = rows.filter(pl.col("found_by").is_null()).drop("found_by")
    matched = rows.filter(pl.col("found_by").is_not_null())
    by_time = candidates.filter(pl.col("found_by") == "time", ~pl.col("kind").is_in(genuine))
    number = pl.int_range(pl.len()).over(place).alias("number")
    paired = (
        unmatched.with_columns(number)
        .join(
            by_time.with_columns(number),
            on=[*place, "number"],
            how="left",
            suffix="_found",
            maintain_order="left",
        )
        .with_columns(event_id=pl.coalesce("event_id_found", "event_id"))
        .select(matched.columns)
    )
    return pl.concat([matched, paired]).sort("insider", "time", "event_id", "kind", "user", "scenario")


def _find_span_rows(campaigns: Path, shard: Path) -> pl.DataFrame:
    """Return what the users of campaigns did within them, as rows of a key."""
    spans = pl.read_parquet(campaigns, glob=False)
    users = spans["user"].unique().to_list()
    events = pl.scan_parquet(shard, glob=False).select(_COLUMNS).filter(pl.col("user").is_in(users)).collect()
    within = pl.col("time").is_between("start", "end")
    hits = events.join(spans, on="user").filter(within).unique(["user", "kind", "event_id"], keep="first")
    return hits.select(
        *(pl.col("user" if name == "insider" else name).alias(name) for name in KEY_ROWS),
        found_by=pl.lit(_SPAN),
    )


def resolve_key(folder: Path, answers: Answers, shards: list[Path], executor: Executor) -> dict[str, Any]:
    """Find the events that the key means, and write them beside the campaigns.

    A key that names no event at all, as that of own logs, means all that its users did within its campaigns.

    Args:
        folder: The store in the making, with the key as it was read.
        answers: The key.
        shards: Files of all shards.
        executor: Looks into them.

    Returns:
        Counts of the key.
    """
    if answers.rows.is_empty():
        found = executor.map(partial(_find_span_rows, folder / CAMPAIGN_FILE), shards)
        rows = pl.concat([pl.DataFrame(schema={**KEY_ROWS, "found_by": pl.String()}), *found])
        rows.sort(KEY_ORDER).write_parquet(folder / MALICIOUS_FILE)
        return count_key(answers.campaigns, rows, answers.remarks)
    hits = list(executor.map(partial(_find_key_rows, folder / RAW_KEY_FILE), shards))
    resolved = _resolve(answers.rows, hits)
    resolved.write_parquet(folder / MALICIOUS_FILE)
    return count_key(answers.campaigns, resolved, answers.remarks)
