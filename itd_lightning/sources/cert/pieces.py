"""A large log in pieces that can be read one without the other, and a piece in blocks of whole rows.

A piece holds the rows that begin in its share of the file, so that the pieces of a file do not depend on who
reads them, nor in which order.
"""

from collections.abc import Generator, Iterator
from io import BufferedIOBase
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.logs import SHORTEST
from itd_lightning.sources.cert.records import MAX_LINE, REACH, Places, line_ends, record_ends

PIECE = 128 << 20  # bytes; as much as a kill can cost
BLOCK = 8 << 20  # bytes parsed at once: small enough for memory to be reused


class Piece(NamedTuple):
    """Some whole rows of a log.

    Attributes:
        log: Name of the log.
        number: Place among the log's pieces, from 0.
        path: File that holds them.
        start: First byte of the piece.
        stop: First byte after it.
        header: First line of the log.
    """

    log: str
    number: int
    path: Path
    start: int
    stop: int
    header: bytes


def read_header(file: BufferedIOBase) -> bytes:
    """The first line; of an endless one, the beginning."""
    line = file.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        skip_line(file)
    return line


def pieces(path: Path, log: str, *, quoted: bool) -> Iterator[Piece]:
    """Cut a log on disk; where quotes may hold line ends, it is read once for that, just ahead of who parses.

    Args:
        path: The CSV file.
        log: Its name.
        quoted: Whether a row may have line ends within quotes; a piece begins where a row does.
    """
    size = path.stat().st_size
    last = piece_count(size) - 1
    with path.open("rb") as file:
        header = read_header(file)
        start = file.tell()
        lengths = quoted_lengths(file, size) if quoted else plain_lengths(file, size)
        for number, length in enumerate(islice(lengths, last)):
            yield Piece(log, number, path, start, start + length, header)
            start += length
    yield Piece(log, last, path, start, size, header)


def piece_count(size: int) -> int:
    """Number of pieces of a log of so many bytes."""
    return max(1, -(-size // PIECE))


def plain_lengths(file: BufferedIOBase, size: int) -> Iterator[int]:
    """Bytes in each piece but the last of a log whose rows are lines."""
    start = file.tell()
    for share in range(PIECE, size, PIECE):
        if start < share:
            file.seek(share - 1)
            skip_line(file)
            yield file.tell() - start
            start = file.tell()
        else:
            yield 0


def quoted_lengths(file: BufferedIOBase, size: int) -> Iterator[int]:
    """Bytes in each piece of a log whose rows may have line ends within quotes."""
    for _, parts in groupby(by_piece(file, size, BLOCK, quoted=True), itemgetter(0)):
        yield sum(len(text) for _, text in parts)


def by_piece(file: BufferedIOBase, size: int, block: int, *, quoted: bool) -> Iterator[tuple[int, bytes]]:
    """Yield a log behind its header, each part with the number of its piece; no piece is left out.

    Args:
        file: The log, read up to the end of its header.
        size: Its bytes.
        block: Bytes in memory, about.
        quoted: Whether a row may have line ends within quotes.
    """
    position, number, last = file.tell(), 0, piece_count(size) - 1
    yield 0, b""
    while number < last and position >= (number + 1) * PIECE:  # within the header
        number += 1
        yield number, b""
    for text, ends in read_records(file, size - position, block, quoted=quoted):
        done = 0
        while number < last and len(ends) and position + ends[-1] >= (number + 1) * PIECE:
            cut = int(ends[np.searchsorted(ends, (number + 1) * PIECE - position)])
            yield number, text[done : max(cut, done)]
            done, number = max(cut, done), number + 1
            yield number, b""
        yield number, text[done:] if done else text
        position += len(text)


def read_records(
    file: BufferedIOBase, size: int, block: int, *, quoted: bool
) -> Iterator[tuple[bytes, Places]]:
    """Yield whole records in blocks, and where in each block records end.

    A record that is too long for memory comes in parts, all of which but the last hold no end.

    Args:
        file: A log, at the beginning of a record.
        size: Bytes to read.
        block: Bytes of a block, about.
        quoted: Whether a row may have line ends within quotes.

    Raises:
        InputError: If the file ends before.
    """
    ends_of = record_ends if quoted else line_ends
    most = max(block, 2 * MAX_LINE + (REACH if quoted else 0))
    text, left, window = b"", size, block
    while text or left:
        if len(text) < window:
            part = read_whole(file, min(window - len(text), left))
            text, left = text + part if text else part, left - len(part)
        ends = ends_of(text, last=not left)
        if len(ends):
            few = ends[: max(int(np.searchsorted(ends, block, side="right")), 1)]
            yield text[: few[-1]], few
            text, window = text[few[-1] :], block
        elif window < most:
            window = most
        else:
            yield text, ends
            left -= yield from rest_of_line(file, left)
            text, window = b"", block


def rest_of_line(file: BufferedIOBase, left: int) -> Generator[tuple[bytes, Places], None, int]:
    """Yield the parts of a line up to its end; return how many bytes they have."""
    done, ends = 0, False
    while not ends:
        part = file.readline(min(MAX_LINE, left - done))
        done += len(part)
        ends = part.endswith(b"\n") or done >= left or not part
        yield part, np.array([len(part)] if ends else [], np.intp)
    return done


def read_whole(file: BufferedIOBase, size: int) -> bytes:
    """Read so many bytes.

    Raises:
        InputError: If there are fewer.
    """
    part = file.read(size)
    if len(part) < size:
        raise InputError(f"{getattr(file, 'name', 'a log')} became shorter while it was read")
    return part


def skip_line(file: BufferedIOBase) -> None:
    """Go behind the next line end, however far that is, or to the end of the file."""
    while (part := file.readline(MAX_LINE)) and not part.endswith(b"\n"):
        pass


def whole_rows(piece: Piece, digest: xxh3_128, *, quoted: bool) -> Iterator[bytes]:
    """The rows of a piece, in blocks; the last line gets an end if it lacks one.

    Args:
        piece: Where the rows lie.
        digest: Takes in every byte.
        quoted: Whether a row may have line ends within quotes.

    Raises:
        InputError: If the file ends before the piece does.
    """
    with piece.path.open("rb") as file:
        file.seek(piece.start)
        lines, within = 0, False  # of a record that comes in parts
        for text, ends in read_records(file, piece.stop - piece.start, BLOCK, quoted=quoted):
            digest.update(text)
            whole = text if text.endswith(b"\n") or not len(ends) else text + b"\n"
            if within or not len(ends):
                lines, within = lines + whole.count(b"\n"), not len(ends)
                if not within:
                    yield stand_in(lines, quoted=quoted)
                    lines = 0
            else:
                yield whole


def stand_in(lines: int, *, quoted: bool) -> bytes:
    """One row of so many lines that will be refused for its length, as the one will that it stands for."""
    long = b"x" * (MAX_LINE + SHORTEST * lines)
    return b'"' + long + b"\n" * (lines - 1) + b'"\n' if quoted else long + b"\n"


def fingerprint(header: bytes, digests: list[str]) -> str:
    """Hash of a log: of its header and of the hashes of its pieces.

    XXH3 tells logs apart at the speed of memory; it is no proof against somebody who forges one.
    """
    whole = xxh3_128(header)
    for digest in digests:
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()
