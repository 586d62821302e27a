"""Removal of a store's earliest events: what is older than a retention, for the daily loop."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from itd_lightning.contracts.files import absolute, exchange, private_files, private_folder
from itd_lightning.contracts.store_files import EVENT_FOLDER, MANIFEST_FILE, VIEW_FOLDER
from itd_lightning.store.build.manifest import derive_manifest, write_manifest
from itd_lightning.store.read import Store
from itd_lightning.store.truncate import cut_shard


@private_files()
def trim_store(store: Path, since: datetime) -> int:
    """Remove the events before a moment and all built views; newer logs can still be appended.

    The smaller store is written beside the old one and takes its place in one step.

    Returns:
        How many events were removed.
    """
    store = absolute(store)
    old, partial = Store(store), store.with_name(f".{store.name}.trimmed")
    shutil.rmtree(partial, ignore_errors=True)  # of a killed program
    private_folder(partial)
    until = datetime.fromisoformat(old.manifest["last"]) + timedelta(days=1)
    shards = [
        cut_shard(shard, partial / EVENT_FOLDER / shard.parent.name, until, since) for shard in old.shards
    ]
    for path in store.iterdir():
        if path.name not in (EVENT_FOLDER, VIEW_FOLDER, MANIFEST_FILE):
            _copy(path, partial / path.name)
    removed = int(old.manifest["events"]) - sum(shard.events for shard in shards)
    changes = {"trimmed": removed + int(old.manifest.get("trimmed", 0))}
    write_manifest(partial, derive_manifest(old.manifest, shards, changes, [old.fingerprint, str(since)]))
    exchange(partial, store)
    shutil.rmtree(partial)
    return removed


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder; all is its owner's alone."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)
