"""Log files in pieces of whole rows, each of which can be read without the others."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.mapped.mapping import Input
from itd_lightning.sources.mapped.streams import (
    BLOCK,
    LONGEST,
    REWRITTEN,
    needs_stream,
    read_beginning,
    read_stream,
    text_size,
)

PIECE = 32 << 20  # bytes
ROWS = 250_000  # of a Parquet file
_SEPARATORS = {"csv": ",", "tsv": "\t", "w3c": " "}
_LF, _QUOTE = ord("\n"), ord('"')


class Layout(NamedTuple):
    """The columns of a text file with columns.

    Attributes:
        columns: Their names; none where a row is a JSON object.
        comments: Whether lines that begin with # are no rows.
        has_header: Whether the first line names the columns.
    """

    columns: tuple[str, ...]
    comments: bool
    has_header: bool


class Piece(NamedTuple):
    """Some whole rows of a file.

    Attributes:
        log: Name of the log.
        number: Place among the log's pieces, from 0.
        path: File that holds them.
        file: Name of the log's file.
        start: First byte in that file, or first row of a Parquet file.
        stop: First byte, or row, after it.
        place: Place in the text of the log's file, as ``start``, however it is packed.
        layout: Columns of the file.
        size: Bytes of text; of a Parquet file, about.
        header: Nothing: what a file begins with are lines of its first piece.
    """

    log: str
    number: int
    path: Path
    file: str
    start: int
    stop: int
    place: int
    layout: Layout
    size: int
    header: bytes = b""


def separator_of(source: Input) -> str:
    """Return the sign between two fields."""
    return source.separator or _SEPARATORS[source.format]


def cut_file(
    path: Path, file: str, source: Input, first: int, folder: Path, is_done: Callable[[str, int], bool]
) -> Iterator[Piece]:
    """Yield the pieces of a file; one that is packed is written out piece by piece.

    Args:
        path: The file.
        file: Its name.
        source: What it is.
        first: Number of the first piece.
        folder: Where to write.
        is_done: Tells by log and number whether a piece is needed no more.
    """
    if source.format == "parquet":
        yield from _cut_parquet(path, file, source, first)
        return
    layout = read_layout(path, source)
    if needs_stream(path, source):
        yield from _spool(
            path, Piece(source.name, first, path, file, 0, 0, 0, layout, 0), source, folder, is_done
        )
        return
    start = 0
    for number, stop in enumerate(_ends(path, source), first):
        yield Piece(source.name, number, path, file, start, stop, start, layout, stop - start)
        start = stop


def _cut_parquet(path: Path, file: str, source: Input, first: int) -> Iterator[Piece]:
    """Yield the pieces of a Parquet file."""
    try:
        rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    except PolarsError as error:
        raise InputError(f"{path} is no Parquet file: {str(error).partition(chr(10))[0][:120]}") from error
    layout = Layout((), comments=False, has_header=False)
    size = text_size(path) // max(1, -(-rows // ROWS))
    for number, start in enumerate(range(0, rows, ROWS), first):
        stop = min(start + ROWS, rows)
        yield Piece(source.name, number, path, file, start, stop, start, layout, size)


def _spool(
    path: Path, base: Piece, source: Input, folder: Path, is_done: Callable[[str, int], bool]
) -> Iterator[Piece]:
    """Write a stream out in pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    place = 0
    for part, blocks in groupby(_cut_blocks(read_stream(path, source), quotes=source.quotes), itemgetter(0)):
        number = base.number + part
        target = folder / f"{source.name}-{number:06d}"
        done = is_done(source.name, number)
        length = 0
        with Path(os.devnull if done else target).open("wb") as out:
            for _, block in blocks:
                length += out.write(block)
        yield base._replace(number=number, path=target, stop=length, place=place, size=length)
        place += length


