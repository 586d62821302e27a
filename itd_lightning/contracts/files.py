"""Writing of files and folders: in one step, private to their owner, and locked against other programs."""

import ctypes
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from itd_lightning.contracts.errors import FullDiskError, InputError, is_full_disk


def absolute(path: Path) -> Path:
    """Return a path that begins at the root; links in it stay."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute would leave "." without a name


@contextmanager
def private_files() -> Iterator[None]:
    """Make files 0600 and folders 0700 within this block, whoever makes them; a stricter umask stays."""
    before = os.umask(0o077)
    os.umask(before | 0o077)
    try:
        yield
    finally:
        os.umask(before)


def private_folder(folder: Path) -> None:
    """Make a folder and its missing parents for its owner alone; an existing one stays as it is."""
    for missing in reversed([folder, *folder.parents]):
        if not missing.is_dir():
            missing.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a path beside the target to write to; move it into place at the end, or remove it on failure.

    The target is never half written: its content is on the disk before it gets its name.

    The name is new each time, so that two programs that write the same target do not meet. The file is its
    owner's alone, as mkstemp makes it: most that is written names people.
    """
    with name_full_disk(target.parent):
        private_folder(target.parent)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        with name_full_disk(target.parent):
            yield partial
            _flush(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a folder beside the target to write into; move it into place at the end, or remove it.

    Where another program was faster, its folder stays.
    """
    with name_full_disk(target.parent):
        private_folder(target.parent)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        with name_full_disk(target.parent):
            yield partial
        try:
            partial.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def name_full_disk(folder: Path) -> Iterator[None]:
    """Turn every error of a full disk into one line that names the folder.

    Raises:
        FullDiskError: If nothing more can be written.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, FullDiskError) or not is_full_disk(error):
            raise
        raise FullDiskError(
            errno.ENOSPC, f"no space left on the disk of {folder.absolute()}; make room and try again"
        ) from error


def _flush(file: Path) -> None:
    """Wait until a file's content is on the disk, which may turn out to be full."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: If it is none.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}; delete it and write it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object; delete it and write it again")
    return content


def find_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file; None if the file is missing, empty or damaged."""
    try:
        return read_json(path)
    except (FileNotFoundError, InputError):
        return None


@contextmanager
def lock_folder(folder: Path, *, wait: bool) -> Iterator[int]:
    """Lock a folder, made if need be, against other programs, until the block or the program ends.

    Gives the descriptor that holds it; a program that inherits it holds the folder, too.

    Args:
        folder: The folder.
        wait: Whether to wait until another program lets go of it.

    Raises:
        BlockingIOError: If another program holds it, and this one does not wait.
    """
    private_folder(folder)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield lock
    finally:
        os.close(lock)


def exchange(one: Path, other: Path) -> None:
    """Swap the names of two folders: in one step where the system can, else by way of ``aside(other)``."""
    cwd, flag = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None or rename(cwd, os.fsencode(one), cwd, os.fsencode(other), flag):
        other.rename(aside(other))
        one.rename(other)
        aside(other).rename(one)


def aside(folder: Path) -> Path:
    """Return the name of a folder while another one takes its place."""
    return folder.with_name(f".{folder.name}.aside")
