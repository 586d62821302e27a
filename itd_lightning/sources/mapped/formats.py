"""A piece of text -> columns of text, one row a row; what is no row is refused with a reason.

A piece that is whole is read at once. Only in one with a fault is each row looked at.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.base import REFUSED
from itd_lightning.sources.cert.logs import outside_quotes
from itd_lightning.sources.mapped.mapping import QUOTED, Input
from itd_lightning.sources.mapped.pieces import Layout, needed_columns, separator_of
from itd_lightning.sources.mapped.streams import LONGEST

_LF, _QUOTE = ord("\n"), ord('"')
_BLOCK = 1 << 18  # bytes, which fit into a cache
_REACH = 200  # lines within which a quote must close
_Lines = NDArray[np.uint32]


class RawRows(NamedTuple):
    """The rows of a piece.

    Attributes:
        rows: Columns that the mapping reads.
        line: Line of each row in the piece, from 0.
        refused: Columns of ``REFUSED``.
        lines: Number of lines in the piece.
    """

    rows: pl.DataFrame
    line: _Lines
    refused: pl.DataFrame
    lines: int


class _Records(NamedTuple):
    """Rows as bytes, the line of each, and those that are none."""

    whole: list[bytes]
    line: list[int]
    refused: list[tuple[int, str]]


def read_text(text: bytes, layout: Layout, source: Input, *, first: bool) -> RawRows:
    """Return the rows of a piece of text.

    Args:
        text: Whole lines.
        layout: Columns of its file.
        source: What the mapping says about it.
        first: Whether the file begins with this piece.
    """
    if first:
        text = text.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    if text and not text.endswith(b"\n"):
        text += b"\n"
    skipped = 0
    if first and layout.has_header:
        text, skipped = text[text.find(b"\n") + 1 :], 1
    ends = _line_ends(text)
    lines, numbers = len(ends), None
    if layout.comments and (text.startswith(b"#") or b"\n#" in text):
        if not source.header:
            _check_comments(text, layout)
        text, numbers = _drop_comments(text)
        ends = _line_ends(text)
    raw = _read_columns(text, ends, layout, source) if layout.columns else _read_objects(text, ends, source)
    line, refused = raw.line, raw.refused
    if numbers is not None:
        line = numbers[line]
        refused = refused.with_columns(line=pl.Series(numbers[refused["line"].to_numpy()]))
    return RawRows(
        _decode_json(raw.rows, source),
        line + np.uint32(skipped),
        refused.with_columns(pl.col("line") + skipped),
        lines + skipped,
    )


def _no_rows(names: Iterable[str]) -> pl.DataFrame:
    """Return a table without rows."""
    return pl.DataFrame(schema=dict.fromkeys(names, pl.String))


def _line_ends(text: bytes) -> NDArray[np.intp]:
    """Return the places of the line ends."""
    return _places(np.frombuffer(text, np.uint8), _LF)


def _places(signs: NDArray[np.uint8], sign: int) -> NDArray[np.intp]:
    """Return the places of a sign; block by block, since fresh memory costs more than the comparison."""
    starts = range(0, max(len(signs), 1), _BLOCK)
    return np.concatenate([np.flatnonzero(signs[start : start + _BLOCK] == sign) + start for start in starts])


def _drop_comments(text: bytes) -> tuple[bytes, _Lines]:
    """Return text without lines that begin with #, and the number of each line that stays."""
    lines = text.split(b"\n")[:-1]
    numbers = [number for number, line in enumerate(lines) if not line.startswith(b"#")]
    return b"".join(lines[number] + b"\n" for number in numbers), np.array(numbers, np.uint32)


def _check_comments(text: bytes, layout: Layout) -> None:
    """Refuse a file that changes its columns on the way, as logs that were put together may."""
    for line in re.findall(rb"^#fields:?[ \t](.*)$", text, re.MULTILINE | re.IGNORECASE):
        if tuple(line.decode("utf-8", "replace").split()) != layout.columns:
            words = line.decode("utf-8", "replace")[:120]
            raise InputError(f"a file changes its columns on the way, to {words!r}; split it there")


def _read_columns(text: bytes, ends: NDArray[np.intp], layout: Layout, source: Input) -> RawRows:
    """Return the rows of text with columns."""
    separator = separator_of(source)
    line = _row_lines(text, ends, len(layout.columns), separator.encode(), quotes=source.quotes)
    if line is not None:
        rows = _split(text, layout, source)
        if rows is not None and len(rows) == len(line):
            return RawRows(rows, line, REFUSED.to_frame(), 0)
    records = _column_records(text, len(layout.columns), separator.encode(), quotes=source.quotes)
    return _read_whole(records, lambda text: _split(text, layout, source), _no_rows(needed_columns(source)))


