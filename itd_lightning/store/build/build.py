"""The build of an event store from sources, in two halves: read every piece, then sort every shard.

    STORE/manifest.json               what went in: rows read, kept and rejected a log, fingerprints, options
    STORE/events/shard=000/           users by a stable hash, each whole in one shard, sorted by time: events,
                                      presence (their days) and pc_use (their PCs on each day)
    STORE/people.parquet              who worked there as what, with validity dates
    STORE/decoys.parquet              decoy files, where the source knows any
    STORE/answers/                    campaigns and malicious events; absent where there is no key
    STORE/rejects/rejects.parquet     every refused row: source, file, line, reason
    STORE/raw/                        directory and key as read, for what is added later

Everything is written to ``.STORE.partial`` beside the store, which gets its name last, in one step. What a
killed build left there is used by the next one, if nothing that it depends on has changed.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import (
    aside,
    atomic_file,
    find_json,
    private_files,
    private_folder,
    read_json,
)
from itd_lightning.contracts.store_files import EVENT_FILE, MANIFEST_FILE, REJECT_FILE, shard_folder
from itd_lightning.executors import Executor, Place, open_executor
from itd_lightning.sources.base import Facts, Piece, Source
from itd_lightning.store.build.facts import join_facts, read_raw, write_facts
from itd_lightning.store.build.manifest import StagedLog, collect_rejects, make_manifest, write_manifest
from itd_lightning.store.build.plan import Plan
from itd_lightning.store.build.publish import (
    discard,
    is_already_added,
    lock_build,
    publish,
    remove,
    resume_build,
)
from itd_lightning.store.build.resolve import resolve_key
from itd_lightning.store.build.shards import Shard
from itd_lightning.store.build.sort import knows_all_kinds, sort_shard
from itd_lightning.store.build.stage import (
    SORTED,
    STAGING,
    Job,
    PieceNote,
    piece_folder,
    read_note,
    stage_piece,
)

_SPOOL = "small"  # in the folder: files of archives
_FEW_FAULTS = 10  # rows of a log, which say nothing of the others
_NOW = "now.txt"  # in the folder: after when events are refused
Progress = Callable[[str, int, int, int], None]  # what is done, how much of it, of how much, rows


@private_files()
def build(
    plan: Plan, workers: int = 1, place: Place = "local", on_progress: Progress | None = None
) -> dict[str, Any]:
    """Build a store; nothing appears under the store's name before all of it is done.

    Args:
        plan: The plan.
        workers: Pieces and shards that are worked on at a time; the store does not depend on it.
        place: Where they work.
        on_progress: Called with ``reading``, bytes done and in all, and rows read; then with ``sorting``,
            shards done and in all, and rows sorted.

    Returns:
        The manifest.

    Raises:
        InputError: If a log or the key cannot be read, or another program builds this store.
    """
    report = on_progress or (lambda *_: None)
    with lock_build(plan.partial) as folder:
        if plan.base is not None and is_already_added(plan):
            for old in (aside(plan.store), folder):
                discard(old)
            return plan.base.manifest
        resume_build(plan, folder)
        if find_json(folder / MANIFEST_FILE) is None:
            with open_executor(workers, place) as executor:
                _write_store(plan, folder, executor, report)
        for name in (STAGING, SORTED, _SPOOL, _NOW):
            remove(folder / name)
        manifest: dict[str, Any] = read_json(folder / MANIFEST_FILE)
        publish(folder, plan.store)
    return manifest


def _write_store(plan: Plan, folder: Path, executor: Executor, report: Progress) -> None:
    """Write all of a store, its manifest last."""
    job = _make_job(plan, folder)
    identity = plan.identity
    # A folder shows at once whether its key and people can be read, an archive when it has been streamed.
    facts_before = [
        source.read_facts(_spool_folder(folder, number), streamed=False)
        for number, source in enumerate(plan.sources)
    ]
    logs = list(stage_logs(plan, job, executor, report))
    if plan.identity != identity:
        raise InputError("a source was changed while it was read; build again")
    facts_after = [
        facts or source.read_facts(_spool_folder(folder, number), streamed=True)
        for number, (source, facts) in enumerate(zip(plan.sources, facts_before, strict=True))
    ]
    facts = join_facts([facts for facts in facts_after if facts is not None], *_load_base_facts(plan))
    shards = sort_shards(plan, job, executor, report)
    write_facts(folder, facts)
    files = [shard_folder(folder, shard) / EVENT_FILE for shard in range(plan.shards)]
    answers = None if facts.answers is None else resolve_key(folder, facts.answers, files, executor)
    rejects = collect_rejects(plan, job, logs)
    (folder / REJECT_FILE).parent.mkdir(exist_ok=True)
    rejects.write_parquet(folder / REJECT_FILE)
    write_manifest(folder, make_manifest(plan, logs, shards, rejects, facts, answers))


def _make_job(plan: Plan, folder: Path) -> Job:
    """Return what the workers of a build need to know."""
    first = 0 if plan.base is None else len(plan.base.manifest["sources"])
    now = _load_now(plan, folder)
    return Job(folder, plan.sources, first, plan.logs, plan.shards, plan.content, now)


def _load_now(plan: Plan, folder: Path) -> datetime:
    """Return the moment after which events are refused: that of the plan with which the build began."""
    file = folder / _NOW
    try:
        return datetime.fromisoformat(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # a build that begins, or whose moment is lost with its pieces
        for name in (STAGING, SORTED):
            remove(folder / name)
    with atomic_file(file) as partial_file:
        partial_file.write_text(plan.now.isoformat(), "utf-8")
    return plan.now


def _spool_folder(folder: Path, source: int) -> Path:
    """Return where the files of an archive are written while it is streamed."""
    return folder / _SPOOL / f"source-{source}"


def _load_base_facts(plan: Plan) -> tuple[Facts | None, date | None]:
    """Return the facts of the store that is added to, if any, and the month in which it ends."""
    if plan.base is None:
        return None, None
    manifest = plan.base.manifest
    remarks = [] if manifest["answers"] is None else manifest["answers"]["remarks"]
    last = manifest["last"]
    month = None if last is None else datetime.fromisoformat(last).date().replace(day=1)
    return read_raw(plan.base.path, remarks, synthetic=manifest["synthetic"]), month


def stage_logs(plan: Plan, job: Job, executor: Executor, report: Progress) -> Iterator[StagedLog]:
    """Parse every log of every source, piece by piece."""
    items_sent: list[tuple[int, Piece]] = []
    total, done, rows = plan.size, 0, 0

    def items() -> Iterator[tuple[int, Piece]]:
        for number, source in enumerate(plan.sources):
            for piece in _pieces_of(source, job, number):
                items_sent.append((job.first + number, piece))
                yield items_sent[-1]

    staged: dict[tuple[int, str], list[tuple[Piece, PieceNote]]] = {}
    for turn, note in enumerate(executor.map(partial(stage_piece, job), items())):
        number, piece = items_sent[turn]
        notes = staged.setdefault((number, piece.log), [])
        notes.append((piece, note))
        _require_wanted_rows(plan, number - job.first, piece.log, [note for _, note in notes])
        done, rows = done + note.size, rows + note.read
        report("reading", min(done, total), total, rows)
    report("reading", total, total, rows)
    for number, source in enumerate(plan.sources, job.first):
        for log in source.logs:
            yield StagedLog(number, log, staged.get((number, log), []))


def _require_wanted_rows(plan: Plan, source: int, log: str, notes: list[PieceNote]) -> None:
    """Stop as soon as more of a log's rows are faulty than the plan allows; what was read is kept.

    Args:
        plan: The build.
        source: Number of the source in the plan.
        log: Name of the log.
        notes: Its pieces so far.

    Raises:
        InputError: If they are; with a row, the reason and the form that is expected.
    """
    wanted, faulty = sum(note.wanted for note in notes), sum(note.faulty for note in notes)
    if faulty < _FEW_FAULTS or faulty <= plan.allow_refused * wanted:
        return
    example = next(note.example for note in notes if note.example)
    raise InputError(
        f"{faulty:,} of the first {wanted:,} rows of {log} would be refused, such as {example}; expected: "
        f"{plan.sources[source].expected_row(log)}; if that is meant, allow it with --allow_refused 1"
    )


def _pieces_of(source: Source, job: Job, number: int) -> Iterator[Piece]:
    """Return the pieces of a source, the first of a build being number 0."""

    def is_done(log: str, piece: int) -> bool:
        return read_note(piece_folder(job, job.first + number, log, piece)) is not None

    return source.pieces(_spool_folder(job.folder, number), is_done)


def sort_shards(plan: Plan, job: Job, executor: Executor, report: Progress) -> list[Shard]:
    """Sort every shard; one that nothing was added to stays the file it was.

    Unless an earlier version wrote it, which knew fewer kinds: all files of a store have the same columns.
    """
    changed = {int(path.stem) for path in job.folder.glob(f"{STAGING}/[0-9]*/[0-9]*.arrow")}
    base = None if plan.base is None else plan.base.path
    todo = [
        shard
        for shard in range(plan.shards)
        if base is None or shard in changed or not knows_all_kinds(base, shard)
    ]
    shards = {}
    rows = 0
    for shard, result in zip(todo, executor.map(partial(sort_shard, job, base), todo), strict=True):
        shards[shard] = result
        rows += result.events
        report("sorting", len(shards), len(todo), rows)
    if plan.base is not None:
        for shard in set(range(plan.shards)) - set(todo):
            shards[shard] = Shard(**plan.base.manifest["shards"][shard])
            for file in shard_folder(plan.base.path, shard).iterdir():
                link(file, shard_folder(job.folder, shard) / file.name)
    return [shards[shard] for shard in range(plan.shards)]


def link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be."""
    private_folder(target.parent)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)  # not its mode
