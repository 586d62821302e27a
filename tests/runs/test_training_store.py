"""What is said after a test on another store than the checkpoint's own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from itd_lightning.runs.training_store import other_store_remark
from itd_lightning.scores.table import write_scores
from tests.handmade_runs import USERS, about, score_table, write_store

OTHER = "scored on another store than it was trained on: "


def trained(folder: Path, users: tuple[str, ...], **changes: object) -> Path:
    """Write a checkpoint and the store with these users that it was trained on; return the checkpoint."""
    write_store(folder / "training", users)
    manifest = folder / "training" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"fingerprint": "other"}), "utf-8")
    data = {"class_path": "Windows", "init_args": {"store": str(folder / "training")}}
    config = yaml.safe_dump({"trainer": {}, "model": {"class_path": "ByHand"}, "data": data})
    content: dict[str, Any] = {"state_dict": {}, "itd_config": config, "itd_store": "other"} | changes
    torch.save({name: value for name, value in content.items() if value is not None}, folder / "x.ckpt")
    return folder / "x.ckpt"


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Return a score table of three users, of the store with the fingerprint "fff...f"."""
    write_scores(tmp_path / "scores.parquet", score_table(USERS), about(tmp_path, "run"))
    return tmp_path / "scores.parquet"


@pytest.mark.parametrize(
    ("users", "new"), [(("v1", "v2"), 3), (("v1", "u2"), 2), (("u1", "u2", "u3", "u4"), 0)]
)
def test_users_whom_the_training_store_does_not_hold_are_counted(
    users: tuple[str, ...], new: int, scores: Path
) -> None:
    remark = other_store_remark(trained(scores.parent, users), scores)
    assert remark == f"{OTHER}{new} of 3 users are not in the training store"


def test_on_the_training_store_nothing_is_said(scores: Path) -> None:
    assert not other_store_remark(trained(scores.parent, USERS, itd_store="f" * 32), scores)


def test_a_checkpoint_that_does_not_name_its_store_says_nothing(scores: Path) -> None:
    assert not other_store_remark(trained(scores.parent, USERS, itd_store=None), scores)


def test_a_training_store_that_is_gone_or_changed_counts_nobody(scores: Path) -> None:
    gone = f"{OTHER}3 users; the training store is gone or has changed, so who is new is not known"
    checkpoint = trained(scores.parent, USERS, itd_store="what it was before more logs came")
    assert other_store_remark(checkpoint, scores) == gone
    shutil.rmtree(scores.parent / "training")
    assert other_store_remark(checkpoint, scores) == gone


def test_a_config_that_is_none_counts_nobody(scores: Path) -> None:
    for text in (None, "no mapping", "data: {init_args: {store: 5}}"):
        checkpoint = trained(scores.parent / str(text)[:2], USERS, itd_config=text)
        assert "3 users; the training store is gone" in other_store_remark(checkpoint, scores)
