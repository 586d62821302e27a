"""Every shipped config trains, tests and predicts; every overlay fits its config."""

from pathlib import Path

import pytest

from itd_lightning.cli import main

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.parametrize("name", ["itd", "lightning"])
@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_config_trains(name: str, config: Path, store: Path, tmp_path: Path) -> None:
    main(
        [
            "fit",
            f"--config={config}",
            f"--data.store={store}",
            "--trainer.fast_dev_run=true",
            f"--trainer.default_root_dir={tmp_path / name}",
        ]
    )


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_config_tests_and_predicts(config: Path, store: Path, tmp_path: Path) -> None:
    where = [f"--data.store={store}", f"--trainer.default_root_dir={tmp_path}"]
    main(["fit", f"--config={config}", *where, "--trainer.max_epochs=1", "--trainer.limit_train_batches=2"])
    checkpoint = f"--ckpt_path={tmp_path / 'checkpoints' / 'best.ckpt'}"
    main(["test", checkpoint])
    main(["predict", checkpoint, "--trainer.limit_predict_batches=2"])
    assert (tmp_path / "evaluation.json").is_file()
    assert (tmp_path / "predict" / "scores.parquet").is_file()


@pytest.mark.parametrize("overlay", sorted((CONFIGS / "overlays").glob("*.yaml")), ids=lambda path: path.stem)
def test_overlay_changes_a_config(overlay: Path, store: Path, tmp_path: Path) -> None:
    configs = [f"--config={CONFIGS / 'mask_value.yaml'}", f"--config={overlay}"]
    dates = ["--data.split.val_from=2010-02-20", "--data.split.test_from=2010-03-01"]
    where = [f"--data.store={store}", f"--trainer.default_root_dir={tmp_path}"]
    main(["fit", *configs, *where, *dates, "--trainer.fast_dev_run=true"])
