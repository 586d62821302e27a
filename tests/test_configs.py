"""Every shipped config trains, tests and predicts; every overlay fits its config."""

import tomllib
from pathlib import Path

import pytest
import yaml

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


CONFIGURED = sorted(CONFIGS.glob("*.yaml"))
WHOLE = ("chronos", "log2sig", "mask_value", "own_history_z", "rmsl", "tfidf_logistic")  # one a view


def once_whole() -> list[object]:
    """Return all configs as parameters; those of a view that another one stands for are slow."""
    slow = [pytest.mark.slow]
    return [pytest.param(path, id=path.stem, marks=[] if path.stem in WHOLE else slow) for path in CONFIGURED]


def test_one_config_of_each_view_is_tested_whole() -> None:
    configs = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in CONFIGURED}
    views = {name: config["data"]["class_path"] for name, config in configs.items()}
    assert sorted(views[name] for name in WHOLE) == sorted(set(views.values()))


def test_both_names_of_the_program_are_one_function() -> None:
    text = (CONFIGS.parent / "pyproject.toml").read_text("utf-8")
    scripts = tomllib.loads(text)["project"]["scripts"]
    assert scripts["lightning"] == scripts["itd"] == "itd_lightning.cli:main"


# Those of the others are fitted whole below.
@pytest.mark.parametrize(
    "config",
    [path for path in CONFIGURED if path.stem not in WHOLE],
    ids=lambda path: path.stem,
)
def test_config_trains(config: Path, store: Path, tmp_path: Path) -> None:
    main(["fit", *fitting(config, store, tmp_path), "--trainer.fast_dev_run=true"])


@pytest.mark.parametrize("config", once_whole())
def test_config_tests_and_predicts(config: Path, store: Path, tmp_path: Path) -> None:
    short = [f"--trainer.{name}=1" for name in ("limit_train_batches", "limit_val_batches")]
    main(["fit", *fitting(config, store, tmp_path), *short, "--trainer.max_epochs=1"])
    checkpoint = f"--ckpt_path={tmp_path / 'checkpoints' / 'best.ckpt'}"
    main(["test", checkpoint, "--trainer.limit_test_batches=2"])
    main(["predict", checkpoint, "--trainer.limit_predict_batches=1"])
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
