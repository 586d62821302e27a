"""Tests of every method; those on sequences are in ``test_sequence_methods``."""

import inspect
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from itd_lightning import methods
from itd_lightning.callbacks import AtomicCheckpointIO, Checkpoints, RandomState
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.methods import (
    CATE,
    ECOD,
    LAN,
    SVM,
    Chronos,
    IsolationForest,
    Log2Sig,
    LogisticRegression,
    MaskValueAutoencoder,
    Method,
    OneClassSVM,
    OwnHistoryZ,
    TransformerDays,
    XgboostTrees,
)
from itd_lightning.runs.launch import quiet
from itd_lightning.splits import Dates
from itd_lightning.views import Days, Signals, Trajectories, View, Windows

CONFIGS = Path(__file__).parents[2] / "configs"
ADAM = partial(torch.optim.Adam, lr=0.01)
SPLIT = partial(Dates, date(2010, 2, 20), date(2010, 3, 1), shown=["train", "val"])
pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists")  # of a run that goes on


class Case(NamedTuple):
    """A method, small, with the view that it reads; dropout is on wherever there is any."""

    method: Callable[[], Method[Any]]
    view: Callable[[Path], View]


def days(store: Path) -> Days:
    """Return days with own history, and two before each."""
    patterns = ["*_count", "!*_pc_*", "!*_hours_*"]
    return Days(store, SPLIT(), features=patterns, history="own", silent=True, days=2, batch_size=512)


CASES = {
    "mask_value": Case(
        lambda: MaskValueAutoencoder(ADAM, latent=4), lambda store: Windows(store, SPLIT(), batch_size=256)
    ),
    "log2sig": Case(
        lambda: Log2Sig(ADAM, vocabulary=20, behaviours=32, modes=1, width=8, layers=1),
        lambda store: Signals(
            store,
            SPLIT(),
            modes=1,
            days=14,
            behaviours=32,
            vocabulary=20,
            imbalance="weighted",
            batch_size=256,
        ),
    ),
    "chronos": Case(
        lambda: Chronos(signals=["velocity", "drift", "circadian"], baseline=10, quantiles=32),
        lambda store: Trajectories(store, SPLIT()),
    ),
    "transformer_days": Case(lambda: TransformerDays(ADAM, width=8, layers=1, heads=2), days),
    "cate": Case(lambda: CATE(ADAM, width=8, channels=2, layers=1, heads=2), days),
    "lan": Case(lambda: LAN(ADAM, width=8, layers=2, heads=2, neighbours=3, pool=32), days),
    "own_history_z": Case(OwnHistoryZ, days),
    "isolation_forest": Case(lambda: IsolationForest(trees=10), days),
    "ocsvm": Case(OneClassSVM, days),
    "svm": Case(SVM, days),
    "logistic_regression": Case(lambda: LogisticRegression(iterations=200), days),
    "xgboost": Case(lambda: XgboostTrees(trees=5), days),
    "ecod": Case(ECOD, days),
}
every_method = pytest.mark.parametrize("name", CASES)
LEARNING = ["mask_value", "log2sig", "transformer_days", "cate", "lan"]  # by gradient


class StopsAfter(Callback):
    """Stops a run after its first epoch, as a kill would."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ask the Trainer to stop."""
        trainer.should_stop = True


def run(name: str, store: Path, folder: Path, *, stopped: bool = False, resume: bool = False) -> Trainer:
    """Train for two epochs, or stop after the first, or go on from where a run stopped."""
    quiet()
    torch.manual_seed(0)
    method = CASES[name].method()
    method.hparams.clear()  # a class, such as the optimizer; the command line puts plain text there
    trainer = Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        max_epochs=2,
        limit_train_batches=2,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[AtomicCheckpointIO()],
        callbacks=[Checkpoints(), RandomState(), *([StopsAfter()] if stopped else [])],
    )
    last = folder / "checkpoints" / "last.ckpt"
    trainer.fit(method, CASES[name].view(store), ckpt_path=last if resume else None)
    return trainer


def predict_scores(trainer: Trainer, checkpoint: Path) -> tuple[Tensor, Tensor]:
    """Return units of the view and their scores by ``predict``, by a newly built method."""
    batches = trainer.predict(trainer.lightning_module, trainer.datamodule, ckpt_path=checkpoint)  # type: ignore[attr-defined]
    assert batches is not None
    units, scores = (torch.cat(list(parts)) for parts in zip(*batches, strict=True))
    return units, scores


