"""What training and scoring again by a run's own config promises."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.runs.rescore import LightningRescorer, read_config


def test_the_same_config_and_checkpoint_give_the_same_scores(run: Path, tmp_path: Path) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    for config in (None, run / "scored.yaml"):
        scores = LightningRescorer().rescore(checkpoint, tmp_path / str(config is None), config=config)
        assert pl.read_parquet(scores).equals(pl.read_parquet(run / "scores.parquet"))


def test_training_again_gives_the_same_scores(run: Path, tmp_path: Path) -> None:
    rescorer = LightningRescorer()
    rescorer.retrain(run / "scored.yaml", tmp_path)
    scores = rescorer.rescore(tmp_path / "checkpoints" / "best.ckpt", tmp_path)
    assert pl.read_parquet(scores).equals(pl.read_parquet(run / "scores.parquet"))


def test_only_what_is_asked_for_changes_in_the_config(run: Path, tmp_path: Path) -> None:
    checkpoint, before = run / "checkpoints" / "best.ckpt", read_config(run / "scored.yaml")
    LightningRescorer().rescore(checkpoint, tmp_path, config=run / "scored.yaml", batch_size=7)
    after = yaml.safe_load((tmp_path / "scored.yaml").read_text("utf-8"))
    assert after["data"]["init_args"].pop("batch_size") == 7
    before["data"]["init_args"].pop("batch_size")
    assert after["trainer"].pop("default_root_dir") == str(tmp_path)
    before["trainer"].pop("default_root_dir")
    assert after == before


def test_a_config_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scored.yaml").write_text("- 1\n", "utf-8")
    with pytest.raises(InputError, match="is no config of a run"):
        read_config(tmp_path / "scored.yaml")
