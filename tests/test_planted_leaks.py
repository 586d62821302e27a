"""What the audits are for: a planted leak of each kind is caught, and a method without one passes.

Leaks are planted into the view `days`, by a wrapper around what it sets up or fits.
"""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
import torch

from itd_lightning.audits import AUDITS, AuditedRun, AuditResult, run_audits
from itd_lightning.audits.truncated_run import OPTION
from itd_lightning.cli.parser import main
from itd_lightning.contracts.batches import DayBatch
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.ingest import build_store
from itd_lightning.methods import OwnHistoryZ
from itd_lightning.runs.rescore import LightningRescorer
from itd_lightning.splits import Dates
from itd_lightning.store.key import read_key
from itd_lightning.store.truncate import derive_store
from itd_lightning.views import Days, Narratives
from tests.audits.future_audits import run_future_audits

CONFIGS = Path(__file__).parents[1] / "configs"
DATES = ["--data.split.val_from=2010-03-01", "--data.split.test_from=2010-03-08"]
Change = Callable[[Days], pl.DataFrame]


@pytest.fixture(scope="module")
def store(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store of the slice in one shard: each probe builds views of stores cut from it anew."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    build_store([release], folder, shards=1)
    return folder


def scored(config: str, store: Path, folder: Path, *more: str) -> Path:
    """Fit and test a config on the small slice; return its scores."""
    where = [f"--data.store={store}", f"--trainer.default_root_dir={folder}"]
    main(["fit", f"--config={CONFIGS / config}", *where, *more])
    main(["test", f"--ckpt_path={folder / 'checkpoints' / 'best.ckpt'}"])
    return folder / "scores.parquet"


def audited(scores: Path) -> dict[str, AuditResult]:
    """Run all audits of a score table but those of the future, by name."""
    off = {OPTION.name: False}
    with AuditedRun(scores, evaluate(scores), options=off, rescorer=LightningRescorer()) as run:
        return {result.name: result for result in run_audits(run, AUDITS)}


def plant(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let the view change its table of days when it has read it."""
    honest = Days.setup

    def leaky(view: Days, stage: str) -> None:
        assign = view.split.assign

        def changed(units: pl.DataFrame, store: Path) -> pl.DataFrame:
            view.table = change(view)
            return assign(units, store)

        monkeypatch.setattr(view.split, "assign", changed)
        honest(view, stage)
        monkeypatch.setattr(view.split, "assign", assign)

    monkeypatch.setattr(Days, "setup", leaky)


def test_a_clean_method_passes(store: Path, tmp_path: Path) -> None:
    scores = scored("xgboost_own_history.yaml", store, tmp_path, *DATES)
    audits = audited(scores)
    # To count is no leak, but a rival: on this slice insiders copy so much that no method beats it for sure.
    assert {name for name, audit in audits.items() if audit.passed is False} <= {"volume: events"}
    assert {audits[name].passed for name in ("empty units", "identity", "label shuffle")} == {True}
    assert [audit.passed for audit in run_future_audits(scores, retrain=True)] == [True, True, True]


def test_a_label_in_a_feature_is_caught(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def labelled(view: Days) -> pl.DataFrame:
        events = read_key(view.store).events
        days = events.select("user", day=pl.col("time").dt.date()).unique().with_columns(told=pl.lit(500.0))
        told = view.table.join(days, on=["user", "day"], how="left", maintain_order="left")
        more = pl.col("told").fill_null(0.0).cast(pl.Float32)
        return told.with_columns(pl.col("http_count") + more).drop("told")

    plant(monkeypatch, labelled)
    future, answers = run_future_audits(scored("own_history_z.yaml", store, tmp_path, *DATES))
    assert future.passed is True
    assert answers.passed is False
    assert "Knows the ANSWERS" in answers.verdict


def test_a_future_day_in_a_normaliser_is_caught(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = pl.col("http_count", "logon_count")
    plant(monkeypatch, lambda view: view.table.with_columns(every - every.mean()))
    future, answers = run_future_audits(scored("own_history_z.yaml", store, tmp_path, *DATES))
    assert answers.passed is True
    assert future.passed is False
    assert "Knows the FUTURE" in future.verdict


def roughen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a score depend a little on what is scored beside it, as sums of 16 bits do."""
    honest = OwnHistoryZ.score

    def rough(method: OwnHistoryZ, batch: DayBatch) -> torch.Tensor:
        return honest(method, batch) + 0.2 * torch.sin(batch.unit.float().sum())

    monkeypatch.setattr(OwnHistoryZ, "score", rough)


@pytest.mark.slow  # a run is scored three times
def test_what_other_batches_move_is_no_leak(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roughen(monkeypatch)
    audits = run_future_audits(scored("own_history_z.yaml", store, tmp_path, *DATES, "--data.batch_size=64"))
    assert [audit.passed for audit in audits] == [True, True]
    assert "changes more than in other batches, 0.0" in audits[0].verdict


@pytest.mark.slow  # a run is scored three times
def test_a_leak_is_caught_through_what_other_batches_move(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roughen(monkeypatch)
    plant(monkeypatch, lambda view: view.table.with_columns(pl.col("http_count", "logon_count") - pl.len()))
    future, _ = run_future_audits(
        scored("own_history_z.yaml", store, tmp_path, *DATES, "--data.batch_size=64")
    )
    assert future.passed is False


def test_moments_of_all_days_are_caught_by_training_again(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Days.fit

    def fit(view: Days) -> None:
        view.units = view.units.with_columns(part=pl.lit("train").cast(view.units.schema["part"]))
        honest(view)

    def setup(view: Days, stage: str) -> None:
        split(view, stage)
        if stage == "fit":
            view.units = view.split.assign(view.units.drop("part"), view.store)

    split = Days.setup
    monkeypatch.setattr(Days, "fit", fit)
    monkeypatch.setattr(Days, "setup", setup)
    scores = scored("own_history_z.yaml", store, tmp_path, *DATES)
    future, answers, training = run_future_audits(scores, retrain=True)
    assert future.passed is answers.passed is True
    assert training.passed is False
    assert "Knows the FUTURE, in training" in training.verdict


def test_attack_anchored_windows_are_caught(store: Path, tmp_path: Path) -> None:
    more = ["--data.align=published", "--trainer.max_epochs=1", "--data.split.max_hours=2000"]
    audit = audited(scored("mask_value.yaml", store, tmp_path, *more))["null attack"]
    assert audit.passed is False
    assert "Does NOT fall to chance" in audit.verdict


def test_a_user_id_as_input_is_caught(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def named(view: Days) -> pl.DataFrame:
        users = view.table["user"].unique().sort()
        one = [(pl.col("user") == user).cast(pl.Float32).alias(f"id_{n}") for n, user in enumerate(users)]
        return view.table.with_columns(one)

    plant(monkeypatch, named)
    split = ["--data.split=RandomDays", "--data.split.shown=[train]"]
    scores = scored("logistic_regression.yaml", store, tmp_path, *split, "--data.features=[id_*]")
    audit = audited(scores)["identity"]
    assert audit.passed is False
    assert "Knows the USER" in audit.verdict


@pytest.mark.slow  # a run is scored three times
def test_a_view_that_has_one_batch_is_asked(store: Path, tmp_path: Path) -> None:
    scores = scored("chronos.yaml", store, tmp_path, *DATES)
    assert [audit.passed for audit in run_future_audits(scores)] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("config", ["rnn", "oc4seq", "log2sig", "transformer_days", "ecod"])
def test_no_view_looks_ahead(config: str, store: Path, tmp_path: Path) -> None:
    small = ["--data.batch_size=8", "--data.budget=4096"] if config in ("rnn", "oc4seq") else []
    scores = scored(f"{config}.yaml", store, tmp_path, *DATES, *small, "--trainer.max_epochs=1")
    assert [audit.passed for audit in run_future_audits(scores)] == [True, True]


@pytest.mark.slow
def test_windows_by_date_do_not_look_ahead(store: Path, tmp_path: Path) -> None:
    demo = [f"--config={CONFIGS / 'overlays' / 'demo.yaml'}", *DATES, "--trainer.max_epochs=1"]
    scores = scored("mask_value.yaml", store, tmp_path, *demo)
    assert [audit.passed for audit in run_future_audits(scores)] == [True, True]


def told(store: Path) -> dict[tuple[str, datetime], object]:
    """Return what the view `narratives` tells of each validation and test day of a store."""
    view = Narratives(store, Dates(date(2010, 3, 1), date(2010, 3, 8)))
    view.prepare_data()
    view.setup("fit")
    days: dict[tuple[str, datetime], object] = {}
    for batch in view.test_dataloader():
        unit = view.units[batch.unit.numpy()].select("user", "start").rows()
        days.update(zip(unit, zip(batch.narrative, batch.contents, strict=True), strict=True))
    return days


@pytest.mark.slow  # a run is scored three times
def test_of_a_slow_view_a_share_of_the_days_is_asked(store: Path, tmp_path: Path) -> None:
    scores = scored("narrative_length.yaml", store, tmp_path, "--data.split=Dates", *DATES)
    future, answers = run_future_audits(scores)
    assert future.passed is answers.passed is True
    asked = int(future.verdict.split("score of ")[1].split(" units")[0])
    assert 0 < asked < pl.read_parquet(scores).height / 5


def test_narratives_do_not_look_ahead(store: Path, tmp_path: Path) -> None:
    until = datetime(2010, 3, 20)
    cut = told(derive_store(store, tmp_path / "cut", until, datetime(2010, 3, 8)).path)
    before = {day: words for day, words in told(store).items() if day[1] < until}
    assert cut == before
    assert len(cut) > 100
