"""What the audits of the future promise where they cannot answer; `test_planted_leaks.py` has the rest."""

import shutil
from pathlib import Path

import pytest
import torch

from itd_lightning.contracts.errors import InputError
from tests.audits.future_audits import run_future_audits


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """Return a copy of the session's run."""
    return Path(shutil.copytree(run, tmp_path / "run"))


def test_a_run_without_its_checkpoint_leaves_the_questions_open(copied: Path) -> None:
    shutil.rmtree(copied / "checkpoints")
    audits = run_future_audits(copied / "scores.parquet", retrain=True)
    assert [(audit.name, audit.passed) for audit in audits] == [
        ("future", None),
        ("answer key", None),
        ("future in training", None),
    ]
    assert "best.ckpt is missing" in audits[0].verdict


def test_a_damaged_checkpoint_is_refused_and_leaves_no_question_open(copied: Path) -> None:
    path = copied / "checkpoints" / "best.ckpt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"best\.ckpt cannot be loaded as weights"):
        run_future_audits(copied / "scores.parquet")


def test_a_checkpoint_that_does_not_fit_leaves_the_questions_open(copied: Path) -> None:
    path = copied / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path)
    checkpoint["state_dict"] = {f"other.{name}": value for name, value in checkpoint["state_dict"].items()}
    torch.save(checkpoint, path)
    audit = run_future_audits(copied / "scores.parquet")[0]
    assert audit.passed is None
    assert "of another method, or of another size" in audit.verdict


def test_scores_of_other_weights_are_no_leak(copied: Path) -> None:
    path = copied / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path)
    checkpoint["state_dict"] = {name: value + 1 for name, value in checkpoint["state_dict"].items()}
    torch.save(checkpoint, path)
    audit = run_future_audits(copied / "scores.parquet")[0]
    assert audit.passed is None
    assert "gives other scores than the table holds" in audit.verdict


def test_nothing_stays_behind(copied: Path) -> None:
    run_future_audits(copied / "scores.parquet")
    assert not (copied / "audit").exists()
