"""Tests of every method on the days view."""

import copy
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from lightning.pytorch import Trainer

from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods import (
    CATE,
    ECOD,
    LAN,
    SVM,
    IsolationForest,
    LogisticRegression,
    Method,
    OneClassSVM,
    OwnHistoryZ,
    TransformerDays,
    XgboostTrees,
)
from itd_lightning.runs.launch import quiet
from itd_lightning.splits import Dates
from itd_lightning.views import Days
from tests.methods.handmade_days import score_of

ADAM = partial(torch.optim.Adam, lr=0.01)
DEEP: dict[str, Callable[[], Method[DayBatch]]] = {
    "transformer_days": lambda: TransformerDays(ADAM, width=8, layers=1, heads=2, dropout=0.0),
    "cate": lambda: CATE(ADAM, width=8, channels=2, layers=1, heads=2, dropout=0.0),
    "lan": lambda: LAN(ADAM, width=8, layers=1, heads=2, neighbours=3, pool=32, dropout=0.0),
}
GATHERING: dict[str, Callable[[], Method[DayBatch]]] = {
    "own_history_z": OwnHistoryZ,
    "isolation_forest": lambda: IsolationForest(trees=10),
    "ocsvm": OneClassSVM,
    "svm": SVM,
    "logistic_regression": lambda: LogisticRegression(iterations=200),
    "xgboost": lambda: XgboostTrees(trees=5),
    "ecod": ECOD,
}
METHODS = {**GATHERING, **DEEP}


@pytest.fixture(scope="module")
def batch(days_view: Days) -> DayBatch:
    """Return the test days."""
    rows = days_view.rows("test")
    return rows.__getitems__(list(range(len(rows))))


def fit(method: Method[DayBatch], days_view: Days, folder: Path, epochs: int = 1) -> Path:
    """Train, and return the checkpoint."""
    quiet()
    torch.manual_seed(0)
    trainer = Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(method, datamodule=days_view)
    folder.mkdir(exist_ok=True)
    torch.save({"state_dict": method.state_dict()}, folder / "it.ckpt")
    return folder / "it.ckpt"


@pytest.mark.parametrize("name", ["own_history_z", "logistic_regression", "xgboost", "ecod"])
def test_the_parts_of_an_explanation_sum_to_the_score(
    name: str, days_view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, days_view, tmp_path)
    scores, explained = score_of(method, batch), method.explain(batch)
    assert explained is not None
    assert explained.parts.shape == explained.expected.shape == batch.features.shape
    constant = scores - explained.parts.sum(dim=1)
    torch.testing.assert_close(constant, constant.mean().expand(len(constant)), atol=1e-3, rtol=1e-4)
    assert [len(days_view.cells(unit)) for unit in (0, 5)] == [batch.features.shape[1]] * 2


@pytest.mark.parametrize("name", METHODS)
def test_a_method_fits_and_its_checkpoint_scores_alike(
    name: str, days_view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    method = METHODS[name]()
    checkpoint = fit(method, days_view, tmp_path)
    scores = score_of(method, batch)
    assert scores.shape == batch.unit.shape
    assert scores.isfinite().all()
    assert scores.unique().numel() > 10
    state = load_checkpoint(checkpoint)  # without running code from it
    reloaded = METHODS[name]()
    reloaded.on_load_checkpoint(state)  # as Lightning does
    reloaded.load_state_dict(state["state_dict"])
    assert torch.equal(score_of(reloaded, batch), scores)
    torch.manual_seed(0)
    repeated = METHODS[name]()
    fit(repeated, days_view, tmp_path / "again")
    assert torch.equal(score_of(repeated, batch), scores)


@pytest.mark.parametrize("name", METHODS)
def test_a_score_does_not_depend_on_the_other_days_of_its_batch(
    name: str, days_view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, days_view, tmp_path)
    some = DayBatch(*(column[5:8] for column in batch))
    torch.testing.assert_close(score_of(method, some), score_of(method, batch)[5:8], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["own_history_z", "isolation_forest", "ocsvm", "ecod"])
def test_a_day_far_from_all_others_scores_highest(
    name: str, days_view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, days_view, tmp_path)
    wild = batch._replace(features=batch.features.clone())
    wild.features[7] = 50.0
    assert score_of(method, wild).argmax() == 7


@pytest.mark.parametrize("name", ["svm", "logistic_regression", "xgboost", *DEEP])
def test_a_classifier_puts_malicious_training_days_above_harmless_ones(
    name: str, days_view: Days, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, days_view, tmp_path, epochs=20 if name in DEEP else 1)
    rows = days_view.rows("train")
    train = rows.__getitems__(list(range(len(rows))))
    scores = score_of(method, train)
    assert scores[train.label == 1].median() > scores[train.label == 0].quantile(0.8)


@pytest.mark.parametrize("name", ["svm", "logistic_regression", "xgboost", *DEEP])
def test_a_classifier_without_labels_says_what_to_change(name: str, store: Path, tmp_path: Path) -> None:
    hidden = Days(store, Dates(date(2010, 2, 20), date(2010, 3, 1)), days=1, batch_size=4096)
    with pytest.raises(
        InputError, match=r"let the split show labels \(--data.split.shown '\[train, val\]'\)"
    ):
        fit(METHODS[name](), hidden, tmp_path)


@pytest.mark.parametrize("name", DEEP)
def test_validation_days_without_labels_are_refused_for_any_epoch_would_be_the_best(
    name: str, store: Path, tmp_path: Path
) -> None:
    half = Days(store, Dates(date(2010, 2, 20), date(2010, 3, 1), shown=["train"]), batch_size=4096)
    with pytest.raises(InputError, match="nothing tells which epoch is best"):
        fit(METHODS[name](), half, tmp_path)


@pytest.mark.parametrize("name", GATHERING)
def test_a_checkpoint_cannot_set_what_is_no_tensor_of_the_method(
    name: str, days_view: Days, tmp_path: Path
) -> None:
    method = METHODS[name]()
    state = load_checkpoint(fit(method, days_view, tmp_path))
    state["state_dict"] |= {"seed": torch.ones(1), "score": torch.ones(1)}
    reloaded = METHODS[name]()
    reloaded.on_load_checkpoint(state)
    assert callable(reloaded.score)
    assert vars(reloaded).get("seed") == vars(METHODS[name]()).get("seed")
    with pytest.raises(RuntimeError, match="Unexpected key"):
        reloaded.load_state_dict(state["state_dict"])


@pytest.mark.parametrize("name", METHODS)
def test_a_day_without_events_and_an_unknown_user_get_a_score(
    name: str, days_view: Days, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, days_view, tmp_path)
    assert days_view.fitted is not None
    stranger = copy.copy(days_view)
    stranger.setup("predict")
    stranger.units = stranger.units.with_columns(user="nobody " + pl.col("user"))
    stranger.load_state_dict(days_view.state_dict())
    rows = stranger.rows("predict")
    silent = np.flatnonzero(stranger.values_of(days_view.fitted.features).sum(axis=1) == 0)[:3].tolist()
    assert len(silent) == 3
    assert score_of(method, rows.__getitems__([0, *silent])).isfinite().all()
