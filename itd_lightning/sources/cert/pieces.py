"""A large log in pieces that can be read one without the other, and a piece in blocks of whole rows.

A piece holds the rows that begin in its share of the file, so that the pieces of a file do not depend on who
reads them, nor in which order.
"""

from collections.abc import Generator, Iterator
from io import BufferedIOBase
from itertools import accumulate, groupby, islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.logs import SHORTEST
from itd_lightning.sources.cert.record_ends import MAX_LINE, REACH, fitting_end, line_ends, record_ends

PIECE = 128 << 20  # bytes; as much as a kill can cost
BLOCK = 8 << 20  # bytes parsed at once: small enough for memory to be reused
SCAN = 1 << 20  # bytes looked at once for where rows end: twice as fast as in blocks that leave the cache


class Piece(NamedTuple):
    """Some whole rows of a log.

    Attributes:
        log: Name of the log.
        number: Place among the log's pieces, from 0.
        path: File that holds them.
        start: First byte of the piece.
        stop: First byte after it.
        header: First line of the log.
        ends: Ends of blocks of whole rows, counted from the piece's first byte, so that nobody checks quotes
            twice. Empty if it is not known that all quotes in the piece fit.
    """

    log: str
    number: int
    path: Path
    start: int
    stop: int
    header: bytes
    ends: tuple[int, ...] = ()

    @property
    def file(self) -> str:
        """Name of the log's file."""
        return f"{self.log}.csv"

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stop - self.start


class _TextBlock(NamedTuple):
    """Some bytes of a log.

    Attributes:
        text: The bytes.
        is_whole: Whether the last record in them ends there; it does not where it is too long for memory.
        fits: Whether it is known that all quotes in them fit.
    """

    text: bytes
    is_whole: bool
    fits: bool


def read_header(file: BufferedIOBase) -> bytes:
    """Return the first line; of an endless one, the beginning."""
    line = file.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        _skip_line(file)
    return line


def cut_log(path: Path, log: str, *, quoted: bool) -> Iterator[Piece]:
    """Cut a log on disk; where quotes may hold line ends, it is read once for that, just ahead of who parses.

    Args:
        path: The CSV file.
        log: Its name.
        quoted: Whether a row may have line ends within quotes; a piece begins where a row does.
    """
    size = path.stat().st_size
    last = _count_pieces(size) - 1
    with path.open("rb") as file:
        header = read_header(file)
        start = file.tell()
        parts = _quoted_parts(file, size) if quoted else _plain_parts(file, size)
        for number, (length, ends) in enumerate(islice(parts, last)):
            yield Piece(log, number, path, start, start + length, header, ends)
            start += length
    yield Piece(log, last, path, start, size, header)


