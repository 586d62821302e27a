"""The first half of a build: a piece of a log -> its rows by shard, in files of a folder of its own.

A folder gets its name when it is complete, so that a build that was killed goes on with the pieces that are
missing.
"""

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.contracts.files import folder_beside, read_json
from itd_lightning.sources.cert.logs import REFUSED, check_header, judge, split
from itd_lightning.sources.cert.pieces import Piece, whole_rows
from itd_lightning.sources.cert.releases import Log, find_release

STAGED = pl.Schema({**EVENTS, "line": pl.UInt32()})  # a line counts from the beginning of its piece, from 0
MOST_REFUSED = 1_000_000  # lines of a piece that are no rows: to refuse more one by one tells nothing
NOTE, REFUSALS = "note.json", "refused.parquet"


class Job(NamedTuple):
    """What every piece and shard of a build has in common; plain values, to be sent to other processes.

    Attributes:
        folder: Where the build writes.
        release: Name of the release.
        shards: Number of shards.
        content: Kinds of event whose content is kept; None for all.
        now: Events after it are refused.
    """

    folder: Path
    release: str
    shards: int
    content: tuple[str, ...] | None
    now: datetime


class Note(NamedTuple):
    """What became of a piece.

    Attributes:
        lines: Lines of the file in it.
        read: Rows in it.
        size: Its bytes.
        digest: Hash of its bytes.
    """

    lines: int
    read: int
    size: int
    digest: str


@cache
def shard_of(user: str, shards: int) -> int:
    """Shard of a user: stable over runs, machines and versions.

    Example:
        >>> shard_of("ABC0001", 16) == shard_of("ABC0001", 16)
        True
    """
    return int.from_bytes(blake2b(user.encode(), digest_size=8).digest()) % shards


def piece_folder(job: Job, source: int, log: str, number: int) -> Path:
    """Where a piece is staged; sorted by name, pieces stand in the order that settles equal time stamps."""
    order = [entry.name for entry in find_release(job.release).logs].index(log)
    return job.folder / "staging" / f"{order}-{source:03d}-{number:06d}"


def read_note(folder: Path) -> Note | None:
    """What became of a piece that is staged; None for one that is not, or whose note is damaged."""
    note = read_json(folder / NOTE)
    return Note(**note) if note is not None and set(note) == set(Note._fields) else None


def stage_piece(job: Job, item: tuple[int, Piece]) -> Note:
    """Read a piece and leave its rows in files by shard, in the log's own order.

    Args:
        job: The build.
        item: Number of the source in the store, from 0, and the piece; a file that was written for the piece
            alone is removed.
    """
    source, piece = item
    target = piece_folder(job, source, piece.log, piece.number)
    note = read_note(target)
    if note is None:
        shutil.rmtree(target, ignore_errors=True)  # of a damaged note
        with folder_beside(target) as partial:
            note = write_piece(job, piece, partial)
    if piece.path.is_relative_to(job.folder):
        piece.path.unlink(missing_ok=True)
    return note


def write_piece(job: Job, piece: Piece, folder: Path) -> Note:
    """Parse a piece and write its rows, its refused rows and its note."""
    log = find_release(job.release).by_name[piece.log]
    header = check_header(piece.header, Path(f"{log.name}.csv"), log.columns)
    digest = xxh3_128()
    lines = 0
    blocks, refused = [], [REFUSED.to_frame()]
    for read in whole_rows(piece, digest, quoted=log.quoted):
        block = split(read.text, header, log, lines, fits=read.fits)
        blocks.append(without_content(block.rows, log, job.content))
        refused.append(block.refused)
        lines += block.lines
        if sum(map(len, refused)) > MOST_REFUSED:
            raise InputError(f"{log.name}.csv has a million lines that are no rows; it is not the log")
    staged = STAGED.to_frame()
    if blocks:
        rows, bad = judge(pl.concat(blocks, rechunk=True), log, job.now)
        staged = rows.with_columns(content_of(job.content))
        refused.append(bad)
    for shard, part in by_shard(staged, job.shards).items():
        part.write_ipc_stream(folder / f"{shard:04d}.arrow", compression=packing(job.content))
    rejects = pl.concat(refused).sort("line")
    rejects.write_parquet(folder / REFUSALS)
    size = piece.stop - piece.start
    note = Note(lines, len(staged) + len(rejects), size, digest.hexdigest())
    (folder / NOTE).write_text(json.dumps(note._asdict()), "utf-8")
    return note


def packing(content: tuple[str, ...] | None) -> Literal["lz4", "uncompressed"]:
    """How staged rows are packed; without content they are so small that packing costs more than writing."""
    return "uncompressed" if content == () else "lz4"


def without_content(rows: pl.DataFrame, log: Log, kept: tuple[str, ...] | None) -> pl.DataFrame:
    """Rows of a log; where no kind of it keeps its content, that is dropped before it costs anything."""
    if kept is None or "content" not in rows.columns or not set(kept).isdisjoint(log.kinds.values()):
        return rows
    return rows.with_columns(content=pl.lit(None, pl.String))


def content_of(kept: tuple[str, ...] | None) -> pl.Expr:
    """Content of events, null but for these kinds; None keeps all."""
    content = pl.col("content")
    return content if kept is None else pl.when(pl.col("kind").is_in(kept)).then(content)


def by_shard(rows: pl.DataFrame, shards: int) -> Mapping[int, pl.DataFrame]:
    """Rows by the shard of their user."""
    users = rows["user"].unique().to_list()
    numbers = [shard_of(user, shards) for user in users]
    numbered = rows.with_columns(
        shard=pl.col("user").replace_strict(users, numbers, return_dtype=pl.UInt16) if users else pl.lit(0)
    )
    parts = numbered.partition_by("shard", as_dict=True, include_key=False)
    return {int(shard): part for (shard,), part in parts.items()}