def _ends(path: Path, source: Input) -> Iterator[int]:
    """Yield the ends of the pieces of a file that needs no stream."""
    size = path.stat().st_size
    if size > PIECE:
        end = 0
        parts = groupby(_cut_blocks(read_stream(path, source), quotes=source.quotes), itemgetter(0))
        for _, blocks in parts:
            end += sum(len(block) for _, block in blocks)
            yield end
    else:
        yield size


def _cut_blocks(blocks: Iterable[bytes], *, quotes: bool) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of text with the number of their piece; a piece ends where a row does.

    A quote that never closes, or a line without end, makes a piece no longer than twice ``LONGEST`` more:
    there it is cut, and its parts are refused.
    """
    number, length, inside = 0, 0, False
    for block in blocks:
        while (cut := _cut(block, length, inside=inside, quotes=quotes)) is not None:
            if cut:
                yield number, block[:cut]
            block = block[cut:]
            number, length, inside = number + 1, 0, False
        if block:
            yield number, block
            length += len(block)
            inside ^= quotes and bool(np.count_nonzero(np.frombuffer(block, np.uint8) == _QUOTE) % 2)


def _cut(block: bytes, length: int, *, inside: bool, quotes: bool) -> int | None:
    """Return where a piece ends in a block that follows so many bytes of it; None if it goes on."""
    over = length + len(block) - PIECE
    if over <= 0:
        return None
    signs = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(signs == _LF)
    ends = ends[np.searchsorted(ends, max(PIECE - length - 1, 0)) :]
    if quotes and over <= LONGEST:
        ends = ends[np.searchsorted(np.flatnonzero(signs == _QUOTE), ends) % 2 == inside]
    if len(ends):
        return int(ends[0]) + 1
    return len(block) if over > 2 * LONGEST + BLOCK else None


def read_layout(path: Path, source: Input) -> Layout:
    """Return the columns of a file, as its first lines or the mapping name them.

    Raises:
        InputError: If it names none, or one twice, or lacks one that is needed.
    """
    if source.format == "ndjson" or source.format in REWRITTEN:
        return Layout((), comments=False, has_header=False)
    head = read_beginning(path, source, LONGEST).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    layout = _find_layout(head, source)
    if layout is None:
        raise InputError(f"{path} has no header: {_expected(source)}; or name its columns with `header`")
    if missing := [
        name for name in needed_columns(source) if name not in layout.columns and source.needs(name)
    ]:
        raise InputError(
            f"{path} has no column {', '.join(map(repr, missing))}; it has {', '.join(layout.columns)[:300]}"
        )
    if twice := sorted({name for name in layout.columns if layout.columns.count(name) > 1}):
        raise InputError(f"{path} names a column twice: {', '.join(twice)}")
    return layout


def _expected(source: Input) -> str:
    """Return what a file should begin with."""
    return "a line #Fields: is expected" if source.format == "w3c" else "its first line must name the columns"


def _find_layout(head: str, source: Input) -> Layout | None:
    """Return the layout that the first lines of a file tell; None if there are none."""
    comments = source.format == "w3c" or (source.format == "tsv" and head.startswith("#"))
    if source.header:
        return Layout(source.header, comments, has_header=False)
    if comments:
        mark = "#Fields:" if source.format == "w3c" else "#fields"
        lines = (line for line in head.splitlines() if line.startswith(mark))
        fields = next(lines, "").removeprefix(mark).split()
        return Layout(tuple(fields), comments, has_header=False) if fields else None
    line = head.partition("\n")[0].rstrip("\r")
    if not line.strip():
        return None
    separator = separator_of(source)
    names = next(csv.reader([line], delimiter=separator)) if source.quotes else line.split(separator)
    named = (name.strip() or f"column_{number}" for number, name in enumerate(names, 1))
    return Layout(tuple(named), comments, has_header=True)


def needed_columns(source: Input) -> list[str]:
    """Return the columns of the files that a mapping reads; a field of a JSON column needs that column."""
    columns = [
        next((column for column in source.json if name.startswith(f"{column}.")), name)
        for name in source.names
    ]
    return list(dict.fromkeys(columns))
