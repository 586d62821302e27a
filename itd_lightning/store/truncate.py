"""A store as it would have been at an earlier moment: later events cut off, later answers hidden.

Audits score on such a store: whatever changes in the scores of days before the moment came from after it.
"""

import json
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import polars as pl

from itd_lightning.contracts.files import atomic_file, private_files, private_folder
from itd_lightning.contracts.store_files import (
    ANSWER_FOLDER,
    CAMPAIGN_FILE,
    EVENT_FILE,
    EVENT_FOLDER,
    MALICIOUS_FILE,
    MANIFEST_FILE,
    PC_USE_FILE,
    PEOPLE_FILE,
    PRESENCE_FILE,
)
from itd_lightning.store.build.shards import write_events
from itd_lightning.store.presence import days_present, pc_use
from itd_lightning.store.read import Store


@private_files()
def derive_store(source: Path, target: Path, until: datetime, hidden_from: datetime | None = None) -> Store:
    """Write a store that ends at a moment.

    Args:
        source: Event store.
        target: Folder to make.
        until: First moment that is cut off.
        hidden_from: From when on the answer key knows nothing; None keeps it whole, even where there are no
            events left.
    """
    store = Store(source)
    private_folder(target.parent)
    target.mkdir(mode=0o700)
    for shard in store.shards:
        _cut_shard(shard, target / EVENT_FOLDER / shard.parent.name, until)
    if (people := store.people()) is not None:
        _cut_people(people, until).write_parquet(target / PEOPLE_FILE)
    if store.manifest["answers"] is not None:
        (target / ANSWER_FOLDER).mkdir()
        for name in (CAMPAIGN_FILE, MALICIOUS_FILE):
            answers = pl.read_parquet(store.path / name, glob=False)
            answers = answers if hidden_from is None else _cut_answers(answers, hidden_from)
            answers.write_parquet(target / name)
    identity = json.dumps([store.fingerprint, str(until), str(hidden_from)])
    manifest = {
        **store.manifest,
        "fingerprint": blake2b(identity.encode(), digest_size=16).hexdigest(),
        "last": min(str(store.manifest["last"]), str(until)),
    }
    with atomic_file(target / MANIFEST_FILE) as file:
        file.write_text(json.dumps(manifest), "utf-8")
    return Store(target)


def _cut_shard(shard: Path, folder: Path, until: datetime) -> None:
    """Write the events of a shard before a moment, and what is derived from them."""
    folder.mkdir(parents=True)
    events = pl.scan_parquet(shard, glob=False).filter(pl.col("time") < until).collect()
    write_events(events, folder / EVENT_FILE)
    days_present(events).write_parquet(folder / PRESENCE_FILE)
    pc_use(events).write_parquet(folder / PC_USE_FILE)


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
