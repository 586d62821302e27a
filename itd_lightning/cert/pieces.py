"""A large log in pieces that can be read one without the other, and a piece in blocks of whole lines.

A piece holds the lines that begin in its share of the file, so that the pieces of a file do not depend on who
reads them, nor in which order.
"""

from collections.abc import Iterator
from hashlib import sha256
from io import BufferedIOBase
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from itd_lightning.cert.logs import MAX_LINE, RECORD

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


@runtime_checkable
class Digest(Protocol):
    """What ``hashlib`` makes."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes in."""

    def hexdigest(self) -> str:
        """Hash so far."""


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
            cuts.append(max(cuts[-1], next_row(file, share, quoted=quoted)))
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


def whole_rows(piece: Piece, digest: Digest, *, quoted: bool) -> Iterator[bytes]:
    """The lines of a piece, in blocks that end where a row does; the last line gets an end if it lacks one.

    A line of more than ``MAX_LINE`` bytes is cut short, to be refused, and costs no memory.

    Args:
        piece: Where the lines lie.
        digest: Takes in every byte.
        quoted: Whether a row may have line ends within quotes.
    """
    rest = b""
    with piece.path.open("rb") as file:
        file.seek(piece.start)
        while (left := piece.stop - file.tell()) > 0 and (block := file.read(min(BLOCK, left))):
            # The end of the last line is read to it, which is cheaper than to cut its beginning off.
            end = (
                b""
                if quoted or block.endswith(b"\n")
                else file.readline(min(MAX_LINE, piece.stop - file.tell()))
            )
            text = b"".join((rest, block, end))
            digest.update(block)
            digest.update(end)
            cut = last_cut(text, quoted=quoted)
            if cut:
                yield text[:cut]
            rest = text[cut:]
            if len(rest) > 2 * MAX_LINE and b"\n" not in rest:
                rest = rest[:MAX_LINE]
    if rest:
        yield rest if rest.endswith(b"\n") else rest + b"\n"


def last_cut(text: bytes, *, quoted: bool) -> int:
    """Where the last row of a text begins that may go on behind it; 0 where none is known to be whole."""
    end = text.rfind(b"\n") + 1
    if not quoted:
        return end
    cut = end
    while cut and end - cut < MAX_LINE:
        cut = max(text.rfind(b"\n{", 0, cut), text.rfind(b'\n"{', 0, cut)) + 1
        if RECORD.match(text, cut):
            return cut
    return end if len(text) > MAX_LINE else 0


def fingerprint(header: bytes, digests: list[str]) -> str:
    """Hash of a log: of its header and of the hashes of its pieces."""
    whole = sha256(header)
    for digest in digests:
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()[:32]
