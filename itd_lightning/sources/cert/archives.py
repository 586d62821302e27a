"""A release as it is distributed, a ``.tar.bz2``: streamed once, never unpacked as a whole.

Logs are written out piece by piece, for as long as it takes to read each; the small files stay in a folder.
What no release holds is skipped, links among it, and no name in an archive becomes a path by itself.
"""

import bz2
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, RawIOBase
from itertools import groupby
from operator import itemgetter
from pathlib import Path, PurePosixPath
from time import perf_counter
from typing import IO, cast

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.pieces import Piece, read_header, split_by_piece
from itd_lightning.sources.cert.record_ends import MAX_LINE
from itd_lightning.sources.cert.releases import SYNTHETIC, Log
from itd_lightning.sources.cert.tables import SMALL

_ENDINGS = (".tar.bz2", ".tbz2", ".tar")
_RATIO = 100  # times its size; a genuine release unpacks to about five
ALWAYS = 256 << 20  # bytes that an archive may unpack to, however small it is
BUFFER = 1 << 20
_WANTED = re.compile(
    r"LDAP/[0-9][\w.-]{0,99}\.csv|answers/(r[\d.]+-[\w-]{1,20}/)?[\w.-]{1,100}\.csv|psychometric\.csv|"
    r"decoy_file\.csv|" + re.escape(SYNTHETIC)
)
_EXTENSIONS = (  # headers whose content is read at once, as names and times
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _BoundedStream(RawIOBase):
    """A stream that ends in an error when more comes out than a release of this size can hold."""

    def __init__(self, unpacked: BufferedIOBase, path: Path) -> None:
        self.unpacked, self.path, self.passed = unpacked, path, 0
        self.limit = max(ALWAYS, _RATIO * path.stat().st_size)

    def read(self, size: int = -1, /) -> bytes:
        """Read on."""
        part = self.unpacked.read(size)
        self.passed += len(part)
        if self.passed > self.limit:
            raise InputError(f"{self.path} unpacks to more than {_RATIO} times its size; no release does")
        return part


class _Member(tarfile.TarInfo):
    """A member whose header is whole; by itself, ``tarfile`` ends quietly at the first that is not."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        """Read a header."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not buf.strip(b"\0"):  # marks the end
                raise
            raise tarfile.ReadError(str(error)) from error
        if member.size < 0 or (member.type in _EXTENSIONS and member.size > MAX_LINE):
            raise tarfile.ReadError(f"a header of {member.size} bytes")
        return member


def is_archive(path: Path) -> bool:
    """Return whether a path names an archive."""
    return path.name.endswith(_ENDINGS)


def read_root_name(path: Path) -> str:
    """Return the name of the folder in an archive, as far as its first member tells.

    Raises:
        InputError: If it is no archive, or empty.
    """
    with _open_archive(path) as tar:
        first = tar.next()
    if first is None:
        raise InputError(f"{path} is an empty archive")
    return PurePosixPath(first.name).parts[0] if first.name.strip("./") else ""


def unpacking_rate(path: Path, sample: int) -> tuple[float, float]:
    """Return the bytes that an archive unpacks to, and bytes a second, as far as its beginning tells."""
    start_time = perf_counter()
    with path.open("rb") as packed, bz2.open(packed) if "bz" in path.suffix else packed as unpacked:
        try:
            length = len(unpacked.read(sample))
        except (EOFError, OSError) as error:
            raise InputError(f"{path} is damaged or cut short: {error}") from error
        ratio = length / max(packed.tell(), 1)
    return path.stat().st_size * ratio, length / max(perf_counter() - start_time, 1e-9)


def read_archive(
    path: Path, logs: dict[str, Log], folder: Path, is_done: Callable[[str, int], bool]
) -> Iterator[Piece]:
    """Stream an archive: yield its logs in pieces, and leave its small files in a folder.

    Args:
        path: A release, or the answer key alone.
        logs: The logs that are wanted, by name.
        folder: Where to write. Who reads a piece removes its file.
        is_done: Tells by log and number whether a piece is needed no more; it is then yielded without a file.

    Raises:
        InputError: If the archive is damaged or cut short, unpacks to far too much, or holds a log twice.
    """
    names: set[str] = set()
    with _open_archive(path) as tar:
        for member in tar:
            tar.members.clear()  # type: ignore[attr-defined]  # it keeps them all, and there may be millions
            name = member_name(member)
            if name in names:
                raise InputError(f"{path} holds {name} twice")
            log = logs.get(name.removesuffix(".csv"))
            if log is not None and name.endswith(".csv"):
                names.add(name)
                stream = cast("BufferedIOBase", tar.extractfile(member))
                yield from _spool_log(stream, member.size, log, folder, is_done)
            elif _WANTED.fullmatch(name):
                names.add(name)
                if member.size > SMALL:
                    raise InputError(f"{path} holds a {name} of {member.size >> 20} MiB; no release does")
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(cast("BufferedIOBase", tar.extractfile(member)), file)


@contextmanager
def _open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar file to be streamed; what is wrong with it becomes one line."""
    try:
        with bz2.open(path) if "bz" in path.suffix else path.open("rb") as unpacked:
            bounded = cast("IO[bytes]", _BoundedStream(unpacked, path))
            with tarfile.open(fileobj=bounded, mode="r|", bufsize=BUFFER, tarinfo=_Member) as tar:
                yield tar
    except InputError:
        raise
    # The last three: numbers that are none, and headers within headers without end.
    except (tarfile.TarError, EOFError, OSError, ValueError, LookupError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno:  # a full disk, say, is not the archive's fault
            raise
        raise InputError(f"{path} is damaged or cut short: {error}") from error


def member_name(member: tarfile.TarInfo) -> str:
    """Return the path of a member in its release; "" if it is no plain file, or sparse: a bomb at no cost.

    Example:
        >>> member_name(tarfile.TarInfo("./r4.2/LDAP/2010-01.csv"))
        'LDAP/2010-01.csv'
    """
    parts = [part for part in PurePosixPath(member.name).parts if part != "."]
    if not member.isreg() or member.issparse() or ".." in parts:
        return ""
    first = next((at for at, part in enumerate(parts) if part in ("LDAP", "answers")), len(parts) - 1)
    return "/".join(parts[first:]) if first < 2 else ""  # beside the release's folder, or right in it


def _spool_log(
    stream: BufferedIOBase, size: int, log: Log, folder: Path, is_done: Callable[[str, int], bool]
) -> Iterator[Piece]:
    """Write a log out in the pieces that ``cut_log`` would find in it on disk."""
    header = read_header(stream)
    parts = split_by_piece(stream, size, BUFFER, quoted=log.quoted)
    for number, blocks in groupby(parts, itemgetter(0)):
        path = folder / f"{log.name}-{number:06d}"
        done = is_done(log.name, number)
        with Path(os.devnull if done else path).open("wb") as file:
            file.writelines(block.text for _, block in blocks)
            length = 0 if done else file.tell()
        yield Piece(log.name, number, path, 0, length, header)
