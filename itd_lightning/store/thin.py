"""Copies of a store without a random share of its events, to measure what exact counts give away.

In genuine CERT r4.2 a user visits exactly the same number of pages on nearly every working day, and planted
visits come on top. Whoever counts to the last page finds them by the way the data were made, not by what
insiders do. Random gaps, as any real log has them, take that away and leave everything else.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_folder, private_files, private_folder
from itd_lightning.contracts.store_files import (
    ANSWER_FOLDER,
    CAMPAIGN_FILE,
    DECOY_FILE,
    MALICIOUS_FILE,
    PEOPLE_FILE,
    REJECT_FOLDER,
)
from itd_lightning.store.build.manifest import count_key, derive_manifest, write_manifest
from itd_lightning.store.build.shards import write_shard
from itd_lightning.store.read import Store

# Beginnings and ends belong together: without one of them a session would have another length.
PAIRED = ("logon", "logoff", "connect", "disconnect")


@private_files()
def thin_store(store: Path, out: Path, share: float = 0.1, seed: int = 0) -> Store:
    """Copy a store without a random share of its events; logons, devices and people stay as they are.

    Malicious events are lost as often as others, and the key loses them, too. Memory is that of one shard.

    Args:
        store: Event store.
        out: Store to make.
        share: Chance of each event to be lost, above 0 and below 1.
        seed: Equal seeds lose the same events of the same store.

    Raises:
        InputError: If the share or seed is out of range, or ``out`` is there already or within the store.
    """
    if not 0 < share < 1:
        raise InputError(f"the share that is lost must lie between 0 and 1, got {share}")
    if seed < 0:
        raise InputError(f"the seed must not be negative, got {seed}")
    if store.resolve() in out.resolve().parents:
        raise InputError(f"{out} lies within the store; name another place")
    if out.exists():
        raise InputError(f"{out} exists already; remove it, or name another store")
    old = Store(store)
    with atomic_folder(out.absolute()) as folder:
        shards, lost_events = [], []
        for number, shard in enumerate(old.shards):
            events = pl.read_parquet(shard, glob=False)
            mask = _draw_mask(events, share, np.random.default_rng([seed, number]))
            place = folder / shard.relative_to(old.path).parent
            place.mkdir(parents=True)
            shards.append(write_shard(events.filter(mask), place))
            lost_events.append(events.filter(~mask).select("kind", "event_id", "user"))
        for name in (PEOPLE_FILE, DECOY_FILE, ANSWER_FOLDER, REJECT_FOLDER):
            _copy(old.path / name, folder / name)
        settings = {"share": share, "seed": seed, "of": old.fingerprint}
        changes = {"answers": _thin_key(old, folder, pl.concat(lost_events)), "thinned": settings}
        write_manifest(folder, derive_manifest(old.manifest, shards, changes, settings))
    return Store(out)


def _draw_mask(events: pl.DataFrame, share: float, draw: np.random.Generator) -> pl.Series:
    """Return a mask of the events that stay."""
    mask = pl.Series(draw.random(len(events)) >= share)
    return mask | events["kind"].is_in(PAIRED)


def _thin_key(old: Store, folder: Path, lost: pl.DataFrame) -> dict[str, Any] | None:
    """Remove lost events from the copy of the answer key; return its counts, None without a key."""
    file = folder / MALICIOUS_FILE
    if not file.is_file():
        return None
    rows = pl.read_parquet(file, glob=False).join(lost, on=["kind", "event_id", "user"], how="anti")
    rows.write_parquet(file)
    campaigns = pl.read_parquet(folder / CAMPAIGN_FILE, glob=False)
    return count_key(campaigns, rows, old.manifest["answers"]["remarks"])


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder, if it is there."""
    if source.is_dir():
        private_folder(target)
        for file in source.iterdir():
            _copy(file, target / file.name)
    elif source.is_file():
        shutil.copyfile(source, target)  # not its mode
