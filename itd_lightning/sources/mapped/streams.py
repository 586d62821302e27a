"""The bytes of a log file as a stream of text in UTF-8: unpacked, decoded, a JSON array as a line a record.

Nothing is ever in memory as a whole.
"""

import bz2
import codecs
import gzip
import json
import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import polars as pl
from polars.exceptions import PolarsError

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.mapped.mapping import Input
from itd_lightning.sources.mapped.windows_xml import event_lines

BLOCK = 1 << 20  # bytes
LONGEST = 1 << 20  # bytes of a row
REWRITTEN = ("json", "xml")  # formats that become lines of JSON
_RATIO = 8  # times its size that a packed log has, about
PACKED = (".gz", ".bz2", ".zst")
_ZSTD = b"\x28\xb5\x2f\xfd"
_BOM16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPACE = re.compile(r"[\s,]*")
_NEXT_OBJECT = re.compile(r"\}\s*,\s*(?=\{)")


def needs_stream(path: Path, source: Input) -> bool:
    """Return whether a file has to be unpacked or rewritten before rows can be cut out of it."""
    if path.suffix in PACKED or source.format in REWRITTEN:
        return True
    return _encoding(path, source) != "utf-8"


def read_stream(path: Path, source: Input) -> Generator[bytes, None, None]:
    """Yield the text of a file in blocks.

    Raises:
        InputError: If it is damaged or cut short, or is not in its encoding.
    """
    try:
        blocks = _unpack(path)
        if (encoding := _encoding(path, source)) != "utf-8":
            blocks = _decode(blocks, encoding)
        yield from _LINES[source.format](blocks) if source.format in REWRITTEN else blocks
    except (EOFError, zlib.error, PolarsError, UnicodeError) as error:
        raise InputError(f"{path} is damaged or cut short: {' '.join(str(error).split())[:120]}") from error
    except OSError as error:
        if error.errno:  # a full disk, say, is not the file's fault
            raise
        raise InputError(f"{path} is damaged or cut short: {error}") from error


def text_size(path: Path) -> int:
    """Return the bytes of the text of a file; of one that is packed, about."""
    return path.stat().st_size * (_RATIO if path.suffix in (*PACKED, ".parquet") else 1)


def read_beginning(path: Path, source: Input, size: int) -> bytes:
    """Return the first bytes of the text of a file."""
    text = b""
    with closing(read_stream(path, source)) as blocks:
        for block in blocks:
            text += block
            if len(text) >= size:
                break
    return text[:size]


def _unpack(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked by its ending."""
    if path.suffix == ".zst":
        with path.open("rb") as file:
            if file.read(4) != _ZSTD:
                raise EOFError("it does not begin as zstd does")
        for batch in pl.scan_lines(path, glob=False).collect_batches(maintain_order=True):
            yield "".join(f"{line}\n" for line in batch["line"].to_list()).encode()
        return
    with _open(path) as file:
        while block := file.read(BLOCK):
            yield block


def _open(path: Path) -> BufferedIOBase:
    """Open a file, unpacked."""
    if path.suffix == ".gz":
        return cast("BufferedIOBase", gzip.open(path))
    return cast("BufferedIOBase", bz2.open(path)) if path.suffix == ".bz2" else path.open("rb")


def _encoding(path: Path, source: Input) -> str:
    """Return the encoding of a file; exports of Windows tools may be UTF-16, and say so."""
    encoding = codecs.lookup(source.encoding).name
    if encoding == "utf-8" and path.suffix not in PACKED:
        with path.open("rb") as file:
            return "utf-16" if file.read(2) in _BOM16 else "utf-8"
    return encoding


def _decode(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield text in another encoding as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in blocks:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


def _array_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the records of a JSON array as lines; what is no JSON becomes a line that nobody can read.

    An object whose first list holds the records, such as ``{"value": [...]}``, is such an array too.
    """
    # Bytes that are no UTF-8 come out as they went in, and their row is refused.
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text = ""
    within = False
    for block in blocks:
        text += decoder.decode(block)
        if not within:
            start = text.find("[")
            if start < 0 and len(text) <= LONGEST:
                continue
            text, within = text[start + 1 :], True
        lines, text = _take_records(text, last=False)
        yield _encode(lines)
    lines, rest = _take_records(text, last=True)
    yield _encode([*lines, rest] if rest.strip() else lines)


_LINES = {"json": _array_lines, "xml": event_lines}


def _take_records(text: str, *, last: bool) -> tuple[list[str], str]:
    """Return the records at the beginning of the inside of an array, and the rest."""
    scan = json.JSONDecoder().raw_decode
    lines: list[str] = []
    start = _skip_space(text, 0)
    while start < len(text):
        if text[start] == "]":
            return lines, ""
        try:
            _, end = scan(text, start)
        except (ValueError, RecursionError):
            following = _NEXT_OBJECT.search(text, start)
            if following is None or not (last or len(text) - start > LONGEST):
                break
            end = following.start() + 1
        if end == len(text) and not last:  # a number may go on
            break
        lines.append(text[start:end])
        start = _skip_space(text, end)
    return lines, text[start:]


def _skip_space(text: str, start: int) -> int:
    """Return where the next record begins."""
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _encode(lines: list[str]) -> bytes:
    """Return records as lines; a line end between two of their fields is a space."""
    plain = (line.replace("\r", " ").replace("\n", " ") for line in lines)
    return "".join(f"{line}\n" for line in plain).encode("utf-8", "surrogateescape")
