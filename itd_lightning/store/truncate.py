"""Copies of a store as it was at an earlier moment: later events are cut off, later answers hidden.

Audits score on such a store: whatever changes in the scores of days before the moment came from after it.
The daily loop scores on one that holds the days up to the scored one.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from itd_lightning.contracts.files import private_files, private_folder
from itd_lightning.contracts.store_files import (
    ANSWER_FOLDER,
    CAMPAIGN_FILE,
    EVENT_FOLDER,
    MALICIOUS_FILE,
    PEOPLE_FILE,
)
from itd_lightning.store.build.manifest import count_key, derive_manifest, write_manifest
from itd_lightning.store.build.shards import Shard, write_shard
from itd_lightning.store.read import Store


@private_files()
def derive_store(
    source: Path,
    target: Path,
    until: datetime,
    hidden_from: datetime | None = None,
    since: datetime | None = None,
) -> Store:
    """Write a store that ends at a moment, and may begin at one.

    Args:
        source: Event store.
        target: Folder to make.
        until: First moment that is cut off.
        hidden_from: From when on the answer key knows nothing; None keeps it whole, even where there are no
            events left.
        since: First moment that stays; None for all before.
    """
    store = Store(source)
    private_folder(target.parent)
    target.mkdir(mode=0o700)
    shards = [
        cut_shard(shard, target / EVENT_FOLDER / shard.parent.name, until, since) for shard in store.shards
    ]
    changes: dict[str, Any] = {}
    if (people := store.people()) is not None:
        people = _cut_people(people, until)
        people.write_parquet(target / PEOPLE_FILE)
        changes["people"] = people["user"].n_unique()
    if store.manifest["answers"] is not None:
        changes["answers"] = _write_cut_answers(store, target, hidden_from)
    identity = [store.fingerprint, str(until), str(hidden_from), *([] if since is None else [str(since)])]
    write_manifest(target, derive_manifest(store.manifest, shards, changes, identity))
    return Store(target)


def cut_shard(shard: Path, folder: Path, until: datetime, since: datetime | None) -> Shard:
    """Write the events of a shard between two moments, and what is derived from them."""
    folder.mkdir(parents=True)
    events = pl.scan_parquet(shard, glob=False).filter(pl.col("time") < until)
    if since is not None:
        events = events.filter(pl.col("time") >= since)
    return write_shard(events.collect(), folder)


def _write_cut_answers(store: Store, target: Path, hidden_from: datetime | None) -> dict[str, Any]:
    """Write the answer key as it was known at a moment, all of it for None; return its counts."""
    (target / ANSWER_FOLDER).mkdir()
    tables = [pl.read_parquet(store.path / name, glob=False) for name in (CAMPAIGN_FILE, MALICIOUS_FILE)]
    if hidden_from is not None:
        tables = [_cut_answers(table, hidden_from) for table in tables]
    campaigns, rows = tables
    campaigns.write_parquet(target / CAMPAIGN_FILE)
    rows.write_parquet(target / MALICIOUS_FILE)
    return count_key(campaigns, rows, store.manifest["answers"]["remarks"])


def _cut_people(people: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Return the people table up to and with the month of a moment; nobody has left after it."""
    month_end = pl.lit(until.date()).dt.month_start().dt.offset_by("1mo")
    return people.filter(pl.col("valid_from") < month_end).with_columns(
        valid_to=pl.min_horizontal("valid_to", month_end),
        left_on=pl.when(pl.col("left_on") < month_end).then("left_on"),
    )


def _cut_answers(answers: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Return the campaigns, or the malicious events, that began before a moment; a campaign ends by then."""
    if "time" in answers:
        return answers.filter(pl.col("time") < until)
    return answers.filter(pl.col("start") < until).with_columns(end=pl.min_horizontal("end", pl.lit(until)))
