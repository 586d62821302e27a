"""A CERT release as a source of events: what the store asks, answered by the readers beside this file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import polars as pl
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import absolute, private_folder
from itd_lightning.sources.base import (
    DECOYS,
    PARSED,
    REFUSED,
    ROW_SIZE,
    Facts,
    Guess,
    ParsedPiece,
    Sample,
    Source,
)
from itd_lightning.sources.base import Piece as AnyPiece
from itd_lightning.sources.cert import pieces as cuts
from itd_lightning.sources.cert.answers import read_answers
from itd_lightning.sources.cert.archives import is_archive, read_archive, unpacking_rate
from itd_lightning.sources.cert.logs import check_header, parse_rows, split_fields
from itd_lightning.sources.cert.people import read_directory
from itd_lightning.sources.cert.pieces import Piece, cut_log, read_blocks, read_header
from itd_lightning.sources.cert.record_ends import REACH
from itd_lightning.sources.cert.release_folder import (
    ReleaseFolder,
    check_layout,
    find_release_folder,
    recognise_release,
)
from itd_lightning.sources.cert.releases import SYNTHETIC, Log, Release, find_release
from itd_lightning.sources.cert.tables import read_table

MOST_REFUSED = 1_000_000  # lines of a piece that are no rows: to refuse more one by one tells nothing
_PACKED = 5  # a release unpacks to about so many times its archive
_SAMPLE = 4 << 20  # bytes of each log
_STAMPED = ("*", "*/*.csv", "answers/*/*.csv")  # the files of a folder that a release may have


@dataclass(frozen=True)
class CertSource(Source):
    """One release on disk.

    Args:
        folder: Where it lies, and its key.
        release_name: Name of the release, such as ``"r4.2"``.
    """

    folder: ReleaseFolder
    release_name: str

    @property
    def name(self) -> str:
        """Name of the release."""
        return self.release_name

    @property
    def release(self) -> Release:
        """Layout of the logs; found by name, since expressions do not travel well to workers."""
        return find_release(self.release_name)

    @property
    def path(self) -> Path:
        """Folder or archive."""
        return self.folder.path

    @property
    def archived(self) -> bool:
        """Whether the release is an archive."""
        return self.folder.archived

    @property
    def logs(self) -> dict[str, tuple[str, ...]]:
        """Names of the logs, in the order that settles equal times, with the kinds of their events."""
        return {log.name: tuple(dict.fromkeys(log.kinds.values())) for log in self.release.logs}

    @property
    def records(self) -> frozenset[str]:
        """Kinds of events that the release can record."""
        return frozenset(kind for kinds in self.logs.values() for kind in kinds)

    @property
    def size(self) -> int:
        """Bytes of the logs; of an archive, about."""
        if self.archived:
            return self.path.stat().st_size * (1 if self.path.suffix == ".tar" else _PACKED)
        files = [self.log_file(log) for log in self.release.logs]
        return sum(file.stat().st_size for file in files if file.is_file())

    @property
    def piece_size(self) -> int:
        """Bytes of a piece."""
        return cuts.PIECE

    @property
    def identity(self) -> list[Any]:
        """Name, size and time of change of all files, and the limits by which a log is cut."""
        return [cuts.PIECE, REACH, *(_stamp(path) for path in self.folder if path is not None)]

    def log_file(self, log: Log) -> Path:
        """Return the CSV file of a log in a folder."""
        return self.path / f"{log.name}.csv"

    def pieces(self, folder: Path, is_done: Callable[[str, int], bool]) -> Iterator[Piece]:
        """Yield the pieces of all logs; those of an archive in its order, each written out when it is due.

        Raises:
            InputError: If an archive lacks a log.
        """
        if not self.archived:
            for log in self.release.logs:
                yield from cut_log(self.log_file(log), log.name, quoted=log.quoted)
            return
        private_folder(folder)
        names = set()
        for piece in read_archive(self.path, self.release.by_name, folder, is_done):
            names.add(piece.log)
            yield piece
        for log in self.release.logs:
            if log.name not in names:
                raise InputError(f"{self.path} holds no {log.name}.csv; a release needs it")

    def expected_row(self, log: str) -> str:
        """Return the columns of a log and the form of its dates."""
        return f"{','.join(self.release.by_name[log].columns)} with dates such as 01/31/2010 08:15:00"

    def row_text(self, piece: AnyPiece, line: int) -> str:
        """Return a line of a piece."""
        piece = cast("Piece", piece)
        with piece.path.open("rb") as file:
            file.seek(piece.start)
            return next(islice(file, line, None), b"").decode("utf-8", "replace").strip()

    def parse(self, piece: AnyPiece, content: tuple[str, ...] | None, now: datetime) -> ParsedPiece:
        """Parse a piece; content that no kind of its log keeps is dropped before it costs anything.

        Raises:
            InputError: If the header lacks a column, or a million lines are no rows.
        """
        piece, log = cast("Piece", piece), self.release.by_name[piece.log]
        header = check_header(piece.header, Path(piece.file), log.columns)
        digest = xxh3_128()
        lines = 0
        blocks, refused = [], [REFUSED.to_frame()]
        for text in read_blocks(piece, digest, quoted=log.quoted):
            block = split_fields(text.text, header, log, lines, fits=text.fits)
            blocks.append(_drop_content(block.rows, log, content))
            refused.append(block.refused)
            lines += block.lines
            if sum(map(len, refused)) > MOST_REFUSED:
                raise InputError(f"{piece.file} has a million lines that are no rows; it is not the log")
        events = PARSED.to_frame()
        if blocks:
            events, faulty = parse_rows(pl.concat(blocks, rechunk=True), log, now)
            refused.append(faulty)
        return ParsedPiece(events, pl.concat(refused).sort("line"), lines, digest.hexdigest())

    def samples(self, content: tuple[str, ...] | None, now: datetime) -> Iterator[Sample | Guess]:
        """Yield the beginning of each log, parsed; of an archive, a guess from its unpacking rate."""
        if self.archived:
            unpacked, rate = unpacking_rate(self.path, _SAMPLE)
            yield Guess(unpacked / ROW_SIZE, unpacked / rate)
            return
        for log in self.release.logs:
            sample = _parse_sample(self.log_file(log), log, content, now)
            if sample is not None:
                yield sample

    def read_facts(self, folder: Path, *, streamed: bool) -> Facts | None:
        """Return people, key and decoys; None of an archive that was not yet streamed.

        Raises:
            InputError: If people or key cannot be read.
        """
        key = self.folder.answers
        if key is not None and is_archive(key):
            key = folder / "key" / "answers" if streamed else _unpack_answers(key, folder / "key")
        if self.archived and not streamed:
            return None
        return _read_facts(folder if self.archived else self.path, key, self.release)


def open_releases(
    paths: Sequence[Path], release: str = "auto", answers: Path | None = None
) -> tuple[CertSource, ...]:
    """Return the sources of one release, whose logs may lie in parts of different times.

    Args:
        paths: Folders or archives, in order.
        release: Name of the release; ``auto`` recognises that of the first.
        answers: Folder or archive of the answer key of the first; default: where the release has it.

    Raises:
        InputError: If one of them is no such release.
    """
    key = None if answers is None else absolute(answers)  # other machines may stand in other folders
    folders = [find_release_folder(absolute(path), None if n else key) for n, path in enumerate(paths)]
    layout = recognise_release(folders[0]) if release == "auto" else find_release(release)
    for folder in folders:
        check_layout(folder, layout)
    return tuple(CertSource(folder, layout.name) for folder in folders)


def _drop_content(rows: pl.DataFrame, log: Log, wanted: tuple[str, ...] | None) -> pl.DataFrame:
    """Return rows with null for content if no kind of the log is wanted with it."""
    if wanted is None or "content" not in rows.columns or not set(wanted).isdisjoint(log.kinds.values()):
        return rows
    return rows.with_columns(content=pl.lit(None, pl.String))


def _parse_sample(path: Path, log: Log, content: tuple[str, ...] | None, now: datetime) -> Sample | None:
    """Parse the beginning of a log; None if it has no rows."""
    with path.open("rb") as file:
        header = check_header(read_header(file), path, log.columns)
        text = file.read(_SAMPLE)
    text = text[: text.rfind(b"\n") + 1]
    if not text:
        return None
    start_time = perf_counter()
    block = split_fields(text, header, log, 2)
    events, _ = parse_rows(_drop_content(block.rows, log, content), log, now)
    return Sample(events, perf_counter() - start_time, path.stat().st_size / len(text))


def _stamp(path: Path) -> list[Any]:
    """Return name, size and time of change of a file, or of the files of a release in a folder."""
    files = {file for pattern in _STAMPED for file in path.glob(pattern)} if path.is_dir() else {path}
    states = [(str(file.resolve()), file.stat()) for file in sorted(files) if file.is_file()]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]


def _unpack_answers(archive: Path, folder: Path) -> Path:
    """Unpack a packed key into a folder, and return the folder of the key in it.

    Raises:
        InputError: If the archive holds no key.
    """
    for _ in read_archive(archive, {}, folder, lambda *_: False):
        pass
    if not (folder / "answers").is_dir():
        raise InputError(f"{archive} holds no folder answers")
    return folder / "answers"


def _read_facts(folder: Path, answers: Path | None, release: Release) -> Facts:
    """Return the facts of a release.

    Args:
        folder: Holds the small files of the release.
        answers: Folder of the key; default: ``answers`` in the folder.
        release: Which release it is.
    """
    decoys = folder / "decoy_file.csv"
    return Facts(
        directory=read_directory(folder),
        answers=read_answers(answers or folder / "answers", release),
        decoys=_read_decoys(decoys) if release.decoys and decoys.is_file() else None,
        synthetic=(folder / SYNTHETIC).is_file(),
    )


def _read_decoys(path: Path) -> pl.DataFrame:
    """Return the list of decoy files."""
    rows = read_table(path, ("decoy_filename", "pc"))
    decoys = rows.rename({"decoy_filename": "file"}).select(DECOYS.names())
    return decoys.drop_nulls().unique().sort("file", "pc")