def test_every_method_has_a_config_by_which_it_is_fitted_and_tested() -> None:
    exported = {name for name, value in vars(methods).items() if inspect.isclass(value)} - {"Method"}
    configs = [yaml.safe_load(path.read_text("utf-8")) for path in CONFIGS.glob("*.yaml")]
    assert exported == {config["model"]["class_path"].rpartition(".")[2] for config in configs}


@every_method
def test_a_run_that_stopped_ends_with_the_scores_of_one_that_did_not(
    name: str, store: Path, tmp_path: Path
) -> None:
    straight = run(name, store, tmp_path / "straight")
    run(name, store, tmp_path / "stopped", stopped=True)
    stopped = run(name, store, tmp_path / "stopped", resume=True)
    one, other = straight.lightning_module.state_dict(), stopped.lightning_module.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[weight], other[weight]) for weight in one)
    assert straight.global_step == stopped.global_step == (4 if name in LEARNING else 0)
    last = load_checkpoint(tmp_path / "stopped" / "checkpoints" / "last.ckpt")  # without running code
    assert last["state_dict"].keys() == one.keys()
    units, scores = predict_scores(straight, tmp_path / "straight" / "checkpoints" / "last.ckpt")
    assert len(units.unique()) == len(units) == len(straight.datamodule.units)  # type: ignore[attr-defined]
    assert scores.isfinite().all()
    assert scores.unique().numel() > 10
    resumed = predict_scores(stopped, tmp_path / "stopped" / "checkpoints" / "last.ckpt")
    assert torch.equal(resumed[0], units)
    assert torch.equal(resumed[1], scores)


def first_batch(view: View) -> Any:  # noqa: ANN401 - each view has its own batch type
    """Return the first batch of training units."""
    view.prepare_data()
    view.setup("fit")
    return next(iter(view.in_order("train")))


def score_of(method: Method[Any], batch: object) -> Float[Tensor, "b ..."]:
    """Score a batch."""
    with torch.no_grad():
        return method.eval().score(batch)


@pytest.mark.parametrize("name", ["transformer_days", "cate", "lan"])
def test_what_stands_in_place_of_days_that_a_user_does_not_have_changes_no_score(
    name: str, store: Path
) -> None:
    torch.manual_seed(0)
    method, batch = CASES[name].method(), first_batch(days(store))
    if isinstance(method, LAN):
        method.pool.normal_()
        method.pool_unit.copy_(-2 - torch.arange(len(method.pool)))
    lacking = ~batch.has_past
    assert lacking.any(dim=1).sum() > 1
    before = score_of(method, batch)
    torch.testing.assert_close(
        score_of(method, batch._replace(past=batch.past.masked_fill(lacking[..., None], 9.0))), before
    )
    other = batch._replace(past=batch.past.masked_fill(~lacking[..., None], 9.0))
    assert not torch.allclose(score_of(method, other), before)


def test_what_stands_on_days_without_activity_changes_no_score(store: Path) -> None:
    view = CASES["chronos"].view(store)
    batch, method = first_batch(view), CASES["chronos"].method()
    with torch.no_grad():
        method.training_step(batch, 0)
    silent = ~batch.active
    assert silent.any()
    changed = batch._replace(
        values=batch.values.masked_fill(silent[..., None], 9.0),
        hours=batch.hours.masked_fill(silent[..., None], 9),
    )
    torch.testing.assert_close(score_of(method, changed), score_of(method, batch), rtol=0, atol=0)


def test_a_malicious_day_scores_higher_once_it_was_learned(store: Path) -> None:
    torch.manual_seed(0)
    method, view = CASES["log2sig"].method(), CASES["log2sig"].view(store)
    assert isinstance(method, Log2Sig)
    view.prepare_data()
    view.setup("fit")
    rows = view.train_dataloader().dataset
    batch = rows.__getitems__(list(range(len(rows))))
    malicious = batch.label == 1
    assert malicious.any()
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        method.loss(batch).backward()
        optimizer.step()
    scores = score_of(method, batch)
    assert scores[malicious].median() > scores[~malicious].quantile(0.9)


def test_a_window_without_any_event_gets_a_score(store: Path) -> None:
    torch.manual_seed(0)
    method, batch = CASES["mask_value"].method(), first_batch(CASES["mask_value"].view(store))
    empty = batch._replace(mask=torch.zeros_like(batch.mask))
    assert score_of(method, empty).isfinite().all()
