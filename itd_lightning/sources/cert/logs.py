"""Lines of one CSV log -> typed event rows and refused rows.

Every record after the header is one row read; it is kept or refused with a reason, never lost. A block that
looks whole is parsed at once; only a block with something wrong is looked at line by line.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS, Kind
from itd_lightning.sources.base import REFUSED
from itd_lightning.sources.cert.record_ends import BESIDE_QUOTE, MAX_LINE, record_ends
from itd_lightning.sources.cert.releases import TIME_FORMAT, YEARS, Log

STRETCH = MAX_LINE // 2
SHORTEST = 16  # bytes of a line, on average; of a genuine one, 60
_SHORT_LINES = 10_000  # of which nothing is expected
_TIME_PATTERN = r"^\d{2}/\d{2}/\d{4} \d{2}:\d{2}:[0-5]\d$"


class _SplitRows(NamedTuple):
    """Some lines of a log, cut into fields.

    Attributes:
        rows: Whole rows: the log's columns as text, and ``line``, the number of the line in the file.
        refused: Lines that are no row: line and reason.
        lines: Lines in the text; more than rows where a quoted field goes over several.
    """

    rows: pl.DataFrame
    refused: pl.DataFrame
    lines: int


class _ParsedRows(NamedTuple):
    """Events and refused rows of some lines.

    Attributes:
        events: Events: the columns of ``EVENTS`` and ``line``.
        refused: Refused rows: line and reason.
    """

    events: pl.DataFrame
    refused: pl.DataFrame


def check_header(line: bytes, path: Path, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in a log's first line.

    Raises:
        InputError: If there are none, or some of these columns are not among them, or it has no end.
    """
    if len(line) >= MAX_LINE:
        raise InputError(f"{path} has a first line longer than 1 MiB; it must be {','.join(columns)}")
    names = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    if not names:
        raise InputError(f"{path} is empty: its first line must be {','.join(columns)}")
    header = tuple(name.strip().strip('"') for name in names.split(","))
    if missing := [name for name in columns if name not in header]:
        raise InputError(
            f"{path} lacks the column {', '.join(map(repr, missing))}; its first line is {names[:120]!r}"
        )
    if len(set(header)) < len(header):
        raise InputError(f"{path} names a column twice: {names[:120]!r}")
    return header


def split_fields(
    text: bytes, header: tuple[str, ...], log: Log, first_line: int, *, fits: bool = False
) -> _SplitRows:
    """Cut whole lines into fields.

    Args:
        text: Lines with their ends, LF or CRLF; where fields may be quoted, whole rows.
        header: Names of all columns of the file; those that the log does not need are ignored.
        log: What the file should hold.
        first_line: Number of the first line in its file.
        fits: Whether it is known that all quotes fit.

    Raises:
        InputError: If the lines are so short that to refuse them one by one would cost more than it tells.
    """
    lines = _count_bytes(text, b"\n")
    if lines > _SHORT_LINES + len(text) // SHORTEST:
        raise InputError(f"{log.name}.csv has {lines:,} nearly empty lines in a row; it is no log")
    plain = text.replace(b"\r\n", b"\n") if b"\r" in text else text
    rows = _split_clean(plain, lines, header, quoted=log.quoted, fits=fits)
    if rows is not None:
        return _SplitRows(
            rows.select(log.columns).with_row_index("line", offset=first_line), REFUSED.to_frame(), lines
        )
    text, numbers, refused = _split_line_by_line(
        text if log.quoted else plain, first_line, len(header), quoted=log.quoted
    )
    rows = _split_whole(text, header, quoted=log.quoted)
    return _SplitRows(
        rows.select(pl.Series("line", numbers, dtype=pl.UInt32), *log.columns),
        pl.DataFrame(refused, schema=REFUSED, orient="row"),
        lines,
    )


def parse_rows(rows: pl.DataFrame, log: Log, now: datetime) -> _ParsedRows:
    """Type rows of whole fields, and refuse those that are no event.

    Args:
        rows: As ``split_fields`` returns them.
        log: What they are rows of.
        now: Events after it are refused.
    """
    typed_once = {"time": _parse_time(), "kind": log.kind()}  # both are checked, and then kept
    checked = rows.with_columns(**typed_once).with_columns(reason=_row_fault(log, now))
    bad = checked.filter(pl.col("reason").is_not_null()).select("line", "reason")
    good = checked if bad.is_empty() else checked.filter(pl.col("reason").is_null())
    return _ParsedRows(_to_events(good, log), bad.match_to_schema(REFUSED))