def _count_pieces(size: int) -> int:
    """Return the number of pieces of a log of so many bytes."""
    return max(1, -(-size // PIECE))


def _plain_parts(file: BufferedIOBase, size: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield length and ends of each piece but the last of a log whose rows are lines."""
    start = file.tell()
    for share in range(PIECE, size, PIECE):
        if start < share:
            file.seek(share - 1)
            _skip_line(file)
            yield file.tell() - start, ()
            start = file.tell()
        else:
            yield 0, ()


def _quoted_parts(file: BufferedIOBase, size: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield length and ends of each piece of a log whose rows may have line ends within quotes."""
    for _, parts in groupby(split_by_piece(file, size, min(BLOCK, SCAN), quoted=True), itemgetter(0)):
        blocks = [(len(block.text), block.fits) for _, block in parts if block.text]
        ends = tuple(accumulate(length for length, _ in blocks))
        yield ends[-1] if ends else 0, ends if all(fits for _, fits in blocks) else ()


def split_by_piece(
    file: BufferedIOBase, size: int, block: int, *, quoted: bool
) -> Iterator[tuple[int, _TextBlock]]:
    """Yield a log behind its header, each part with the number of its piece; no piece is left out.

    Args:
        file: The log, read up to the end of its header.
        size: Its bytes.
        block: Bytes in memory, about.
        quoted: Whether a row may have line ends within quotes.
    """
    position, number, last = file.tell(), 0, _count_pieces(size) - 1
    empty = _TextBlock(b"", is_whole=True, fits=True)
    yield 0, empty
    while number < last and position >= (number + 1) * PIECE:  # within the header
        number += 1
        yield number, empty
    for part in _read_records(file, size - position, block, quoted=quoted):
        text, done = part.text, 0
        until = position + len(text)
        while number < last and part.is_whole and until >= (number + 1) * PIECE:
            ends = record_ends(text, last=True) if quoted else line_ends(text, last=True)
            cut = max(int(ends[np.searchsorted(ends, (number + 1) * PIECE - position)]), done)
            yield number, part._replace(text=text[done:cut])
            done, number = cut, number + 1
            yield number, empty
        yield number, part._replace(text=text[done:]) if done else part
        position = until


def _read_records(file: BufferedIOBase, size: int, block: int, *, quoted: bool) -> Iterator[_TextBlock]:
    """Yield whole records in blocks; one that is too long for memory comes in parts.

    Args:
        file: A log, at the beginning of a record.
        size: Bytes to read.
        block: Bytes of a block, about.
        quoted: Whether a row may have line ends within quotes.

    Raises:
        InputError: If the file ends before.
    """
    most = max(block, 2 * MAX_LINE + (REACH if quoted else 0))
    text, left, window = b"", size, block
    while text or left:
        if len(text) < window:
            part = _read_whole(file, min(window - len(text), left))
            text, left = text + part if text else part, left - len(part)
        end, fits = _block_end(text, block, last=not left, quoted=quoted)
        if end:
            yield _TextBlock(text[:end], is_whole=True, fits=fits)
            text, window = text[end:], block
        elif window < most:
            window = most
        else:
            yield _TextBlock(text, is_whole=False, fits=False)
            left -= yield from _rest_of_line(file, left)
            text, window = b"", block


def _block_end(text: bytes, block: int, *, last: bool, quoted: bool) -> tuple[int, bool]:
    """Return where the last record ends that ends in a block, 0 if none does; and whether all quotes fit.

    The first record may be longer than the block.
    """
    if not quoted:
        whole = len(text) if last else 0
        if whole and whole <= block:
            return whole, False
        return text.rfind(b"\n", 0, block) + 1 or text.find(b"\n") + 1 or whole, False
    if len(text) <= min(block, REACH) and (end := fitting_end(text)):
        return end, True
    ends = record_ends(text, last=last)
    return (int(ends[max(int(np.searchsorted(ends, block, side="right")), 1) - 1]) if len(ends) else 0), False


def _rest_of_line(file: BufferedIOBase, left: int) -> Generator[_TextBlock, None, int]:
    """Yield the parts of a line up to its end; return how many bytes they have."""
    done, ends = 0, False
    while not ends:
        part = file.readline(min(MAX_LINE, left - done))
        done += len(part)
        ends = part.endswith(b"\n") or done >= left or not part
        yield _TextBlock(part, is_whole=ends, fits=False)
    return done


def _read_whole(file: BufferedIOBase, size: int) -> bytes:
    """Read so many bytes.

    Raises:
        InputError: If there are fewer.
    """
    part = file.read(size)
    if len(part) < size:
        raise InputError(f"{getattr(file, 'name', 'a log')} became shorter while it was read")
    return part


def _skip_line(file: BufferedIOBase) -> None:
    """Go behind the next line end, however far that is, or to the end of the file."""
    while (part := file.readline(MAX_LINE)) and not part.endswith(b"\n"):
        pass


def read_blocks(piece: Piece, digest: xxh3_128, *, quoted: bool) -> Iterator[_TextBlock]:
    """Yield the rows of a piece in blocks; the last line gets an end if it lacks one.

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
        size = piece.stop - piece.start
        blocks = (
            _read_known(file, piece.ends) if piece.ends else _read_records(file, size, BLOCK, quoted=quoted)
        )
        for block in blocks:
            digest.update(block.text)
            end = b"" if block.text.endswith(b"\n") or not block.is_whole else b"\n"
            if within or not block.is_whole:
                lines, within = lines + block.text.count(b"\n") + len(end), not block.is_whole
                if not within:
                    yield _TextBlock(_placeholder_row(lines, quoted=quoted), is_whole=True, fits=False)
                    lines = 0
            else:
                yield block._replace(text=block.text + end) if end else block


def _read_known(file: BufferedIOBase, ends: tuple[int, ...]) -> Iterator[_TextBlock]:
    """Yield blocks that end at some of these places, as large as ``BLOCK`` allows; all quotes in them fit."""
    start = 0
    for end, following in pairwise([*ends, ends[-1] + BLOCK + 1]):
        if following - start > BLOCK:
            yield _TextBlock(_read_whole(file, end - start), is_whole=True, fits=True)
            start = end


def _placeholder_row(lines: int, *, quoted: bool) -> bytes:
    """Return a row of so many lines that is refused for its length, in place of one as long."""
    long = b"x" * (MAX_LINE + SHORTEST * lines)
    return b'"' + long + b"\n" * (lines - 1) + b'"\n' if quoted else long + b"\n"
