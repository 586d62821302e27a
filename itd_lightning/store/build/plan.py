"""What a build is about to do: sources, release, shards, options, checked before anything is written."""

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import KINDS
from itd_lightning.contracts.files import aside
from itd_lightning.sources.cert.pieces import PIECE
from itd_lightning.sources.cert.records import REACH
from itd_lightning.sources.cert.release_folder import Source, check_release, find_source, recognise
from itd_lightning.sources.cert.releases import Release, find_release
from itd_lightning.store.read import SCHEMA_VERSION, Store

SHARDS = (16, 128)  # fewest, and most as long as memory does not ask for more
MOST_SHARDS = 1024
SHARD = 256 << 20  # bytes of CSV in a shard, about
PACKED = 5  # a release unpacks to about so many times its archive
WITHOUT_CONTENT = 0.35  # share of a CSV
WORKER = 1.5  # GiB
ROW = 500  # bytes of CSV, about
COPIES = 4  # of a shard's rows, while they are sorted
PIECES = 6  # times a piece's bytes are in memory, while it is read


class Plan(NamedTuple):
    """A build that can begin.

    Attributes:
        sources: Releases to read, in order.
        store: Folder of the store.
        release: Which release all of them are.
        shards: Number of parts.
        content: Kinds of event whose content is kept; None for all.
        base: Store that is added to; None for a new one.
        now: Events after it are refused.
        size: Bytes of all logs, about.
    """

    sources: tuple[Source, ...]
    store: Path
    release: Release
    shards: int
    content: tuple[str, ...] | None
    base: Store | None
    now: datetime
    size: int

    @property
    def partial(self) -> Path:
        """Folder beside the store in which it is built."""
        return self.store.with_name(f".{self.store.name}.partial")

    @property
    def options(self) -> dict[str, Any]:
        """What decides the store's content beside the sources."""
        return {"shards": self.shards, "content": "all" if self.content is None else list(self.content)}

    @property
    def identity(self) -> str:
        """Text that is equal for two builds that may continue one another."""
        return self.identity_upon(None if self.base is None else self.base.fingerprint)

    def identity_upon(self, base: str | None) -> str:
        """The same, were the store that is added to the one of this fingerprint."""
        stamps = [stamp(path) for source in self.sources for path in source if path is not None]
        return json.dumps([SCHEMA_VERSION, PIECE, REACH, self.release.name, self.options, base, stamps])


def plan_build(
    sources: Sequence[Path],
    store: Path,
    release: str = "auto",
    answers: Path | None = None,
    shards: int | None = None,
    memory: float | None = None,
    workers: int = 1,
    content: Sequence[str] | None = None,
    append: bool = False,
) -> Plan:
    """Check what is asked for, and settle what is not.

    Args:
        sources: Folders or archives of one release, of different times; usually one.
        store: Folder to make, or to add to.
        release: Name of the release, or ``auto``.
        answers: Folder or archive of the answer key; default: where the release has it.
        shards: Number of parts; default: by size and memory.
        memory: GiB that all workers together may use, about; default: 1.5 for each.
        workers: Parts worked on at a time.
        content: Kinds of event whose content is kept; none for an empty list, all for None.
        append: Whether to add to a store that is there, with its options.

    Raises:
        InputError: If anything does not fit.
    """
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    memory = WORKER * workers if memory is None else memory
    if memory <= 0:
        raise InputError(f"memory must be more than 0 GiB, got {memory}")
    store = absolute(store)  # other machines may stand in other folders
    key = None if answers is None else absolute(answers)
    found = tuple(find_source(absolute(path), None if n else key) for n, path in enumerate(sources))
    kept = kinds(content)
    base: Store | None = None
    if append:
        base = Store(restored(store))
        meant, shards, kept = continued(base, release, shards, kept)
    else:
        if restored(store).exists():
            raise InputError(f"{store} exists already; remove it, name another store, or --append to it")
        meant = recognise(found[0]) if release == "auto" else find_release(release)
    for source in found:
        check_release(source, meant)
    size = sum(unpacked_size(source, meant) for source in found)
    held = 0 if base is None else ROW * int(base.manifest["events"])
    used = int((size + held) * (1 if kept is None else WITHOUT_CONTENT))
    parts = choose_shards(used, memory / workers) if shards is None else shards
    if not 1 <= parts <= MOST_SHARDS:
        raise InputError(f"shards must be 1 to {MOST_SHARDS}, got {parts}")
    needed = workers * max(min(PIECE, size) * PIECES, used / parts * COPIES) / 2**30
    if needed > memory:
        more = "" if append else ", more shards"
        raise InputError(
            f"needs about {needed:.1f} GiB and memory allows {memory}: use fewer workers{more} or more memory"
        )
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return Plan(found, store, meant, parts, kept, base, today + timedelta(days=2), size)


def absolute(path: Path) -> Path:
    """A path that begins at the root; links in it stay."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute would leave "." without a name


def kinds(content: Sequence[str] | None) -> tuple[str, ...] | None:
    """Kinds whose content is kept, in the order of all kinds; None for all."""
    if content is None:
        return None
    if unknown := sorted(set(content) - set(KINDS)):
        raise InputError(
            f"content names no kind of event: {', '.join(unknown)}; kinds are {', '.join(KINDS)}"
        )
    return tuple(kind for kind in KINDS if kind in content)


def restored(store: Path) -> Path:
    """The store, under its name also when an addition was killed between two renames."""
    if not store.exists() and aside(store).is_dir():
        aside(store).rename(store)
    return store


def continued(
    base: Store, release: str, shards: int | None, content: tuple[str, ...] | None
) -> tuple[Release, int, tuple[str, ...] | None]:
    """Release, shards and content of a store that is added to.

    Raises:
        InputError: If others are asked for.
    """
    if "thinned" in base.manifest:
        raise InputError(f"{base.path} was thinned; add to the store that it came from, and thin that one")
    had, held = base.manifest["options"], base.manifest["release"]
    kept = None if had["content"] == "all" else tuple(had["content"])
    if release not in ("auto", held):
        raise InputError(f"{base.path} holds {held}; {release} cannot be added to it")
    if (shards or had["shards"]) != had["shards"] or content not in (None, kept):
        raise InputError(f"{base.path} was built with {had}, which --append keeps; leave these options out")
    return find_release(held), had["shards"], kept


def choose_shards(size: int, memory: float) -> int:
    """Number of shards for so many bytes of CSV, each of which one worker can sort.

    Example:
        >>> choose_shards(16 * 2**30, memory=1.5)
        64
    """
    by_size = min(size / SHARD, SHARDS[1])
    wanted = max(by_size, COPIES * size / (memory * 2**30), 1)
    return min(max(SHARDS[0], 1 << (int(wanted - 1e-9)).bit_length()), MOST_SHARDS)


def unpacked_size(source: Source, release: Release) -> int:
    """Bytes of the logs of a source; of an archive, about."""
    if source.archived:
        return source.path.stat().st_size * (1 if source.path.suffix == ".tar" else PACKED)
    logs = [source.path / f"{log.name}.csv" for log in release.logs]
    return sum(log.stat().st_size for log in logs if log.is_file())


def stamp(path: Path) -> list[Any]:
    """Size and time of change of a file, or of the files of a folder that a release may have."""
    patterns = ("*", "*/*.csv", "answers/*/*.csv")
    found = {file for pattern in patterns for file in path.glob(pattern)} if path.is_dir() else {path}
    states = [(str(file.resolve()), file.stat()) for file in sorted(found) if file.is_file()]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]
