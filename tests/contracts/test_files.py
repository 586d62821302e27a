"""What writing a file promises: it is whole, its owner's alone, and a full disk is one line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import FullDiskError
from itd_lightning.contracts.files import (
    atomic_file,
    atomic_folder,
    lock_folder,
    private_files,
    private_folder,
    read_json,
)


@contextmanager
def umask(value: int) -> Iterator[None]:
    """Let this process have another umask."""
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_file_or_folder_written_in_one_step_is_its_owners_alone(mask: int, tmp_path: Path) -> None:
    with umask(mask):
        with atomic_file(tmp_path / "new" / "file") as partial:
            partial.write_text("x")
        with atomic_folder(tmp_path / "other" / "folder") as folder:
            (folder / "file").write_text("x")
        with lock_folder(tmp_path / "held" / "folder", wait=False):
            pass
    assert mode(tmp_path / "new" / "file") == 0o600
    folders = ("new", "other", "other/folder", "held", "held/folder")
    assert {mode(tmp_path / name) for name in folders} == {0o700}


def test_a_stricter_umask_stays_stricter(tmp_path: Path) -> None:
    with umask(0o277):
        with atomic_file(tmp_path / "file") as partial:
            pass
        with private_files():
            (tmp_path / "other").touch()
        assert os.umask(0o277) == 0o277
    assert not partial.exists()
    assert {mode(tmp_path / name) for name in ("file", "other")} == {0o400}


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o775)
    private_folder(tmp_path / "shared" / "own")
    assert mode(tmp_path / "shared") == 0o775
    assert mode(tmp_path / "shared" / "own") == 0o700


def test_the_umask_is_given_back_after_an_error() -> None:
    before = os.umask(0o022)
    try:
        with pytest.raises(OSError, match="full"), private_files():
            raise OSError("full")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


SAVE = """
import resource, sys, torch
from pathlib import Path
from itd_lightning.callbacks.checkpoints import AtomicCheckpointIO
AtomicCheckpointIO().save_checkpoint({"state_dict": {}}, sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": torch.zeros(9999)}}, sys.argv[1])
except OSError as error:
    print(type(error).__name__, error.strerror)
"""


def test_a_failed_write_names_the_folder_and_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "note.json"
    target.write_text("{}")
    with (
        pytest.raises(FullDiskError, match=f"no space left on the disk of {tmp_path}"),
        atomic_file(target),
    ):
        Path("/dev/full").write_text("x")
    assert [file.name for file in tmp_path.iterdir()] == ["note.json"]
    assert read_json(target) == {}


@pytest.mark.slow  # another process imports all anew
def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "last.ckpt"
    command = [
        sys.executable,
        "-B",
        "-c",
        SAVE,
        str(target),
    ]  # -B: bytecode would be cut at the limit, and stay
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"FullDiskError no space left on the disk of {tmp_path}")
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
    assert target.stat().st_size < 5000
