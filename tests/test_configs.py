"""Every shipped config trains, tests and predicts; every overlay fits its config."""

from pathlib import Path

import pytest

from itd_lightning.cli.parser import main
from itd_lightning.nn.language import models as language_models

CONFIGS = Path(__file__).parents[1] / "configs"
DATES = ["--data.split.val_from=2010-02-20", "--data.split.test_from=2010-03-01"]  # of the small slice


@pytest.fixture(autouse=True)
def _small_backbone(small_llama: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small language model stand in for the default one."""
    monkeypatch.setattr(language_models, "converted_default", lambda: small_llama)


def fitting(config: Path, store: Path, folder: Path) -> list[str]:
    """Arguments that fit a config to the small slice."""
    text = config.read_text("utf-8")
    dates = DATES if "val_from" in text else []
    small = ["--data.batch_size=8", "--data.budget=4096"] if "class_path: Sequences" in text else []
    told = ["--data.batch_size=64", "--data.contents=1"] if "class_path: Narratives" in text else []
    where = [f"--data.store={store}", f"--trainer.default_root_dir={folder}"]
    return [f"--config={config}", *where, *dates, *small, *told]


@pytest.mark.parametrize("name", ["itd", "lightning"])
@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_config_trains(name: str, config: Path, store: Path, tmp_path: Path) -> None:
    main(["fit", *fitting(config, store, tmp_path / name), "--trainer.fast_dev_run=true"])


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_config_tests_and_predicts(config: Path, store: Path, tmp_path: Path) -> None:
    short = [f"--trainer.{name}=2" for name in ("limit_train_batches", "limit_val_batches")]
    main(["fit", *fitting(config, store, tmp_path), *short, "--trainer.max_epochs=1"])
    of_behaviours = any(
        f"class_path: {view}" in config.read_text("utf-8") for view in ("Sequences", "Signals")
    )
    assert (tmp_path / "tokens.csv").is_file() == of_behaviours
    checkpoint = f"--ckpt_path={tmp_path / 'checkpoints' / 'best.ckpt'}"
    main(["test", checkpoint, "--trainer.limit_test_batches=4"])
    main(["predict", checkpoint, "--trainer.limit_predict_batches=2"])
    assert (tmp_path / "evaluation.json").is_file()
    assert (tmp_path / "predict" / "scores.parquet").is_file()


@pytest.mark.parametrize("overlay", sorted((CONFIGS / "overlays").glob("*.yaml")), ids=lambda path: path.stem)
def test_overlay_changes_a_config(overlay: Path, store: Path, tmp_path: Path) -> None:
    """An overlay that is named after a method, such as rmsl_slice, fits that method's config."""
    method = CONFIGS / f"{overlay.stem.split('_')[0]}.yaml"
    config = method if method.is_file() else CONFIGS / "mask_value.yaml"
    where = [f"--data.store={store}", f"--trainer.default_root_dir={tmp_path}"]
    overlaid = [f"--config={config}", f"--config={overlay}"]
    dates = DATES if any("val_from" in path.read_text("utf-8") for path in (config, overlay)) else []
    main(["fit", *overlaid, *where, *dates, "--trainer.fast_dev_run=true"])


def test_the_slice_overlay_fits_a_method_of_sequences(store: Path, tmp_path: Path) -> None:
    overlaid = f"--config={CONFIGS / 'overlays' / 'slice.yaml'}"
    main(["fit", *fitting(CONFIGS / "rnn.yaml", store, tmp_path), overlaid, "--trainer.fast_dev_run=true"])
