"""Tests of every method on the days view, and of each beside its library."""

import copy
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Bool, Float
from lightning.pytorch import Trainer
from torch import Tensor

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
from itd_lightning.methods.bases.gathering import Gathering
from itd_lightning.methods.isolation_forest import usual_depth
from itd_lightning.methods.lan import first_rows, weighted_cosine
from itd_lightning.runs.launch import quiet
from itd_lightning.splits import Dates
from itd_lightning.views import Days

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
def view(store: Path) -> Days:
    """Return the view of the slice: few features, own history, silent days, and two days before each."""
    split = Dates(date(2010, 2, 20), date(2010, 3, 1), shown=["train", "val"])
    patterns = ["*_count", "!*_pc_*", "!*_hours_*"]
    made = Days(store, split, features=patterns, history="own", silent=True, days=2, batch_size=512)
    made.prepare_data()
    made.setup("fit")
    return made


@pytest.fixture(scope="module")
def batch(view: Days) -> DayBatch:
    """Return the test days."""
    rows = view.rows("test")
    return rows.__getitems__(list(range(len(rows))))


def fit(method: Method[DayBatch], view: Days, folder: Path, epochs: int = 1) -> Path:
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
    trainer.fit(method, datamodule=view)
    folder.mkdir(exist_ok=True)
    torch.save({"state_dict": method.state_dict()}, folder / "it.ckpt")
    return folder / "it.ckpt"


def score_of(method: Method[DayBatch], batch: DayBatch) -> Float[Tensor, " b"]:
    """Score in one piece."""
    method.eval()
    with torch.no_grad():
        return method.score(batch)


@pytest.mark.parametrize("name", ["own_history_z", "logistic_regression", "xgboost", "ecod"])
def test_the_parts_of_an_explanation_sum_to_the_score(
    name: str, view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, view, tmp_path)
    scores, explained = score_of(method, batch), method.explain(batch)
    assert explained is not None
    assert explained.parts.shape == explained.expected.shape == batch.features.shape
    constant = scores - explained.parts.sum(dim=1)
    torch.testing.assert_close(constant, constant.mean().expand(len(constant)), atol=1e-3, rtol=1e-4)
    assert [len(view.cells(unit)) for unit in (0, 5)] == [batch.features.shape[1]] * 2


@pytest.mark.parametrize("name", METHODS)
def test_a_method_fits_and_its_checkpoint_scores_alike(
    name: str, view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    method = METHODS[name]()
    checkpoint = fit(method, view, tmp_path)
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
    fit(repeated, view, tmp_path / "again")
    assert torch.equal(score_of(repeated, batch), scores)


@pytest.mark.parametrize("name", METHODS)
def test_a_score_does_not_depend_on_the_other_days_of_its_batch(
    name: str, view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, view, tmp_path)
    some = DayBatch(*(column[5:8] for column in batch))
    torch.testing.assert_close(score_of(method, some), score_of(method, batch)[5:8], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["own_history_z", "isolation_forest", "ocsvm", "ecod"])
def test_a_day_far_from_all_others_scores_highest(
    name: str, view: Days, batch: DayBatch, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, view, tmp_path)
    wild = batch._replace(features=batch.features.clone())
    wild.features[7] = 50.0
    assert score_of(method, wild).argmax() == 7


@pytest.mark.parametrize("name", ["svm", "logistic_regression", "xgboost", *DEEP])
def test_a_classifier_puts_malicious_training_days_above_harmless_ones(
    name: str, view: Days, tmp_path: Path
) -> None:
    method = METHODS[name]()
    fit(method, view, tmp_path, epochs=20 if name in DEEP else 1)
    rows = view.rows("train")
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
    name: str, view: Days, tmp_path: Path
) -> None:
    method = METHODS[name]()
    state = load_checkpoint(fit(method, view, tmp_path))
    state["state_dict"] |= {"seed": torch.ones(1), "score": torch.ones(1)}
    reloaded = METHODS[name]()
    reloaded.on_load_checkpoint(state)
    assert callable(reloaded.score)
    assert vars(reloaded).get("seed") == vars(METHODS[name]()).get("seed")
    with pytest.raises(RuntimeError, match="Unexpected key"):
        reloaded.load_state_dict(state["state_dict"])


