"""What writing a file promises: it is whole, and its owner's alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from itd_lightning.contracts.files import folder_beside, held, private_files, private_folder, written_beside


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
def test_what_is_written_beside_its_place_is_its_owners_alone(mask: int, tmp_path: Path) -> None:
    with umask(mask):
        with written_beside(tmp_path / "new" / "file") as partial:
            partial.write_text("x")
        with folder_beside(tmp_path / "other" / "folder") as folder:
            (folder / "file").write_text("x")
        with held(tmp_path / "held" / "folder", wait=False):
            pass
    assert mode(tmp_path / "new" / "file") == 0o600
    folders = ("new", "other", "other/folder", "held", "held/folder")
    assert {mode(tmp_path / name) for name in folders} == {0o700}


def test_a_stricter_umask_stays_stricter(tmp_path: Path) -> None:
    with umask(0o277):
        with written_beside(tmp_path / "file") as partial:
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
