"""Read access to an event store on disk."""

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import FAMILY_KINDS
from itd_lightning.contracts.store_files import (
    MANIFEST_FILE,
    PC_USE_FILE,
    PEOPLE_FILE,
    PRESENCE_FILE,
    VIEW_FOLDER,
    event_files,
)

SCHEMA_VERSION = 3
_NEEDED = {"options"}  # keys of a manifest
# Applies a function of a shard's file to every shard, and puts the tables that it returns below each other.
ShardMap = Callable[[Callable[[Path], pl.DataFrame]], pl.DataFrame]


class Store:
    """An event store that was built completely; its layout is described in ``store.build.build``.

    Args:
        path: The store's folder.

    Raises:
        InputError: If there is no store, or it was written under another schema version.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        manifest = self.path / MANIFEST_FILE
        if not manifest.is_file():
            raise InputError(f"no event store at {path}; build it with `itd prepare SOURCE --store {path}`")
        try:
            self.manifest: dict[str, Any] = dict(json.loads(manifest.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise InputError(f"{manifest} is damaged; build the store again with `itd prepare`") from error
        if (version := self.manifest.get("schema")) != SCHEMA_VERSION:
            raise InputError(
                f"the store at {path} has schema version {version}, this program reads {SCHEMA_VERSION}; "
                "build it again with `itd prepare`"
            )
        if missing := _NEEDED - set(self.manifest):
            raise InputError(
                f"{manifest} is damaged, it lacks {', '.join(sorted(missing))}; build the store again"
            )

    @property
    def name(self) -> str:
        """Name of the kind of logs, such as ``"r4.2"``."""
        return str(self.manifest["release"])

    @property
    def records(self) -> frozenset[str]:
        """Kinds of events that the sources can record, whether or not there are any.

        A store built before this was written down may hold any kind that CERT has.
        """
        return frozenset(self.manifest.get("records", FAMILY_KINDS))

    @property
    def data(self) -> str:
        """A description of the events: the release, whether it is synthetic, and whether it is whole."""
        name = f"{'synthetic ' * bool(self.manifest.get('synthetic'))}{self.name}"
        thinned = self.manifest.get("thinned")
        return name if thinned is None else f"{name} less {thinned['share']:.0%} of its events at random"

    @property
    def fingerprint(self) -> str:
        """Hash of what went into the store: equal for equal logs and options."""
        return str(self.manifest["fingerprint"])

    @cached_property
    def shards(self) -> list[Path]:
        """Event files, one a shard, in order; each user is whole in one of them."""
        files = event_files(self.path)
        if len(files) != (shards := self.manifest["options"]["shards"]):
            raise InputError(
                f"the store at {self.path} holds {len(files)} of its {shards} shards; build it again"
            )
        return files

    def scan(self) -> pl.LazyFrame:
        """Return all events, shard after shard; within a user in time order."""
        return pl.scan_parquet(self.shards, glob=False)

    def shard_tables(self, name: str) -> pl.DataFrame:
        """Return a small table that lies beside the events of each shard, of all shards."""
        return pl.concat([_read_part(shard.with_name(name)) for shard in self.shards])

    def presence(self) -> pl.DataFrame:
        """Return the days on which each user was there, as ``store.presence.days_present`` returns them."""
        return self.shard_tables(PRESENCE_FILE)

    def pc_use(self) -> Iterator[pl.DataFrame]:
        """Yield how much each user used each PC on each day, as ``store.presence.pc_use``, shard by shard."""
        for shard in self.shards:
            yield _read_part(shard.with_name(PC_USE_FILE))

    def people(self) -> pl.DataFrame | None:
        """Return who worked there as what, with validity dates; None where the source does not say."""
        path = self.path / PEOPLE_FILE
        return _read_part(path) if path.is_file() else None

    def events_of(self, days: pl.DataFrame) -> pl.DataFrame:
        """Return all events of some user-days, each day's in time order.

        Args:
            days: ``user`` and ``day``.
        """
        selection = days.select("user", "day").unique()
        of_users = pl.col("user").is_in(selection["user"].unique().implode())
        parts = [
            pl.scan_parquet(shard, glob=False)
            .filter(of_users)
            .with_columns(day=pl.col("time").dt.date())
            .join(selection.lazy(), on=["user", "day"], how="semi")
            .collect()
            for shard in self.shards
        ]
        return pl.concat(parts).sort("user", "day", maintain_order=True)

    def view_folder(self, name: str, settings: dict[str, object], source: str) -> Path:
        """Return the folder of a built view; another store, setting or source has another folder.

        A folder whose source is gone stays until somebody removes it: another version of the program, or
        another checkout, may still read it.

        Args:
            name: Of the view.
            settings: What the build depends on.
            source: Hash of the source code that builds it.
        """
        text = json.dumps([self.fingerprint, name, settings, source], sort_keys=True, default=str)
        return self.path / VIEW_FOLDER / f"{name}-{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _read_part(path: Path) -> pl.DataFrame:
    """Return a small table of a store.

    Raises:
        InputError: If it is gone or damaged.
    """
    try:
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        cause = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read: {cause}; prepare the store again") from error