def _count_bytes(text: bytes, byte: bytes) -> int:
    """Count a byte; four times as fast as ``bytes.count``."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord(byte)))


def _split_clean(
    text: bytes, lines: int, header: tuple[str, ...], *, quoted: bool, fits: bool
) -> pl.DataFrame | None:
    """Return all fields as text, "" as null; None if a line may be no whole row, or has a quoted line end."""
    if b"\0" in text or (not quoted and _count_bytes(text, b",") != lines * (len(header) - 1)):
        return None
    if quoted and not fits and not quotes_fit(text):
        return None
    # A line of MAX_LINE bytes covers one of these stretches.
    if any(text.find(b"\n", at, at + STRETCH) < 0 for at in range(0, len(text) - STRETCH, STRETCH)):
        return None
    try:
        rows = _split_whole(text, header, quoted=quoted)
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):  # too many fields, bad quotes, not UTF-8
        return None
    # Lines with too few and too many fields cancel out in the count of commas, but the latter raise.
    # Where commas may be quoted, a line with too few fields shows in an empty last one.
    whole = len(rows) == lines and not (quoted and rows[header[-1]].null_count())
    return rows if whole else None


def quotes_fit(lines: bytes) -> bool:
    """Return whether ``outside_quotes`` finds no fault in whole lines, from the bytes beside each quote."""
    signs = np.frombuffer(lines, np.uint8)
    quotes = np.flatnonzero(signs == ord('"'))
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing):
        return False
    # Before the first sign stands, as it were, the last one: a line end.
    return bool(BESIDE_QUOTE[signs[opening - 1]].all() and BESIDE_QUOTE[signs[closing + 1]].all())


def _split_whole(text: bytes, header: tuple[str, ...], *, quoted: bool) -> pl.DataFrame:
    """Return all fields of whole rows as text; an empty one is null, quoted or not."""
    if not text:
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String))
    # r4 has no quoting: a quote is a character like any other.
    schema, quote = dict.fromkeys(header, pl.String), '"' if quoted else None
    return pl.read_csv(text, has_header=False, schema=schema, quote_char=quote, null_values="")


def _split_line_by_line(
    text: bytes, first_line: int, width: int, *, quoted: bool
) -> tuple[bytes, list[int], list[tuple[int, str]]]:
    """Split text into its whole rows, their line numbers, and the lines and faults of the others."""
    whole: list[bytes] = []
    numbers: list[int] = []
    refused: list[tuple[int, str]] = []
    lines = text.removesuffix(b"\n").split(b"\n") if text and not quoted else []
    for number, row in _iterate_records(text, first_line) if quoted else enumerate(lines, first_line):
        if reason := _line_fault(row, width, quoted=quoted):
            refused.append((number, reason))
        else:
            whole.append(row)
            numbers.append(number)
    return b"".join(row + b"\n" for row in whole), numbers, refused


def _iterate_records(text: bytes, first_line: int) -> Iterator[tuple[int, bytes]]:
    """Yield each row and the number of its first line; a row with quoted line ends has several lines."""
    start = 0
    for end in record_ends(text, last=True).tolist():
        row = text[start:end]
        yield first_line, row.replace(b"\r\n", b"\n").removesuffix(b"\n")
        start, first_line = end, first_line + row.count(b"\n")


def outside_quotes(text: bytes, separator: bytes = b",") -> list[bytes] | None:
    """Return the text outside of quoted fields; None if a quote is unclosed, or begins or ends no field.

    A doubled quote closes its field and opens it again, with nothing between.

    Args:
        text: Whole rows.
        separator: The sign between two fields.

    Example:
        >>> outside_quotes(b'1,"two, three",4')
        [b'1,', b',4']
    """
    parts = text.split(b'"')
    outside, bounds = parts[::2], (b"", separator, b"\n")
    opens = all(part[-1:] in bounds for part in outside[:-1])
    closes = all(part[:1] in bounds for part in outside[1:])
    return outside if len(parts) % 2 and opens and closes else None


def _line_fault(row: bytes, width: int, *, quoted: bool) -> str | None:
    """Return why a line is no row at all, or None."""
    if len(row) >= MAX_LINE:
        return "line longer than 1 MiB"
    if not row.strip():
        return "empty line"
    if b"\0" in row:
        return "NUL byte"
    try:
        text = row.decode()
    except UnicodeDecodeError:
        text = None
    outside = outside_quotes(row) if quoted else [row]
    if outside is None:
        return "unclosed or misplaced quote"
    fields = sum(part.count(b",") for part in outside) + 1
    if fields != width:
        return f"expected {width} fields, got {fields}"
    return "invalid UTF-8" if text is None else None


def _row_fault(log: Log, now: datetime) -> pl.Expr:
    """Return the reason to refuse a row of whole fields, or null."""
    repeated = (pl.col("id") == "id") & (pl.col("date") == "date")
    checks = [pl.when(repeated).then(pl.lit("repeated header"))]
    checks += [pl.when(pl.col(name).is_null()).then(pl.lit(f"empty {name}")) for name in ("id", "user", "pc")]
    checks += [pl.when(pl.col("time").is_null()).then(pl.lit("unparsable date"))]
    checks += [pl.when(~pl.col("time").dt.year().is_between(*YEARS)).then(pl.lit("implausible year"))]
    checks += [pl.when(pl.col("time") > now).then(pl.lit("date in the future"))]
    checks += [
        pl.when(pl.col(name).cast(EVENTS[name], strict=False).is_null()).then(
            pl.lit(f"{name} is not a whole number")
        )
        for name in log.numbers
    ]
    checks += [
        pl.when(pl.col(name).is_in(["True", "False"]).fill_null(value=False).not_()).then(
            pl.lit(f"{name} is neither True nor False")
        )
        for name in log.flags
    ]
    checks += [pl.when(pl.col("kind").is_null()).then(pl.lit("unknown activity"))]
    return pl.coalesce(checks)


def _parse_time() -> pl.Expr:
    """Return the naive local time of a raw row; null where it cannot be parsed."""
    time = pl.col("date").str.to_datetime(TIME_FORMAT, time_unit="us", strict=False)
    # The parser would also take 1/2/10, blanks for zeros, a 61st second, or a date that runs into its hour.
    return pl.when(pl.col("date").str.contains(_TIME_PATTERN)).then(time)


def _to_events(raw: pl.DataFrame, log: Log) -> pl.DataFrame:
    """Turn raw text columns into the columns of ``EVENTS`` and the line number."""
    filled = {
        "event_id": pl.col("id"),
        "user": pl.col("user"),
        "time": pl.col("time"),
        "pc": pl.col("pc"),
        "kind": pl.col("kind").cast(Kind),
        **log.events,
    }
    columns = [filled.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in EVENTS.items()]
    return raw.select(*columns, pl.col("line").cast(pl.UInt32))
