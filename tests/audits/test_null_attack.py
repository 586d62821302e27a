"""What the null attack promises, and how a run is trained again for it and for `--retrain`."""

import shutil
from pathlib import Path
from typing import cast

import pytest
import yaml

from itd_lightning.audits import Audit, AuditedRun
from itd_lightning.audits.future_in_training import FutureInTraining
from itd_lightning.audits.null_attack import NullAttack, judge_null
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import Evaluation
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.runs.rescore import LightningRescorer, read_config


def result(pr_auc: float | None, low: float = 0.0, high: float = 1.0, base: float = 0.1) -> Evaluation:
    """Return as much of an evaluation as the null attack reads."""
    numbers = {
        "pr_auc": pr_auc,
        "base_rate": base,
        "intervals": {"pr_auc": (low, high)},
        "undefined": {"pr_auc": "no unit is malicious"},
    }
    return cast("Evaluation", numbers)


@pytest.mark.parametrize(
    ("null", "passed", "words"),
    [
        (result(0.54, 0.40, 0.70), False, "Does NOT fall to chance"),
        (result(0.12, 0.08, 0.20), True, "Falls to chance"),
        (result(0.30, 0.05, 0.60), None, "Not settled"),
        (result(None), None, "Not answered: no unit is malicious"),
        (None, None, "Not answered: left out"),
    ],
)
def test_the_null_attack_fails_what_finds_an_attack_where_there_is_none(
    null: Evaluation | None, passed: bool | None, words: str
) -> None:
    audit = judge_null(result(0.7), null, "left out")
    assert audit.passed is passed
    assert words in audit.verdict


class Recorder(LightningRescorer):
    """Keeps the config by which a run would be trained, and trains nothing."""

    def retrain(
        self, config: Path, folder: Path, *, store: Path | None = None, moved_days: int | None = None
    ) -> None:
        """Keep the config."""
        self.config = read_config(config)
        raise InputError("enough")


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """Return a copy of the session's run, whose fit had early stopping."""
    return Path(shutil.copytree(run, tmp_path / "run"))


@pytest.mark.parametrize("audit", [NullAttack(), FutureInTraining()], ids=lambda audit: audit.name)
def test_a_run_is_trained_again_with_the_callbacks_of_its_fit(copied: Path, audit: Audit) -> None:
    scores, recorder = copied / "scores.parquet", Recorder()
    options = {"null": True, "retrain": True}
    with AuditedRun(scores, evaluate(scores), options=options, rescorer=recorder) as run:
        assert "enough" in audit.run(run)[0].verdict
    callbacks = read_config(copied / "config.yaml")["trainer"]["callbacks"]
    assert [callback["class_path"].rpartition(".")[2] for callback in callbacks] == ["EarlyStopping"]
    assert recorder.config["trainer"]["callbacks"] == callbacks


def test_a_run_without_the_config_of_its_fit_is_trained_again_by_that_of_its_test(copied: Path) -> None:
    (copied / "config.yaml").unlink()
    scores, recorder = copied / "scores.parquet", Recorder()
    with AuditedRun(scores, evaluate(scores), rescorer=recorder) as run:
        NullAttack().run(run)
    assert recorder.config == read_config(copied / "scored.yaml")


def test_a_second_training_is_tracked_nowhere(copied: Path, tmp_path: Path) -> None:
    config = read_config(copied / "config.yaml")
    config["trainer"]["logger"] = [
        {"class_path": "TensorBoardLogger", "init_args": {"save_dir": str(tmp_path)}}
    ]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    LightningRescorer().retrain(tmp_path / "config.yaml", tmp_path / "again")
    assert read_config(tmp_path / "again" / "config.yaml")["trainer"]["logger"] is True
    assert (tmp_path / "again" / "metrics.csv").is_file()
