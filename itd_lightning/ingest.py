"""Logs on disk -> an event store: chooses the source that can read them, and plans the build.

Used by ``itd prepare`` and from Python. The store knows no format, and a source no store; they meet here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from itd_lightning.executors import Place
from itd_lightning.sources.cert.source import open_releases
from itd_lightning.store.build.build import Progress, build
from itd_lightning.store.build.plan import Plan, base_store, plan_build


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
) -> Plan:
    """Return the plan of a store of these logs.

    Args:
        paths: Folders or archives of one release, of different times; usually one.
        store: Folder to make, or to add to.
        release: Name of the release, or ``auto``.
        answers: Folder or archive of the answer key; default: where the release has it.
        shards: Number of parts; default: by size and memory.
        memory: GiB that all workers together may use, about; default: 1.5 for each.
        workers: Parts worked on at a time.
        content: Kinds of event whose content is stored; none for an empty list, all for None.
        append: Whether to add to a store that is there, with its options.

    Raises:
        InputError: If anything does not fit.
    """
    name = base_store(store, release).name if append else release
    sources = open_releases(paths, name, answers)
    return plan_build(
        sources, store, shards=shards, memory=memory, workers=workers, content=content, append=append
    )


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
    )
    return build(plan, workers, place, on_progress)