@pytest.mark.parametrize("name", METHODS)
def test_a_day_without_events_and_an_unknown_user_get_a_score(name: str, view: Days, tmp_path: Path) -> None:
    method = METHODS[name]()
    fit(method, view, tmp_path)
    assert view.fitted is not None
    stranger = copy.copy(view)
    stranger.setup("predict")
    stranger.load_state_dict({**view.fitted._asdict(), "users": ["nobody"] * len(view.fitted.users)})
    rows = stranger.rows("predict")
    silent = (rows.values.sum(dim=1) == 0).nonzero().flatten()[:3].tolist()
    assert len(silent) == 3
    days = rows.__getitems__([0, *silent])
    assert days.user.tolist() == [0] * 4
    assert score_of(method, days).isfinite().all()


# Beside the libraries


def days_of(features: Float[Tensor, "b f"]) -> DayBatch:
    """Return days without a past."""
    count = len(features)
    nothing = torch.zeros(count, 0, features.shape[1])
    numbers = torch.arange(count)
    return DayBatch(
        features, nothing, torch.zeros(count, 0, dtype=torch.bool), numbers, numbers, numbers * torch.nan
    )


@pytest.fixture(scope="module")
def table() -> tuple[Float[Tensor, "n f"], Bool[Tensor, " n"], Float[Tensor, "b f"]]:
    """Return training days, whether they are malicious, and days to score."""
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(300, 6, generator=draw).exp().round()
    malicious = features.sum(dim=1) > 14
    return features, malicious, torch.randn(80, 6, generator=draw).exp().round() * 1.5


def fit_and_score(
    method: Gathering[DayBatch], table: tuple[Tensor, Tensor, Tensor]
) -> Float[np.ndarray, " b"]:
    """Fit the training days, and return the scores of the others."""
    features, malicious, days = table
    method.fit(days_of(features)._replace(label=malicious.float()))
    return score_of(method, days_of(days)).numpy()


def test_the_isolation_forest_scores_as_its_library(table: tuple[Tensor, Tensor, Tensor]) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    forest = ensemble.IsolationForest(n_estimators=20, max_samples=256, random_state=3).fit(table[0].numpy())
    scores = fit_and_score(IsolationForest(trees=20, seed=3), table)
    np.testing.assert_allclose(scores, -forest.score_samples(table[2].numpy()), rtol=1e-6)


def test_an_isolation_forest_may_cut_a_share_of_the_features(table: tuple[Tensor, Tensor, Tensor]) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    forest = ensemble.IsolationForest(n_estimators=9, max_samples=64, max_features=0.5, random_state=3)
    expected = -forest.fit(table[0].numpy()).score_samples(table[2].numpy())
    scores = fit_and_score(IsolationForest(trees=9, days=64, features=0.5, seed=3), table)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_the_usual_depth_is_that_of_the_paper() -> None:
    harmonic = np.log(255) + np.euler_gamma
    expected = [0, 0, 1, 2 * (np.log(2) + np.euler_gamma) - 4 / 3, 2 * harmonic - 2 * 255 / 256]
    assert usual_depth(torch.tensor([0, 1, 2, 3, 256])).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_support_vector_machines_score_as_their_library(
    kernel: str, table: tuple[Tensor, Tensor, Tensor]
) -> None:
    machines = pytest.importorskip("sklearn.svm")
    features, malicious, days = (part.double().numpy() for part in table)
    one = machines.OneClassSVM(nu=0.1, kernel=kernel, gamma="scale").fit(features)
    scores = fit_and_score(OneClassSVM(nu=0.1, kernel=kernel), table)  # type: ignore[arg-type]
    np.testing.assert_allclose(scores, -one.decision_function(days), rtol=1e-4, atol=1e-5)
    two = machines.SVC(C=2.0, kernel=kernel, gamma="scale", class_weight="balanced").fit(features, malicious)
    scores = fit_and_score(SVM(cost=2.0, kernel=kernel), table)  # type: ignore[arg-type]
    np.testing.assert_allclose(scores, two.decision_function(days), rtol=1e-4, atol=1e-5)


