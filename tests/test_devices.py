"""What several devices change, which must be nothing but the time: two ranks on the CPU, with gloo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from itd_lightning.cli import main
from itd_lightning.runs.launch import has_several_devices
from tests.test_configs import CONFIGS, fitting

CASES = sorted(CONFIGS.glob("*.yaml"))
TWO = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
READERS = ("dmfi", "itdlm", "loggpt", "logprompt")  # methods with a language model
ONE_BATCH = ("chronos",)  # the whole company is one batch
WHOLE_PART = (
    *("chronos", "dmfi", "ecod", "isolation_forest", "loggpt", "logistic_regression", "logprompt"),
    *(
        "narrative_length",
        "ocsvm",
        "own_history_z",
        "svm",
        "tfidf_logistic",
        "xgboost",
        "xgboost_own_history",
    ),
)


def itd(*args: str) -> subprocess.CompletedProcess[str]:
    """Run a module as a command of its own, since Lightning starts it once more for the second rank."""
    ours = ("PL_GLOBAL_SEED", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    root = str(CONFIGS.parent)
    environment |= {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)


def arguments(config: Path, store: Path, folder: Path, backbone: str) -> list[str]:
    """Arguments that fit a config to the small slice, with a small language model."""
    reads = [f"--model.backbone={backbone}"] if config.stem in READERS else []
    return ["fit", *fitting(config, store, folder), *reads, "--trainer.max_epochs=1"]


@pytest.mark.slow
@pytest.mark.parametrize("config", CASES, ids=lambda path: path.stem)
def test_two_devices_write_the_scores_of_one(
    config: Path, store: Path, small_llama: str, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    main([*arguments(config, store, one, small_llama), "--trainer.limit_train_batches=4"])
    shutil.copytree(one, two)
    for command in ("test", "predict"):
        main([command, f"--ckpt_path={one / 'checkpoints' / 'best.ckpt'}"])
        done = itd("itd_lightning", command, f"--ckpt_path={two / 'checkpoints' / 'best.ckpt'}", *TWO)
        if config.stem in ONE_BATCH:
            assert (done.returncode, "use --trainer.devices 1" in done.stderr) == (2, True)
            continue
        assert done.returncode == 0, done.stderr
        for table in (one / "predict" if command == "predict" else one).glob("*.parquet"):
            assert_equal(table, two / table.relative_to(one))


def assert_equal(one: Path, two: Path) -> None:
    """Compare two tables: the same rows, and numbers that differ by rounding only."""
    first, second = pl.read_parquet(one), pl.read_parquet(two)
    assert len(first) == len(second)
    if "score" in first.columns:  # a map of embeddings has landmarks besides, without a key
        assert_frame_equal(first, second, abs_tol=1e-5, check_exact=False)


@pytest.mark.slow
@pytest.mark.parametrize("config", CASES, ids=lambda path: path.stem)
def test_two_devices_train_one_method_or_refuse(
    config: Path, store: Path, small_llama: str, tmp_path: Path
) -> None:
    given = arguments(config, store, tmp_path / "run", small_llama)
    done = itd("tests.two_devices", str(tmp_path / "weights"), *given, *TWO)
    if config.stem in WHOLE_PART:
        assert "learns from the whole training part at once: use --trainer.devices 1" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / "weights" / f"{rank}.pt") for rank in range(2))
    assert all(value.isfinite().all() for name, value in first.items() if value.is_floating_point())
    assert all(value.equal(second[name]) for name, value in first.items())


@pytest.mark.parametrize("name", ["xgboost", "own_history_z", "narrative_length"])
def test_a_method_that_needs_the_whole_part_refuses_several_devices_before_training(
    name: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = CONFIGS / f"{name}.yaml"
    with pytest.raises(SystemExit) as stop:
        main(["fit", *fitting(config, store, tmp_path), *TWO])
    assert stop.value.code == 2
    assert "learns from the whole training part at once: use --trainer.devices 1" in capsys.readouterr().err


def test_one_device_unless_asked(run: Path) -> None:
    assert "\n  devices: 1\n" in (run / "config.yaml").read_text("utf-8")


@pytest.mark.parametrize("strategy", ["fsdp", "ddp_spawn", "ddp_fork", "deepspeed_stage_2"])
def test_a_strategy_that_nothing_is_written_for_is_refused_in_one_line(
    strategy: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = fitting(CONFIGS / "mask_value.yaml", store, tmp_path)
    with pytest.raises(SystemExit):
        main(["fit", *given, f"--trainer.strategy={strategy}"])
    assert f"strategy {strategy} is not supported" in capsys.readouterr().err


@pytest.mark.parametrize("devices", [2, "2", "0,1", [0, 1]])
def test_more_than_one_device_is_seen_however_it_is_written(devices: int | str | list[int]) -> None:
    assert has_several_devices(devices)