def _row_lines(
    text: bytes, lines: NDArray[np.intp], width: int, separator: bytes, *, quotes: bool
) -> _Lines | None:
    """Return the first line of each row; None if one may be no row of so many fields."""
    if b"\0" in text:
        return None
    signs = np.frombuffer(text, np.uint8)
    separators, ends = _places(signs, ord(separator)), lines
    marks = _places(signs, _QUOTE) if quotes else np.empty(0, np.intp)
    if len(marks):
        if not _quotes_fit(signs, marks, separator):
            return None
        ends = lines[np.searchsorted(marks, lines) % 2 == 0]
        separators = separators[np.searchsorted(marks, separators) % 2 == 0]
    fields = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    if (fields != width).any() or _has_bad_length(ends):
        return None
    first = (
        np.arange(len(lines))
        if len(ends) == len(lines)
        else np.searchsorted(lines, np.r_[-1, ends[:-1]], side="right")
    )
    return np.asarray(first, np.uint32)


def _has_bad_length(ends: NDArray[np.intp]) -> bool:
    """Return whether a row is empty or too long, by the ends of all."""
    lengths = np.diff(ends, prepend=-1)
    return bool(len(lengths)) and bool(lengths.min() <= 1 or lengths.max() > LONGEST)


def _quotes_fit(signs: NDArray[np.uint8], marks: NDArray[np.intp], separator: bytes) -> bool:
    """Return whether every quote begins or ends a field, or is doubled."""
    if len(marks) % 2:
        return False
    beside = np.isin(np.arange(256), list(separator + b'\n"'))
    # Before the first sign stands, as it were, the last one: a line end.
    return bool(beside[signs[marks[::2] - 1]].all() and beside[signs[marks[1::2] + 1]].all())


def _split(text: bytes, layout: Layout, source: Input) -> pl.DataFrame | None:
    """Return the columns that are needed; None if something is no UTF-8, or no row."""
    names = needed_columns(source)
    if not text:
        return _no_rows(names)
    try:
        rows = pl.read_csv(
            text,
            has_header=False,
            schema=dict.fromkeys(layout.columns, pl.String),
            columns=sorted(layout.columns.index(name) for name in names if name in layout.columns),
            separator=separator_of(source),
            quote_char='"' if source.quotes else None,
            null_values=list(source.nulls) or None,
        )
    except PolarsError:
        return None
    absent = (pl.lit(None, pl.String).alias(name) for name in names if name not in layout.columns)
    return rows.with_columns(absent).select(names)


def _column_records(text: bytes, width: int, separator: bytes, *, quotes: bool) -> _Records:
    """Return the whole rows of text with columns, and why the others are none."""
    records = _Records([], [], [])
    for number, row in _iterate_rows(text.split(b"\n")[:-1], separator, quotes=quotes):
        if reason := _row_fault(row, width, separator, quotes=quotes):
            records.refused.append((number, reason))
        else:
            records.whole.append(row)
            records.line.append(number)
    return records


def _iterate_rows(lines: list[bytes], separator: bytes, *, quotes: bool) -> Iterator[tuple[int, bytes]]:
    """Yield each row and its first line; a quote joins lines only if the row that results is a sound one."""
    if not quotes:
        yield from enumerate(lines)
        return
    odd = [number for number, line in enumerate(lines) if line.count(b'"') % 2]
    following = 0
    number = 0
    while number < len(lines):
        while following < len(odd) and odd[following] <= number:
            following += 1
        row, step = lines[number], 1
        if row.count(b'"') % 2 and following < len(odd) and odd[following] - number < _REACH:
            joined = b"\n".join(lines[number : odd[following] + 1])
            if outside_quotes(joined, separator) is not None:
                row, step = joined, odd[following] + 1 - number
        yield number, row
        number += step


def _row_fault(row: bytes, width: int, separator: bytes, *, quotes: bool) -> str | None:
    """Return why a row is none, or None."""
    if fault := _line_fault(row):
        return fault
    outside = outside_quotes(row, separator) if quotes else [row]
    if outside is None:
        return "unclosed or misplaced quote"
    fields = sum(part.count(separator) for part in outside) + 1
    return None if fields == width else f"expected {width} fields, got {fields}"


def _line_fault(row: bytes) -> str | None:
    """Return why a line of any format is no row, or None."""
    if len(row) >= LONGEST:
        return "line longer than 1 MiB"
    if not row.strip():
        return "empty line"
    if b"\0" in row:
        return "NUL byte"
    try:
        row.decode()
    except UnicodeDecodeError:
        return "invalid UTF-8"
    return None


def _read_objects(text: bytes, ends: NDArray[np.intp], source: Input) -> RawRows:
    """Return the rows of lines that are JSON objects."""
    lines = len(ends)
    if not _has_bad_length(ends):
        rows = _parse_objects(text, source.names)
        if rows is not None and len(rows) == lines:
            return RawRows(
                _drop_nulls(rows, source.nulls), np.arange(lines, dtype=np.uint32), REFUSED.to_frame(), 0
            )
    records = _Records([], [], [])
    for number, row in enumerate(text.split(b"\n")[:-1]):
        if reason := _line_fault(row) or _json_fault(row):
            records.refused.append((number, reason))
        else:
            records.whole.append(row)
            records.line.append(number)
    raw = _read_whole(records, lambda text: _parse_objects(text, source.names), _no_rows(source.names))
    return raw._replace(rows=_drop_nulls(raw.rows, source.nulls))


