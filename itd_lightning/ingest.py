"""Logs on disk -> an event store: chooses the source that can read them, and plans the build.

Used by ``itd prepare`` and from Python. The store knows no format, and a source no store; they meet here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from itd_lightning.contracts.errors import InputError
from itd_lightning.executors import Place
from itd_lightning.sources.base import Source
from itd_lightning.sources.cert.source import open_releases
from itd_lightning.sources.mapped.mapping import read_mapping, read_preset
from itd_lightning.sources.mapped.source import MAPPINGS, MappedSource, open_mapping
from itd_lightning.store.build.build import Progress, build
from itd_lightning.store.build.plan import ALLOW_REFUSED, Plan, base_store, plan_build


def plan_store(
    paths: Sequence[Path],
    store: Path,
    release: str = "auto",
    answers: Path | None = None,
    *,
    shards: int | None = None,
    memory: float | None = None,
    workers: int = 1,
    content: Sequence[str] | None = None,
    append: bool = False,
    preset: str | None = None,
    allow_refused: float = ALLOW_REFUSED,
) -> Plan:
    """Return the plan of a store of these logs.

    Args:
        paths: Folders or archives of one release, of different times, usually one; or mappings of own logs.
        store: Folder to make, or to add to.
        release: Name of the release, or ``auto``.
        answers: Folder or archive of the answer key; default: where the release has it.
        shards: Number of parts; default: by size and memory.
        memory: GiB that all workers together may use, about; default: 1.5 for each.
        workers: Parts worked on at a time.
        content: Kinds of event whose content is stored; none for an empty list, all for None.
        append: Whether to add to a store that is there, with its options.
        preset: Name of a mapping of ours, for the logs in ``paths``.
        allow_refused: Share of a log's rows that may be refused because of a fault.

    Raises:
        InputError: If anything does not fit.
    """
    sources = _open_sources(paths, store, release, answers, preset, append=append)
    return plan_build(
        sources,
        store,
        shards=shards,
        memory=memory,
        workers=workers,
        content=content,
        append=append,
        allow_refused=allow_refused,
    )


def open_mappings(paths: Sequence[Path], preset: str | None = None) -> tuple[MappedSource, ...]:
    """Return the sources that mappings describe, or that a preset makes of these folders or files.

    Raises:
        InputError: If a mapping does not fit, or names no files.
    """
    mappings = [read_mapping(path) if preset is None else read_preset(preset, path) for path in paths]
    return tuple(map(open_mapping, mappings))


def _open_sources(
    paths: Sequence[Path],
    store: Path,
    release: str,
    answers: Path | None,
    preset: str | None,
    *,
    append: bool,
) -> Sequence[Source]:
    """Return the sources of a store: mappings, or parts of a release.

    Raises:
        InputError: If they do not fit together, or an option is for the other kind.
    """
    mappings = [path for path in paths if path.suffix in MAPPINGS]
    if preset is None and not mappings:
        name = base_store(store, release).name if append else release
        return open_releases(paths, name, answers)
    if release != "auto" or answers is not None:
        raise InputError("--release and --answers are for CERT logs; a mapping has its own key `answers`")
    if preset is None and len(mappings) < len(paths):
        raise InputError("a store is made of mappings or of a release, not of both")
    return open_mappings(paths, preset)


def build_store(
    paths: Sequence[Path],
    store: Path,
    release: str = "auto",
    *,
    answers: Path | None = None,
    shards: int | None = None,
    memory: float | None = None,
    workers: int = 1,
    place: Place = "local",
    content: Sequence[str] | None = None,
    append: bool = False,
    preset: str | None = None,
    allow_refused: float = ALLOW_REFUSED,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Build an event store, or add to one; the arguments are those of ``plan_store`` and ``build``.

    Returns:
        The manifest.
    """
    plan = plan_store(
        paths,
        store,
        release,
        answers,
        shards=shards,
        memory=memory,
        workers=workers,
        content=content,
        append=append,
        preset=preset,
        allow_refused=allow_refused,
    )
    return build(plan, workers, place, on_progress)