def test_logistic_regression_scores_as_its_library(table: tuple[Tensor, Tensor, Tensor]) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    features, malicious, days = (part.double().numpy() for part in table)
    model = linear.LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced").fit(features, malicious)
    scores = fit_and_score(LogisticRegression(), table)
    np.testing.assert_allclose(scores, model.decision_function(days), rtol=1e-5, atol=1e-6)


def test_xgboost_scores_as_its_library(table: tuple[Tensor, Tensor, Tensor]) -> None:
    xgboost = pytest.importorskip("xgboost")
    features, malicious, days = table
    balance = float((~malicious).sum() / malicious.sum())
    model = xgboost.XGBClassifier(
        n_estimators=20,
        learning_rate=0.05,
        subsample=0.8,
        colsample_bytree=0.5,
        scale_pos_weight=balance,
        random_state=0,
        n_jobs=1,
    )
    model.fit(features.numpy(), malicious.numpy())
    scores = fit_and_score(XgboostTrees(trees=20), table)
    np.testing.assert_allclose(scores, model.predict(days.numpy(), output_margin=True), rtol=1e-5, atol=1e-6)


def test_ecod_scores_by_its_definition(table: tuple[Tensor, Tensor, Tensor]) -> None:
    features, _, days = (part.double().numpy() for part in table)
    skew = ((features - features.mean(axis=0)) ** 3).mean(axis=0)
    expected = []
    for day in days:
        others = np.vstack([features, day])
        left = [-np.log(np.mean(others[:, place] <= day[place])) for place in range(6)]
        right = [-np.log(np.mean(others[:, place] >= day[place])) for place in range(6)]
        both = [left[place] if skew[place] < 0 else right[place] for place in range(6)]
        expected.append(max(sum(left), sum(right), sum(both)))
    np.testing.assert_allclose(fit_and_score(ECOD(), table), expected, rtol=1e-5)


def test_own_history_z_is_the_largest_or_the_sum_of_the_deviations() -> None:
    batch = days_of(torch.tensor([[1.0, -3.0], [0.5, 0.0]]))
    assert OwnHistoryZ("max").score(batch).tolist() == [3.0, 0.5]
    assert OwnHistoryZ("sum").score(batch).tolist() == [4.0, 0.5]


# Small parts


def test_distant_nodes_are_no_neighbours_and_each_is_its_own() -> None:
    nodes = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]])
    likeness = weighted_cosine(nodes, torch.ones(2, 2), threshold=0.5)
    torch.testing.assert_close(likeness, torch.tensor([[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]))


def test_equal_histories_are_pooled_once() -> None:
    assert first_rows(torch.tensor([[1.0], [0.0], [1.0], [2.0], [0.0]])).tolist() == [0, 1, 3]


def test_lan_meets_harmless_days_only_and_in_training_never_itself(view: Days, tmp_path: Path) -> None:
    torch.manual_seed(0)
    method = LAN(ADAM, width=8, layers=1, heads=2, neighbours=3, pool=32, dropout=0.0)
    fit(method, view, tmp_path)
    pooled = method.pool_unit[method.pool_unit >= 0]
    assert len(pooled) > 10
    assert (view.label[pooled.numpy()] == 0).all()
    rows = view.rows("train")
    place = int((rows.part == pooled[0]).nonzero()[0])
    method.eval()
    with torch.no_grad():
        near, _ = method.graph(rows[place])
        method.train()
        far, _ = method.graph(rows[place])
    torch.testing.assert_close(near[0, 1], near[0, 0])
    assert not torch.allclose(far[0, 1], far[0, 0])
