"""A large log in pieces that can be read one without the other, and a piece in blocks of whole lines.

A piece holds the lines that begin in its share of the file, so that the pieces of a file do not depend on who
reads them, nor in which order.
"""

from collections.abc import Iterator
from io import BufferedIOBase
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.logs import MAX_LINE, RECORD

PIECE = 128 << 20  # bytes; as much as a kill can cost
BLOCK = 8 << 20  # bytes parsed at once: small enough for memory to be reused


class Piece(NamedTuple):
    """Some whole lines of a log.

    Attributes:
        log: Name of the log.
        number: Place among the log's pieces, from 0.
        path: File that holds the lines.
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


def pieces(path: Path, log: str, *, quoted: bool) -> list[Piece]:
    """Cut a log on disk.

    Args:
        path: The CSV file.
        log: Its name.
        quoted: Whether a row may have line ends within quotes; a piece then begins where a row does.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = read_header(file)
        cuts = [file.tell()]
        for share in range(PIECE, size, PIECE):
            cuts.append(next_row(file, share, quoted=quoted) if cuts[-1] < share else cuts[-1])
    cuts.append(size)
    return [Piece(log, number, path, *ends, header) for number, ends in enumerate(pairwise(cuts))]


def next_row(file: BufferedIOBase, position: int, *, quoted: bool) -> int:
    """First byte at or after a position at which a line begins, and a row, as far as that can be seen."""
    file.seek(position - 1)
    skip_line(file)
    found = file.tell()
    while quoted and file.tell() - position < MAX_LINE:
        here = file.tell()
        line = file.readline(MAX_LINE)
        if not line or RECORD.match(line):
            return here
    return found


def skip_line(file: BufferedIOBase) -> None:
    """Go behind the next line end, however far that is, or to the end of the file."""
    while (part := file.readline(MAX_LINE)) and not part.endswith(b"\n"):
        pass


def whole_rows(piece: Piece, digest: xxh3_128, *, quoted: bool) -> Iterator[bytes]:
    """The lines of a piece, in blocks that end where a row does; the last line gets an end if it lacks one.

    Args:
        piece: Where the lines lie.
        digest: Takes in every byte.
        quoted: Whether a row may have line ends within quotes.

    Raises:
        InputError: If the file ends before the piece does.
    """
    with piece.path.open("rb") as file:
        start = piece.start
        while start < piece.stop:
            stop = piece.stop
            if start + BLOCK < stop:
                stop = min(next_row(file, start + BLOCK, quoted=quoted), stop)
            file.seek(start)
            if stop - start > BLOCK + 2 * MAX_LINE:
                text = shortened(file, stop, digest)
            else:
                text = file.read(stop - start)
                digest.update(text)
            if file.tell() < stop:
                raise InputError(f"{piece.path} became shorter while it was read")
            yield text if text.endswith(b"\n") else text + b"\n"
            start = stop


def shortened(file: BufferedIOBase, stop: int, digest: xxh3_128) -> bytes:
    """The lines up to a position; one of more than ``MAX_LINE`` bytes is cut, and will be refused for it."""
    lines: list[bytes] = []
    begins = True
    while file.tell() < stop and (part := file.readline(min(MAX_LINE, stop - file.tell()))):
        digest.update(part)
        ends = part.endswith(b"\n")
        if begins:
            lines.append(part)
        elif ends:
            lines.append(b"\n")
        begins = ends
    return b"".join(lines)


def fingerprint(header: bytes, digests: list[str]) -> str:
    """Hash of a log: of its header and of the hashes of its pieces.

    XXH3 tells logs apart at the speed of memory; it is no proof against somebody who forges one.
    """
    whole = xxh3_128(header)
    for digest in digests:
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()
