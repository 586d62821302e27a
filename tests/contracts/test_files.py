"""A file is whole or not there, and a full disk is one line that names the folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import FullDiskError
from itd_lightning.contracts.files import read_json, written_beside

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
        written_beside(target),
    ):
        Path("/dev/full").write_text("x")
    assert [file.name for file in tmp_path.iterdir()] == ["note.json"]
    assert read_json(target) == {}


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "last.ckpt"
    ended = subprocess.run([sys.executable, "-c", SAVE, target], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"FullDiskError no space left on the disk of {tmp_path}")
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
    assert target.stat().st_size < 5000
