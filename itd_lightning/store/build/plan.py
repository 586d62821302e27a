"""The plan of a build: sources, shards and options, checked before anything is written."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import KINDS
from itd_lightning.contracts.files import absolute, aside
from itd_lightning.sources.base import ROW_SIZE, Source
from itd_lightning.store.read import SCHEMA_VERSION, Store

ALLOW_REFUSED = 0.5  # share of the rows of a log: with more, the log is not what it is taken for
_SHARDS = (16, 128)  # fewest, and most as long as memory does not ask for more
_MOST_SHARDS = 1024
_SHARD = 256 << 20  # bytes of CSV in a shard, about
_WITHOUT_CONTENT = 0.35  # share of a CSV
_WORKER = 1.5  # GiB
_COPIES = 4  # of a shard's rows, while they are sorted
_PIECES = 6  # times a piece's bytes are in memory, while it is read


class Plan(NamedTuple):
    """A build that can begin.

    Attributes:
        sources: Logs to read, in order; all of one name.
        store: Folder of the store.
        shards: Number of parts.
        content: Kinds of event whose content is stored; None for all.
        base: Store that is added to; None for a new one.
        now: Events after it are refused.
        size: Bytes of all logs, about.
        allow_refused: Share of a log's rows that may be refused because of a fault.
    """

    sources: tuple[Source, ...]
    store: Path
    shards: int
    content: tuple[str, ...] | None
    base: Store | None
    now: datetime
    size: int
    allow_refused: float

    @property
    def name(self) -> str:
        """Name of the kind of logs, such as ``"r4.2"``."""
        return self.sources[0].name

    @property
    def logs(self) -> dict[str, tuple[str, ...]]:
        """Names of all logs, in the order that settles equal times, and the kinds of events of each."""
        logs: dict[str, tuple[str, ...]] = {}
        for source in self.sources:
            for log, kinds in source.logs.items():
                logs[log] = tuple(dict.fromkeys((*logs.get(log, ()), *kinds)))
        return logs

    @property
    def all_logs(self) -> list[str]:
        """Names of all logs, those of the store that is added to first."""
        earlier = [] if self.base is None else self.base.manifest["logs"]
        return list(dict.fromkeys((*earlier, *self.logs)))

    @property
    def records(self) -> frozenset[str]:
        """Kinds of events that some source of the store can record."""
        recorded = frozenset(kind for source in self.sources for kind in source.records)
        return recorded if self.base is None else recorded.union(self.base.manifest.get("records", ()))

    @property
    def zone(self) -> str | None:
        """Zone of the events' local times; None where times are as logged."""
        return self.sources[0].zone or (None if self.base is None else self.base.manifest.get("zone"))

    @property
    def partial(self) -> Path:
        """Folder beside the store in which it is built."""
        return self.store.with_name(f".{self.store.name}.partial")

    @property
    def options(self) -> dict[str, Any]:
        """Settings that decide the store's content beside the sources."""
        return {"shards": self.shards, "content": "all" if self.content is None else list(self.content)}

    @property
    def identity(self) -> str:
        """Text that is equal for two builds that may continue one another."""
        return self.identity_upon(None if self.base is None else self.base.fingerprint)

    def identity_upon(self, base: str | None) -> str:
        """Return the identity if the store that is added to were the one of this fingerprint."""
        stamps = [source.identity for source in self.sources]
        return json.dumps([SCHEMA_VERSION, self.name, self.options, base, stamps])


