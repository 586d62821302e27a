"""The first half of a build: the rows of a piece of a log are written by shard, in a folder of its own.

A folder gets its name when it is complete, so that a build that was killed goes on with the pieces that are
missing.
"""

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.contracts.files import atomic_folder, find_json
from itd_lightning.sources.base import Piece, Source
from itd_lightning.store.build.shards import split_by_shard

STAGING, SORTED = "staging", "sorted"  # folders of a build: staged pieces, notes of sorted shards
_EXAMPLE = 80  # characters of a row that is shown
_NOTE, REFUSALS = "note.json", "refused.parquet"  # files of a staged piece


class Job(NamedTuple):
    """The settings that every piece and shard of a build shares; small, to be sent to other processes.

    Attributes:
        folder: Where the build writes.
        sources: What is read.
        first: Number of the first of these sources in the store; more than 0 when it is added to.
        logs: Names of the logs, and the kinds of events of each; their order settles equal times.
        shards: Number of shards.
        content: Kinds of event whose content is stored; None for all.
        now: Events after it are refused.
    """

    folder: Path
    sources: tuple[Source, ...]
    first: int
    logs: Mapping[str, tuple[str, ...]]
    shards: int
    content: tuple[str, ...] | None
    now: datetime


class PieceNote(NamedTuple):
    """The size and hash of a staged piece.

    Attributes:
        lines: Lines of the file in it.
        read: Rows in it.
        wanted: Those of them that were asked for: kept, or refused because of a fault.
        faulty: Rows that were refused because of a fault.
        example: The first of them, with the reason, as "unparsable date: ..."; empty without any.
        size: Its bytes.
        digest: Hash of its bytes.
    """

    lines: int
    read: int
    wanted: int
    faulty: int
    example: str
    size: int
    digest: str


def piece_folder(job: Job, source: int, log: str, number: int) -> Path:
    """Return where a piece is staged; sorted by name, pieces stand in the order that settles equal times."""
    order = list(job.logs).index(log)
    return job.folder / STAGING / f"{order}-{source:03d}-{number:06d}"


def read_note(folder: Path) -> PieceNote | None:
    """Return the note of a staged piece; None if it is not staged, or its note is damaged."""
    note = find_json(folder / _NOTE)
    return PieceNote(**note) if note is not None and set(note) == set(PieceNote._fields) else None


def stage_piece(job: Job, item: tuple[int, Piece]) -> PieceNote:
    """Parse a piece and leave its rows in files by shard, in the log's own order.

    Args:
        job: The build.
        item: Number of the source in the store, from 0, and the piece; a file that was written for the piece
            alone is removed.
    """
    number, piece = item
    target = piece_folder(job, number, piece.log, piece.number)
    note = read_note(target)
    if note is None:
        shutil.rmtree(target, ignore_errors=True)  # of a damaged note
        with atomic_folder(target) as partial:
            note = write_piece(job, job.sources[number - job.first], piece, partial)
    if piece.path.is_relative_to(job.folder):
        piece.path.unlink(missing_ok=True)
    return note


def write_piece(job: Job, source: Source, piece: Piece, folder: Path) -> PieceNote:
    """Parse a piece and write its rows, its refused rows and its note."""
    parsed = source.parse(piece, job.content, job.now)
    events = parsed.events.with_columns(stored_content(job.content))
    for shard, part in split_by_shard(events, job.shards).items():
        part.write_ipc_stream(folder / f"{shard:04d}.arrow", compression=staging_compression(job.content))
    parsed.refused.write_parquet(folder / REFUSALS)
    faults = parsed.refused.filter(~pl.col("reason").is_in(source.unwanted))
    note = PieceNote(
        lines=parsed.lines,
        read=len(events) + len(parsed.refused),
        wanted=len(events) + len(faults),
        faulty=len(faults),
        example="" if faults.is_empty() else _describe_fault(source, piece, *faults.row(0)),
        size=piece.size,
        digest=parsed.digest,
    )
    (folder / _NOTE).write_text(json.dumps(note._asdict()), "utf-8")
    return note


def _describe_fault(source: Source, piece: Piece, line: int, reason: str) -> str:
    """Return why a row was refused, and the beginning of the row where it is a line of text."""
    text = source.row_text(piece, line)
    return f"{reason}: {text[:_EXAMPLE]!r}" if text else reason


def staging_compression(content: tuple[str, ...] | None) -> Literal["lz4", "uncompressed"]:
    """Return how staged rows are packed; without content, packing costs more than writing."""
    return "uncompressed" if content == () else "lz4"


def stored_content(kinds: tuple[str, ...] | None) -> pl.Expr:
    """Return the content of events, null but for these kinds; None keeps all."""
    content = pl.col("content")
    return content if kinds is None else pl.when(pl.col("kind").is_in(kinds)).then(content)
