"""One CSV log -> typed event rows and refused rows, block by block, in bounded memory.

Every line after the header is one row read; it is kept or refused with a reason, never lost.
A block that looks whole is parsed at once; only a block with something wrong is looked at line by line.
"""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import polars as pl

from itd_lightning.cert.releases import TIME_FORMAT, YEARS, Log
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS, REJECTS, Kind

BLOCK_BYTES = 32 << 20
TIME_PATTERN = r"^\d{2}/\d{2}/\d{4} \d{2}:\d{2}:[0-5]\d$"


class Block(NamedTuple):
    """A run of lines of one log.

    Attributes:
        rows: Kept events: the columns of ``EVENTS`` and ``line``, the line number in the file (header: 1).
        rejects: Refused rows: the columns of ``REJECTS``.
        read: Lines in the block; ``read == len(rows) + len(rejects)``.
        bytes_done: Bytes of the file up to the end of this block.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    read: int
    bytes_done: int


class LogReader:
    """Reads one log of a release; iterate over it once.

    Args:
        path: The CSV file. LF or CRLF ends, with or without a byte-order mark; extra columns are ignored.
        log: What the file should hold.

    Raises:
        InputError: If the file is missing, has no header, or lacks a column.
    """

    def __init__(self, path: Path, log: Log) -> None:
        if not path.is_file():
            raise InputError(f"{path.parent} has no {path.name}; a release needs it")
        self.path, self.log = path, log
        self.fingerprint = blake2b(digest_size=16)
        with path.open("rb") as file:
            self.header = read_header(file, path, log)

    def __iter__(self) -> Iterator[Block]:
        """Yield the file's blocks in order."""
        with self.path.open("rb") as file:
            self.fingerprint.update(file.readline())
            first_line = 2
            for text in whole_lines(file):
                self.fingerprint.update(text)
                lines = text.replace(b"\r\n", b"\n") if b"\r" in text else text
                rows, rejects = self.parse(lines, first_line)
                read = text.count(b"\n")
                first_line += read
                yield Block(rows, rejects, read, file.tell())

    def parse(self, text: bytes, first_line: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Parse whole lines into kept and refused rows."""
        refused: list[tuple[int, str]] = []
        raw = parse_at_once(text, self.header)
        if raw is None:
            text, numbers, refused = sift(text, first_line, len(self.header))
            raw = parse_at_once(text, self.header)
            if raw is None:  # the sifted lines are whole by construction
                raise InputError(f"{self.path} cannot be read as CSV near line {first_line}")
            raw = raw.select(self.log.columns).with_columns(pl.Series("line", numbers, dtype=pl.UInt32))
        else:
            raw = raw.select(self.log.columns).with_row_index("line", offset=first_line)
        typed_once = {"time": parsed_time(), "kind": self.log.kind()}  # both are checked, and then kept
        checked = raw.with_columns(**typed_once).with_columns(reason=fault(self.log))
        bad = checked.filter(pl.col("reason").is_not_null()).select("line", "reason")
        structural = pl.DataFrame(refused, schema={"line": pl.UInt32, "reason": pl.String}, orient="row")
        rejects = pl.concat([structural, bad]).sort("line").select(pl.lit(self.path.name).alias("file"), "*")
        return typed(checked.filter(pl.col("reason").is_null()), self.log), rejects.match_to_schema(REJECTS)


def read_header(file: BinaryIO, path: Path, log: Log) -> tuple[str, ...]:
    """Read the first line and check that every needed column is there."""
    names = file.readline().removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    if not names:
        raise InputError(f"{path} is empty: its first line must be {','.join(log.columns)}")
    header = tuple(name.strip() for name in names.split(","))
    if lacking := [name for name in log.columns if name not in header]:
        raise InputError(
            f"{path} lacks the column {', '.join(map(repr, lacking))}; its first line is {names[:120]!r}"
        )
    if len(set(header)) < len(header):
        raise InputError(f"{path} names a column twice: {names[:120]!r}")
    return header


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Cut a file into blocks that end at a line end; the last line may lack its own."""
    rest = b""
    while block := file.read(BLOCK_BYTES):
        text, cut, tail = (rest + block).rpartition(b"\n")
        rest = tail
        if cut:
            yield text + cut
    if rest:
        yield rest + b"\n"


def parse_at_once(text: bytes, header: tuple[str, ...]) -> pl.DataFrame | None:
    """All fields as text, "" as null; None if a line is not UTF-8 or has another number of fields."""
    lines = text.count(b"\n")
    if b"\0" in text or text.count(b",") != lines * (len(header) - 1):
        return None
    if not lines:
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String))
    try:
        rows = pl.read_csv(
            text,
            has_header=False,
            schema=dict.fromkeys(header, pl.String),
            quote_char=None,  # r4.2 has no quoting: a quote is a character like any other
        )
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):  # too many fields in a line, or not UTF-8
        return None
    # Lines with too few and too many fields cancel out in the count of commas, but the latter raise.
    return rows if len(rows) == lines else None


def sift(text: bytes, first_line: int, width: int) -> tuple[bytes, list[int], list[tuple[int, str]]]:
    """Split a block into its whole lines, their numbers, and what is wrong with the others."""
    whole: list[bytes] = []
    numbers: list[int] = []
    refused: list[tuple[int, str]] = []
    for number, line in enumerate(text.removesuffix(b"\n").split(b"\n"), first_line):
        if reason := broken(line, width):
            refused.append((number, reason))
        else:
            whole.append(line)
            numbers.append(number)
    return b"".join(line + b"\n" for line in whole), numbers, refused


def broken(line: bytes, width: int) -> str | None:
    """Why a line is no row at all, or None."""
    if not line.strip():
        return "empty line"
    if b"\0" in line:
        return "NUL byte"
    if (fields := line.count(b",") + 1) != width:
        return f"expected {width} fields, got {fields}"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "invalid UTF-8"
    return None


def fault(log: Log) -> pl.Expr:
    """Reason to refuse a row of whole fields, or null."""
    repeated = (pl.col("id") == "id") & (pl.col("date") == "date")
    checks = [pl.when(repeated).then(pl.lit("repeated header"))]
    checks += [pl.when(pl.col(name).is_null()).then(pl.lit(f"empty {name}")) for name in ("id", "user", "pc")]
    checks += [pl.when(pl.col("time").is_null()).then(pl.lit("unparsable date"))]
    checks += [pl.when(~pl.col("time").dt.year().is_between(*YEARS)).then(pl.lit("implausible year"))]
    checks += [
        pl.when(pl.col(name).cast(EVENTS[name], strict=False).is_null()).then(
            pl.lit(f"{name} is not a whole number")
        )
        for name in log.numbers
    ]
    checks += [pl.when(pl.col("kind").is_null()).then(pl.lit("unknown activity"))]
    return pl.coalesce(checks)


def parsed_time() -> pl.Expr:
    """Naive local time of a raw row; null where it cannot be parsed."""
    time = pl.col("date").str.to_datetime(TIME_FORMAT, time_unit="us", strict=False)
    # The parser would also take 1/2/10, blanks for zeros, a 61st second, or a date that runs into its hour.
    return pl.when(pl.col("date").str.contains(TIME_PATTERN)).then(time)


def typed(raw: pl.DataFrame, log: Log) -> pl.DataFrame:
    """Raw text columns -> the columns of ``EVENTS``, and the line number."""
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