def plan_build(
    sources: Sequence[Source],
    store: Path,
    *,
    shards: int | None = None,
    memory: float | None = None,
    workers: int = 1,
    content: Sequence[str] | None = None,
    append: bool = False,
    allow_refused: float = ALLOW_REFUSED,
) -> Plan:
    """Check the options of a build, and choose those that are left open.

    Args:
        sources: Logs of one kind, of different times; usually one source.
        store: Folder to make, or to add to.
        shards: Number of parts; default: by size and memory.
        memory: GiB that all workers together may use, about; default: 1.5 for each.
        workers: Parts worked on at a time.
        content: Kinds of event whose content is stored; none for an empty list, all for None.
        append: Whether to add to a store that is there, with its options.
        allow_refused: Share of a log's rows, 0 to 1, that may be refused because of a fault.

    Raises:
        InputError: If anything does not fit.
    """
    if not 0 <= allow_refused <= 1:
        raise InputError(f"allow_refused is a share, 0 to 1, got {allow_refused}")
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    memory = _WORKER * workers if memory is None else memory
    if memory <= 0:
        raise InputError(f"memory must be more than 0 GiB, got {memory}")
    _check_names(sources)
    _check_zones(sources, None)
    store = absolute(store)  # other machines may stand in other folders
    kinds = _order_kinds(content)
    base: Store | None = None
    if append:
        base = base_store(store, sources[0].name)
        _check_zones(sources, base)
        shards, kinds = _base_options(base, shards, kinds)
    elif _restore_store(store).exists():
        raise InputError(f"{store} exists already; remove it, name another store, or --append to it")
    size = sum(source.size for source in sources)
    base_size = 0 if base is None else ROW_SIZE * int(base.manifest["events"])
    sort_size = int((size + base_size) * (1 if kinds is None else _WITHOUT_CONTENT))
    parts = choose_shards(sort_size, memory / workers) if shards is None else shards
    if not 1 <= parts <= _MOST_SHARDS:
        raise InputError(f"shards must be 1 to {_MOST_SHARDS}, got {parts}")
    piece = min(max(source.piece_size for source in sources), size)
    needed = workers * max(piece * _PIECES, sort_size / parts * _COPIES) / 2**30
    if needed > memory:
        more = "" if append else ", more shards"
        raise InputError(
            f"needs about {needed:.1f} GiB and memory allows {memory}: use fewer workers{more} or more memory"
        )
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return Plan(tuple(sources), store, parts, kinds, base, today + timedelta(days=2), size, allow_refused)


def _check_names(sources: Sequence[Source]) -> None:
    """Refuse sources of different kinds.

    Raises:
        InputError: If there are any.
    """
    if len(names := sorted({source.name for source in sources})) > 1:
        raise InputError(f"a store holds logs of one kind, not {' and '.join(names)}")


def _check_zones(sources: Sequence[Source], base: Store | None) -> None:
    """Refuse sources whose times are those of another zone than the store's, or than each other's.

    Raises:
        InputError: If there are any.
    """
    zone = sources[0].zone if base is None else base.manifest.get("zone")
    for source in sources:
        if zone is not None and source.zone not in (zone, None):
            place = sources[0].path if base is None else base.path
            raise InputError(
                f"{source.path} has the zone {source.zone}, and the times of {place} are those of {zone}: "
                f"write `zone: {zone}`; the zone in which a log writes stands in its `time`"
            )


def _order_kinds(content: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the kinds whose content is stored, in the order of all kinds; None for all."""
    if content is None:
        return None
    if unknown := sorted(set(content) - set(KINDS)):
        raise InputError(
            f"content names no kind of event: {', '.join(unknown)}; kinds are {', '.join(KINDS)}"
        )
    return tuple(kind for kind in KINDS if kind in content)


def _restore_store(store: Path) -> Path:
    """Return the store, renamed back if an addition was killed between two renames."""
    if not store.exists() and aside(store).is_dir():
        aside(store).rename(store)
    return store


def base_store(store: Path, name: str = "auto") -> Store:
    """Return the store that is added to.

    Args:
        store: Its folder.
        name: Which kind of logs is added; ``auto`` for the kind that it holds.

    Raises:
        InputError: If it cannot be added to, or holds another kind of logs.
    """
    base = Store(_restore_store(absolute(store)))
    if "thinned" in base.manifest:
        raise InputError(f"{base.path} was thinned; add to the store that it came from, and thin that one")
    if name not in ("auto", base.name):
        raise InputError(f"{base.path} holds {base.name}; {name} cannot be added to it")
    return base


def _base_options(
    base: Store, shards: int | None, content: tuple[str, ...] | None
) -> tuple[int, tuple[str, ...] | None]:
    """Return shards and content of a store that is added to.

    Raises:
        InputError: If others are asked for.
    """
    options = base.manifest["options"]
    kinds = None if options["content"] == "all" else tuple(options["content"])
    if (shards or options["shards"]) != options["shards"] or content not in (None, kinds):
        raise InputError(
            f"{base.path} was built with {options}, which --append keeps; leave these options out"
        )
    return options["shards"], kinds


def choose_shards(size: int, memory: float) -> int:
    """Return the number of shards for so many bytes of CSV, each of which one worker can sort.

    Example:
        >>> choose_shards(16 * 2**30, memory=1.5)
        64
    """
    by_size = min(size / _SHARD, _SHARDS[1])
    fewest = max(by_size, _COPIES * size / (memory * 2**30), 1)
    return min(max(_SHARDS[0], 1 << (int(fewest - 1e-9)).bit_length()), _MOST_SHARDS)