def _drop_nulls(rows: pl.DataFrame, nulls: tuple[str, ...]) -> pl.DataFrame:
    """Return rows without the texts that stand for no value."""
    return rows.with_columns(pl.all().replace(list(nulls), None)) if nulls and rows.width else rows


def _json_fault(row: bytes) -> str | None:
    """Return why a line is no JSON object, or None."""
    try:
        return None if isinstance(json.loads(row), dict) else "no JSON object"
    except (ValueError, RecursionError):
        return "no JSON"


def _read_whole(
    records: _Records, parse: Callable[[bytes], pl.DataFrame | None], empty: pl.DataFrame
) -> RawRows:
    """Return rows that look whole; one that cannot be read after all is found by halving, and refused."""
    frames: list[pl.DataFrame] = [empty]
    line: list[int] = []
    refused = list(records.refused)
    parts = [(0, len(records.whole))]
    while parts:
        start, stop = parts.pop()
        rows = parse(b"".join(row + b"\n" for row in records.whole[start:stop])) if stop > start else empty
        if rows is not None and len(rows) == stop - start:
            frames.append(rows)
            line += records.line[start:stop]
        elif stop - start == 1:
            refused.append((records.line[start], "cannot be read"))
        else:
            middle = (start + stop) // 2
            parts += [(middle, stop), (start, middle)]
    table = pl.DataFrame(sorted(refused), schema=REFUSED, orient="row")
    return RawRows(pl.concat(frames), np.array(line, np.uint32), table, 0)


def _parse_objects(text: bytes, names: Iterable[str]) -> pl.DataFrame | None:
    """Return fields of JSON objects, one a line, as text; None if a line is none.

    A dotted name is a field of that name, or else a field within a field. Of a key that an object has twice,
    the last counts.
    """
    names = list(names)
    if not text:
        return _no_rows(names)
    fields = names or ["-"]
    try:
        rows = pl.read_ndjson(BytesIO(text), schema=_object_schema(fields))
    except PolarsError:
        return None
    return rows.select(_field(name, fields).alias(name) for name in fields)


def _object_schema(names: list[str]) -> dict[str, Any]:
    """Return the schema of objects with these fields."""
    tree: dict[str, Any] = {}
    for name in names:
        if (path := _path(name, names)) is not None:
            level = tree
            for key in path[:-1]:
                level = level.setdefault(key, {})
            level.setdefault(path[-1], None)
    return {**dict.fromkeys(names, pl.String()), **{key: _dtype(part) for key, part in tree.items()}}


def _path(name: str, names: list[str]) -> list[str] | None:
    """Return the keys that lead to a field within fields; None if there can be none."""
    path = name.split(".")
    above = {".".join(path[:length]) for length in range(1, len(path))}
    return None if len(path) == 1 or not all(path) or above & set(names) else path


def _dtype(part: object) -> Any:  # noqa: ANN401 - a type of Polars
    """Return the type of a part of a tree of fields."""
    if not isinstance(part, dict):
        return pl.String()
    return pl.Struct({key: _dtype(below) for key, below in part.items()})


def _field(name: str, names: list[str]) -> pl.Expr:
    """Return the expression of a field."""
    path = _path(name, names)
    if path is None:
        return pl.col(name)
    nested = pl.col(path[0])
    for key in path[1:]:
        nested = nested.struct.field(key)
    return pl.coalesce(pl.col(name), nested)


def _decode_json(rows: pl.DataFrame, source: Input) -> pl.DataFrame:
    """Return rows with the fields of columns that hold JSON objects; where one holds none, they are null."""
    for column in source.json if source.format in QUOTED else ():
        names = [name.removeprefix(f"{column}.") for name in source.names if name.startswith(f"{column}.")]
        fields = _drop_nulls(_parse_column(rows[column], names), source.nulls)
        rows = rows.with_columns(fields.rename({name: f"{column}.{name}" for name in names}))
    return rows


def _parse_column(column: pl.Series, names: list[str]) -> pl.DataFrame:
    """Return fields of the JSON objects in a column; null where there is none."""
    texts = [b"{}" if text is None else text.replace("\n", " ").encode() for text in column.to_list()]
    fields = _parse_objects(b"".join(text + b"\n" for text in texts), names)
    if fields is not None and len(fields) == len(texts):
        return fields
    sound = [b"{}" if _json_fault(text) else text for text in texts]
    whole = _Records(sound, list(range(len(sound))), [])
    raw = _read_whole(whole, lambda text: _parse_objects(text, names), _no_rows(names))
    rows = pl.DataFrame({"row": np.arange(len(texts), dtype=np.uint32)})
    parsed = raw.rows.with_columns(row=pl.Series(raw.line, dtype=pl.UInt32))
    return rows.join(parsed, on="row", how="left", maintain_order="left").select(names)
