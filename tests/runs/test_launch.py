"""What a run does to the files that it finds in its folder."""

import json
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml

from itd_lightning import methods
from itd_lightning.callbacks.own_files import is_own
from itd_lightning.cli import main
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import batch_of
from itd_lightning.runs.launch import train
from itd_lightning.store.truncate import derive_store
from itd_lightning.views import Days, Narratives, Sequences, Signals, Trajectories, View, Windows

CONFIG = Path(__file__).parents[2] / "configs" / "mask_value.yaml"


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """Return a copy of the session's run."""
    return Path(shutil.copytree(run, tmp_path / "copied"))


def contents(folder: Path) -> dict[Path, bytes]:
    """Return every file below a folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_test_beside_a_checkpoint_leaves_somebodys_audit_folder_alone(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "checkpoints" / "best.ckpt", tmp_path / "model.ckpt")
    (tmp_path / "audit" / "null").mkdir(parents=True)
    (tmp_path / "audit" / "2023.pdf").write_text("theirs")
    (tmp_path / "audit" / "null" / "evaluation.json").write_text("[]")
    main(["test", f"--ckpt_path={tmp_path / 'model.ckpt'}"])
    assert (tmp_path / "scores.parquet").is_file()
    assert (tmp_path / "audit" / "2023.pdf").read_text() == "theirs"
    assert (tmp_path / "audit" / "null" / "evaluation.json").read_text() == "[]"


def test_a_fit_leaves_somebodys_audit_folder_and_results_alone(store: Path, tmp_path: Path) -> None:
    (tmp_path / "audit" / "future").mkdir(parents=True)
    theirs = {
        tmp_path / "audit" / "future" / "plan.txt",
        tmp_path / "audit.json",
        tmp_path / "threshold.json",
    }
    for path in theirs:
        path.write_text('{"of": "somebody"}')
    root = f"--trainer.default_root_dir={tmp_path}"
    main(["fit", f"--config={CONFIG}", f"--data.store={store}", root, "--trainer.max_epochs=1"])
    assert {path.read_text() for path in theirs} == {'{"of": "somebody"}'}


@pytest.mark.parametrize("name", ["scores.parquet", "scored.yaml", "evaluation.json", "threshold.json"])
def test_a_test_that_would_overwrite_somebodys_file_is_refused(
    name: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(run / "checkpoints" / "best.ckpt", tmp_path / "model.ckpt")
    (tmp_path / name).write_text("theirs")
    before = contents(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["test", f"--ckpt_path={tmp_path / 'model.ckpt'}"])
    assert stop.value.code == 2
    assert f"{tmp_path / name} is damaged, or not of this program" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "cost.json", "checkpoints/best.ckpt"])
def test_a_fit_that_would_overwrite_somebodys_file_is_refused(
    name: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / name).write_text("theirs")
    before = contents(tmp_path)
    root = f"--trainer.default_root_dir={tmp_path}"
    with pytest.raises(SystemExit) as stop:
        main(["fit", f"--config={CONFIG}", f"--data.store={store}", root, "--trainer.max_epochs=1"])
    assert stop.value.code == 2
    assert f"{tmp_path / name} is damaged, or not of this program" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_new_test_removes_the_run_of_an_old_audit(copied: Path, run: Path) -> None:
    null = copied / "audit" / "null"
    shutil.copytree(run, null)
    main(["test", f"--ckpt_path={copied / 'checkpoints' / 'best.ckpt'}"])
    assert not (copied / "audit").exists()


def test_a_copied_run_goes_on_in_the_copy_and_the_original_stays(copied: Path, run: Path) -> None:
    before = contents(run)
    assert yaml.safe_load((copied / "config.yaml").read_text())["trainer"]["default_root_dir"] == str(run)
    last = copied / "checkpoints" / "last.ckpt"
    main(["fit", "--config", str(copied / "config.yaml"), "--ckpt_path", str(last), "--trainer.max_epochs=3"])
    assert contents(run) == before
    assert torch.load(last)["epoch"] == 2
    assert pl.read_csv(copied / "metrics.csv")["epoch"].unique().sort().to_list() == [0, 1, 2]
    assert not (copied / "scores.parquet").exists()
    assert not (copied / "evaluation.json").exists()
    assert yaml.safe_load((copied / "config.yaml").read_text())["trainer"]["default_root_dir"] == str(copied)


def test_a_copied_run_is_scored_in_the_copy_by_its_config_too(copied: Path, run: Path) -> None:
    before = contents(run)
    (copied / "scores.parquet").unlink()
    best = copied / "checkpoints" / "best.ckpt"
    main(["test", f"--config={copied / 'config.yaml'}", f"--ckpt_path={best}"])
    assert contents(run) == before
    assert (copied / "scores.parquet").is_file()


def test_a_resumed_fit_writes_where_it_is_told(copied: Path, tmp_path: Path) -> None:
    before = contents(copied)
    where = ["--trainer.default_root_dir", str(tmp_path / "elsewhere"), "--trainer.max_epochs=3"]
    last = copied / "checkpoints" / "last.ckpt"
    main(["fit", f"--config={copied / 'config.yaml'}", f"--ckpt_path={last}", *where])
    assert contents(copied) == before
    assert (tmp_path / "elsewhere" / "checkpoints" / "last.ckpt").is_file()


def test_a_finished_fit_that_is_resumed_changes_no_file(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(copied, copied / "audit" / "null")
    before = contents(copied)
    last = copied / "checkpoints" / "last.ckpt"
    main(["fit", f"--config={copied / 'config.yaml'}", f"--ckpt_path={last}"])
    assert contents(copied) == before
    assert "nothing left to train after 2 epochs" in capsys.readouterr().out


def test_scores_that_cannot_be_written_leave_the_old_ones_and_their_evaluation(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copied)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    with pytest.raises(SystemExit):
        main(["test", f"--ckpt_path={copied / 'checkpoints' / 'best.ckpt'}"])
    assert contents(copied) == before


def test_old_measurements_are_gone_before_new_scores_are_in_place(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def replace(partial: Path, target: Path) -> None:
        if target.name == "scores.parquet":
            seen.append((copied / "evaluation.json").exists())
            raise OSError(28, "No space left on device")
        partial.rename(target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(SystemExit):
        main(["test", f"--ckpt_path={copied / 'checkpoints' / 'best.ckpt'}"])
    assert seen == [False]


def test_a_files_name_does_not_make_it_the_programs(copied: Path, tmp_path: Path) -> None:
    written = [path for path in copied.rglob("*") if path.is_file()]
    assert all(is_own(path) for path in written)
    for path in written:
        other = tmp_path / path.name
        other.write_text(json.dumps({"of": "somebody"}))
        assert not is_own(other), path


def test_files_of_another_lightning_project_are_not_the_programs(store: Path, tmp_path: Path) -> None:
    files = {
        "config.yaml": "model: {class_path: my.Net}\ndata: {init_args: {folder: x}}\n",
        "metrics.csv": "epoch,step,acc\n0,1,0.5\n",
        "hparams.yaml": "_instantiator: x\nmine: 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    where = [f"--data.store={store}", f"--trainer.default_root_dir={tmp_path}", "--trainer.max_epochs=1"]
    with pytest.raises(SystemExit):
        main(["fit", f"--config={CONFIG}", *where])
    assert {name: (tmp_path / name).read_text() for name in files} == files


def test_a_url_in_a_configs_callback_is_refused_before_anything_is_made(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_path / "overlay.yaml"
    callback = {"class_path": "ModelCheckpoint", "init_args": {"dirpath": "memory://x"}}
    overlay.write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}))
    where = [f"--data.store={store}", f"--trainer.default_root_dir={tmp_path / 'run'}"]
    with pytest.raises(SystemExit):
        main(["fit", f"--config={CONFIG}", f"--config={overlay}", *where])
    assert "memory://x is a URL" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow  # the program starts anew: which of two equal types the parser sees depends on its imports
def test_one_batch_is_not_all_batches() -> None:
    options = ["--trainer.limit_train_batches=1", "--trainer.limit_val_batches=1.0", "--print_config"]
    command = [sys.executable, "-m", "itd_lightning", "fit", f"--config={CONFIG}", *options]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    trainer = yaml.safe_load(printed)["trainer"]
    assert type(trainer["limit_train_batches"]) is int
    assert type(trainer["limit_val_batches"]) is float


@pytest.mark.parametrize("spelling", ["--data.store={}", "--data.init_args.store={}", "--config={}"])
def test_another_stores_scores_do_not_replace_the_runs_own(
    spelling: str, run: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    derive_store(store, tmp_path / "other", datetime(2010, 4, 1))
    named = tmp_path / "other"
    if spelling.startswith("--config"):
        config = yaml.safe_load((run / "config.yaml").read_text())
        config["data"]["init_args"]["store"] = str(named)
        named = tmp_path / "config.yaml"
        named.write_text(yaml.safe_dump(config))
    before = (run / "scores.parquet").read_bytes()
    checkpoint = f"--ckpt_path={run / 'checkpoints' / 'best.ckpt'}"
    with pytest.raises(SystemExit, match="2"):
        main(["test", checkpoint, spelling.format(named)])
    assert "give another folder for them with --trainer.default_root_dir" in capsys.readouterr().err
    assert (run / "scores.parquet").read_bytes() == before


def test_a_runs_folder_stands_for_its_best_checkpoint(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    (copied / "scores.parquet").unlink()
    main(["test", "--ckpt_path", str(copied), "--trainer.limit_test_batches=1"])
    assert (copied / "scores.parquet").is_file()


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["test", "--ckpt_path", str(tmp_path)])
    assert f"{tmp_path / 'checkpoints' / 'best.ckpt'}" in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize(
    "name", ["NextBehaviour", "LAN", "TfidfLogistic", "Chronos", "Log2Sig", "XgboostTrees"]
)
def test_every_method_says_what_it_reads(name: str) -> None:
    batch = batch_of(getattr(methods, name))
    views: list[type[View]] = [Days, Narratives, Sequences, Signals, Trajectories, Windows]
    assert len([view for view in views if view.batch_type is batch]) == 1


def test_a_method_on_a_view_that_does_not_fit_is_refused_at_once(store: Path, tmp_path: Path) -> None:
    config = ["--config=own_history_z", "--config=overlays/demo", f"--data.store={store}"]
    with pytest.raises(
        InputError, match="OwnHistoryZ reads the view Days, and not Windows: give it --data Days"
    ):
        train(["fit", *config, f"--trainer.default_root_dir={tmp_path / 'run'}"])
    assert not (tmp_path / "run").exists()
