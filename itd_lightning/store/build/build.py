"""CERT releases on disk -> an event store, in two halves: read every piece, then sort every shard.

    STORE/manifest.json               what went in: rows read, kept and rejected a log, fingerprints, options
    STORE/events/shard=000/           users by a stable hash, each whole in one shard, sorted by time: events,
                                      presence (their days) and pc_use (their first two weeks)
    STORE/people.parquet              LDAP and psychometric data with validity dates
    STORE/decoys.parquet              decoy files, where the release has any
    STORE/answers/                    campaigns and malicious events; absent where there is no key
    STORE/rejects/rejects.parquet     every refused row: source, file, line, reason
    STORE/raw/                        directory and key as read, for what is added later

Everything is written to ``.STORE.partial`` beside the store, which gets its name last, in one step. What a
killed build left there is used by the next one, if nothing that it depends on has changed.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import aside, private_files, private_folder, read_json, written_beside
from itd_lightning.executors import Executor, Place, open_executor
from itd_lightning.sources.cert.archives import read_archive
from itd_lightning.sources.cert.pieces import Piece, pieces
from itd_lightning.sources.cert.release_folder import Source
from itd_lightning.sources.cert.releases import Release
from itd_lightning.store.build.facts import (
    Facts,
    join_facts,
    read_facts,
    read_raw,
    unpack_answers,
    write_facts,
)
from itd_lightning.store.build.manifest import Staged, collect_rejects, describe
from itd_lightning.store.build.plan import Plan, plan_build
from itd_lightning.store.build.publish import alone, discard, publish, remove, take_up, was_added
from itd_lightning.store.build.resolve import resolve_key
from itd_lightning.store.build.shards import Shard, shard_file, sort_shard
from itd_lightning.store.build.stage import Job, Note, piece_folder, read_note, stage_piece
from itd_lightning.store.read import MANIFEST

NOW = "now.txt"  # in the folder: after when events are refused
Progress = Callable[[str, int, int, int], None]  # what is done, how much of it, of how much, rows


def build_store(
    sources: Sequence[Path],
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
    """Build an event store, or add to one; the arguments are those of ``plan_build`` and ``build``.

    Returns:
        The manifest.
    """
    plan = plan_build(sources, store, release, answers, shards, memory, workers, content, append)
    return build(plan, workers, place, on_progress)


@private_files()
def build(
    plan: Plan, workers: int = 1, place: Place = "local", on_progress: Progress | None = None
) -> dict[str, Any]:
    """Carry a plan out; nothing appears under the store's name before all of it is done.

    Args:
        plan: What to build.
        workers: Pieces and shards that are worked on at a time; the store does not depend on it.
        place: Where they work.
        on_progress: Called with ``reading``, bytes done and in all, and rows read; then with ``sorting``,
            shards done and in all, and rows sorted.

    Returns:
        The manifest.

    Raises:
        InputError: If a log or the key does not fit the release, or another program builds this store.
    """
    tell = on_progress or (lambda *_: None)
    with alone(plan.partial) as folder:
        if plan.base is not None and was_added(plan):
            for old in (aside(plan.store), folder):
                discard(old)
            return plan.base.manifest
        take_up(plan, folder)
        if read_json(folder / MANIFEST) is None:
            with open_executor(workers, place) as executor:
                write_store(plan, folder, executor, tell)
        for left in ("staging", "sorted", "small", NOW):
            remove(folder / left)
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        publish(folder, plan.store)
    return manifest


def write_store(plan: Plan, folder: Path, executor: Executor, tell: Progress) -> None:
    """Write all of a store, its manifest last."""
    job = Job(folder, plan.release.name, plan.shards, plan.content, latest(plan, folder))
    identity = plan.identity
    keys = [unpack_answers(source, folder / "small" / f"key-{n}") for n, source in enumerate(plan.sources)]
    # A folder shows at once whether its key and people can be read, an archive when it has been streamed.
    early = [
        None if source.archived else read_facts(source.path, key, plan.release)
        for source, key in zip(plan.sources, keys, strict=True)
    ]
    logs = list(stage_logs(plan, job, executor, tell))
    if plan.identity != identity:
        raise InputError("a source was changed while it was read; build again")
    late = [
        facts or read_facts(small_files(folder, number), key, plan.release)
        for number, (facts, key) in enumerate(zip(early, keys, strict=True))
    ]
    facts = join_facts([*base_facts(plan), *late])
    shards = sort_shards(plan, job, executor, tell)
    write_facts(folder, facts)
    files = [shard_file(folder, shard) for shard in range(plan.shards)]
    answers = None if facts.answers is None else resolve_key(folder, facts.answers, files, executor)
    rejects = collect_rejects(plan, job, logs)
    (folder / "rejects").mkdir(exist_ok=True)
    rejects.write_parquet(folder / "rejects" / "rejects.parquet")
    manifest = describe(plan, logs, shards, rejects, facts, answers)
    with written_beside(folder / MANIFEST) as file:
        file.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def latest(plan: Plan, folder: Path) -> datetime:
    """The moment after which events are refused: that of the plan with which the build began."""
    said = folder / NOW
    try:
        return datetime.fromisoformat(said.read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # a build that begins, or whose moment is lost with its pieces
        for left in ("staging", "sorted"):
            remove(folder / left)
    with written_beside(said) as file:
        file.write_text(plan.now.isoformat(), "utf-8")
    return plan.now


def small_files(folder: Path, source: int) -> Path:
    """Where the small files of an archive are unpacked."""
    return folder / "small" / f"source-{source}"


def base_facts(plan: Plan) -> list[Facts]:
    """The facts of the store that is added to, if any."""
    if plan.base is None:
        return []
    manifest = plan.base.manifest
    remarks = [] if manifest["answers"] is None else manifest["answers"]["remarks"]
    return [read_raw(plan.base.path, remarks, synthetic=manifest["synthetic"])]


def stage_logs(plan: Plan, job: Job, executor: Executor, tell: Progress) -> Iterator[Staged]:
    """Read every log of every source, piece by piece.

    Raises:
        InputError: If an archive lacks a log.
    """
    sent: list[tuple[int, Piece]] = []
    first = 0 if plan.base is None else len(plan.base.manifest["sources"])
    total, done, rows = plan.size, 0, 0

    def items() -> Iterator[tuple[int, Piece]]:
        for number, source in enumerate(plan.sources):
            for piece in pieces_of(plan.release, source, job, number, first + number):
                sent.append((first + number, piece))
                yield sent[-1]

    notes: dict[tuple[int, str], list[Note]] = {}
    headers: dict[tuple[int, str], bytes] = {}
    for turn, note in enumerate(executor.map(partial(stage_piece, job), items())):
        number, piece = sent[turn]
        notes.setdefault((number, piece.log), []).append(note)
        headers[number, piece.log] = piece.header
        done, rows = done + note.size, rows + note.read
        tell("reading", min(done, total), total, rows)
    tell("reading", total, total, rows)
    for number, source in enumerate(plan.sources, first):
        for log in plan.release.logs:
            if (number, log.name) not in notes:
                raise InputError(f"{source.path} holds no {log.name}.csv; a release needs it")
            yield Staged(number, log.name, notes[number, log.name], headers[number, log.name])


def pieces_of(release: Release, source: Source, job: Job, number: int, in_store: int) -> Iterator[Piece]:
    """The pieces of all logs of a source; of an archive, in its order, each written out when it is due."""
    if not source.archived:
        for log in release.logs:
            yield from pieces(source.path / f"{log.name}.csv", log.name, quoted=log.quoted)
        return

    def is_done(log: str, piece: int) -> bool:
        return read_note(piece_folder(job, in_store, log, piece)) is not None

    folder = small_files(job.folder, number)
    private_folder(folder)
    yield from read_archive(source.path, release.by_name, folder, is_done)


def sort_shards(plan: Plan, job: Job, executor: Executor, tell: Progress) -> list[Shard]:
    """Sort every shard; one that nothing was added to stays the file it was."""
    touched = {int(path.stem) for path in job.folder.glob("staging/[0-9]*/[0-9]*.arrow")}
    base = None if plan.base is None else plan.base.path
    todo = [shard for shard in range(plan.shards) if base is None or shard in touched]
    shards = {}
    rows = 0
    for shard, result in zip(todo, executor.map(partial(sort_shard, job, base), todo), strict=True):
        shards[shard] = result
        rows += result.events
        tell("sorting", len(shards), len(todo), rows)
    if plan.base is not None:
        for shard in set(range(plan.shards)) - set(todo):
            shards[shard] = Shard(**plan.base.manifest["shards"][shard])
            for file in shard_file(plan.base.path, shard).parent.iterdir():
                link(file, shard_file(job.folder, shard).with_name(file.name))
    return [shards[shard] for shard in range(plan.shards)]


def link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be."""
    private_folder(target.parent)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)  # not its mode
