"""Tests of checkpoints and of the callback that writes them."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from itd_lightning.callbacks import AtomicCheckpointIO
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.contracts.errors import InputError

WRITER = """
import sys, torch
from itd_lightning.callbacks import AtomicCheckpointIO
number = 0
while True:
    number += 1
    weights = {"w": torch.full((3_000_000,), float(number))}
    AtomicCheckpointIO().save_checkpoint({"state_dict": weights}, sys.argv[1])
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    target = tmp_path / "last.ckpt"
    for pause in torch.linspace(0.0, 0.06, 8).tolist():
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE)
        with writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(pause)
            os.kill(writer.pid, signal.SIGKILL)
        weights = load_checkpoint(target)["state_dict"]["w"]
        assert weights.eq(weights[0]).all()


def test_a_failed_write_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    target = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": torch.ones(3)}}, target)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": lambda: None}}, target)
    assert load_checkpoint(target)["state_dict"]["w"].eq(1).all()
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "evil": Evil(tmp_path / "canary")}, tmp_path / "evil.ckpt")
    with pytest.raises(InputError, match="cannot be loaded as weights"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint", b"PK\x03\x04 torn"], ids=["empty", "text", "torn"]
)
def test_a_damaged_file_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        load_checkpoint(path)
    assert "\n" not in str(refused.value)


def test_a_truncated_checkpoint_is_refused(run: Path, tmp_path: Path) -> None:
    whole = (run / "checkpoints" / "best.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be loaded"):
        load_checkpoint(tmp_path / "cut.ckpt")


def test_a_url_is_no_checkpoint() -> None:
    with pytest.raises(InputError, match="no checkpoint at"):
        load_checkpoint(Path("http://localhost/x.ckpt"))


def test_a_run_leaves_best_and_last_which_hold_only_weights_and_plain_types(run: Path) -> None:
    folder = run / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "last.ckpt"]
    for path in folder.iterdir():
        assert "itd_config" in torch.load(path, weights_only=True)
