"""Tests of every method that scores behaviours of sequences, by all shipped configs."""

from datetime import date
from functools import cache, partial
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from itd_lightning.callbacks import AtomicCheckpointIO, Checkpoints, RandomState, StageSchedule
from itd_lightning.callbacks.stages import Stage
from itd_lightning.contracts.batches import FACTOR_BLOCK, SequenceBatch
from itd_lightning.methods import (
    ITDBERT,
    RMSL,
    LinearBag,
    MaskedBehaviour,
    Method,
    NextBehaviour,
    OC4Seq,
)
from itd_lightning.splits import Dates
from itd_lightning.views import Sequences
from itd_lightning.views.sequences.dataset import SequenceDataset

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = sorted(
    path.stem for path in CONFIGS.glob("*.yaml") if "class_path: Sequences" in path.read_text("utf-8")
)
CLASSES = {kind.__name__: kind for kind in (ITDBERT, LinearBag, MaskedBehaviour, NextBehaviour, OC4Seq, RMSL)}
TINY = {"width": 16, "spheres": 4, "passes": 2, "hidden": 8}
LENGTHS = [9, 1, 5, 9]
pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists")  # of a run that goes on
every_method = pytest.mark.parametrize("name", NAMES)
ONE_OF_EACH_CLASS = (
    "itdbert",
    "linear_bag",
    "m_gru",
    "oc4seq",
    "rmsl",
    "transformer",
)  # the others differ in the encoder
one_of_each_class = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in ONE_OF_EACH_CLASS else pytest.mark.slow) for name in NAMES],
)


def tiny(name: str) -> dict[str, object]:
    """Return the settings that make a method small."""
    settings = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text("utf-8"))["model"]["init_args"]
    return {key: value for key, value in TINY.items() if key in settings}


def build(name: str, vocabulary: int = 20) -> Method[SequenceBatch]:
    """Build a small method from its config; the same for each call."""
    torch.manual_seed(0)
    model = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text("utf-8"))["model"]
    settings = {**model["init_args"], **tiny(name), "optimizer": partial(torch.optim.Adam, lr=1e-3)}
    made = CLASSES[model["class_path"]](**settings, vocabulary=vocabulary)
    if isinstance(made, RMSL):
        made.spread.fill_(0.7)
        made.on_stage_start()
    if isinstance(made, OC4Seq):
        made.centres.normal_()
    return made.eval()


def batch() -> SequenceBatch:
    """Return four sequences, the last two malicious, the second of one behaviour."""
    draw = torch.Generator().manual_seed(4)
    known = torch.arange(9) < torch.tensor(LENGTHS)[:, None]
    tokens = torch.randint(1, 20, (4, 9), generator=draw) * known
    behaviour = torch.where(known, torch.arange(36).view(4, 9), -1)
    labels = torch.tensor([0.0, 0.0, 1.0, 1.0])
    return SequenceBatch(tokens, torch.tensor(LENGTHS), behaviour, torch.arange(4), labels)


def trained(name: str, store: Path, folder: Path, epochs: int, resume: bool = False) -> Trainer:
    """Train on a few batches of the small slice, as ``itd fit`` does, or go on from the last checkpoint."""
    method = build(name).train()
    if isinstance(method, OC4Seq):
        method.centres.zero_()  # computed when training starts
    method.hparams.clear()  # a class, such as the optimizer; the command line puts plain text there
    staged = [Stage("warm_up", 1, 1e-3), Stage("multiple_instance", 1, 1e-3)]
    trainer = Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        max_epochs=epochs,
        limit_train_batches=2,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[AtomicCheckpointIO()],
        callbacks=[Checkpoints(), RandomState(), *([StageSchedule(staged)] if name == "rmsl" else [])],
    )
    trainer.fit(method, view(store, name), ckpt_path=folder / "checkpoints" / "last.ckpt" if resume else None)
    return trainer


def view(store: Path, name: str) -> Sequences:
    """Return the small slice, with labels of sequences."""
    split = Dates(date(2010, 3, 1), date(2010, 3, 15), shown=["train", "val"])
    needs = int(name in ("rmsl", "itdbert", "linear_bag"))
    return Sequences(store, split, vocabulary=20, batch_size=8, malicious=8 * needs, budget=4096)


@one_of_each_class
def test_a_run_that_stopped_ends_with_the_weights_of_one_that_did_not(
    name: str, store: Path, tmp_path: Path
) -> None:
    straight = trained(name, store, tmp_path / "straight", epochs=2)
    trained(name, store, tmp_path / "stopped", epochs=1)
    stopped = trained(name, store, tmp_path / "stopped", epochs=2, resume=True)
    one, other = straight.lightning_module.state_dict(), stopped.lightning_module.state_dict()
    assert straight.global_step == stopped.global_step == 4
    assert any(not torch.equal(one[weight], start) for weight, start in build(name).state_dict().items())
    assert all(torch.equal(one[weight], other[weight]) for weight in one)
    last = torch.load(tmp_path / "stopped" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["state_dict"].keys() == one.keys()


@every_method
def test_scores_have_the_shape_of_the_batch_and_no_padding_has_one(name: str) -> None:
    score = build(name).score(batch())
    assert score.shape == (4, 9)
    assert score.dtype == torch.float32
    assert not score[~batch().is_counted].any()
    assert score[batch().is_counted].isfinite().all()


@every_method
def test_padding_and_company_change_no_score(name: str) -> None:
    method, rows = build(name), batch()
    together = method.score(rows)
    for row, length in enumerate(LENGTHS):
        alone = method.score(rows.where(torch.arange(4) == row))
        torch.testing.assert_close(together[row : row + 1, :length], alone, atol=1e-5, rtol=1e-4)


@one_of_each_class
def test_factored_tokens_are_scored_and_learned_alike(name: str) -> None:
    """Padding and company change no score; training lowers the loss, and padding has no part in it."""
    words = batch()
    blocks = torch.arange(3) * FACTOR_BLOCK
    factors = (1 + (words.tokens[..., None] * torch.tensor([1, 3, 7])) % 20 + blocks) * (words.tokens > 0)[
        ..., None
    ]
    rows, method = words._replace(tokens=factors), build(name, vocabulary=100)
    together = method.score(rows)
    assert together.shape == (4, 9)
    for row, length in enumerate(LENGTHS):
        alone = method.score(rows.where(torch.arange(4) == row))
        torch.testing.assert_close(together[row : row + 1, :length], alone, atol=1e-5, rtol=1e-4)
    if name == "rmsl":
        method.stage = "multiple_instance"  # type: ignore[assignment]
    method.requires_grad_()
    before = method.loss(rows)  # type: ignore[operator]
    optimizer = torch.optim.Adam(method.parameters(), lr=1e-2)
    method.train()
    for _ in range(20):
        optimizer.zero_grad()
        method.loss(rows).backward()  # type: ignore[operator]
        optimizer.step()
    assert method.eval().loss(rows) < before  # type: ignore[operator]


@cache
def long_sequences() -> SequenceDataset:
    """Return sequences of 25, 1 and 12 behaviours in rows of at most 10 that share 4."""
    tokens = torch.randint(1, 20, (38,), generator=torch.Generator().manual_seed(2)).to(torch.int16).numpy()
    length = torch.tensor([25, 1, 12]).numpy()
    first, label = length.cumsum() - length, torch.tensor([1.0, 0.0, 0.0]).numpy()
    return SequenceDataset(tokens, first, length, label, chunk=10, overlap=4)


@every_method
def test_each_behaviour_of_a_long_sequence_is_scored_once(name: str) -> None:
    rows = long_sequences()[[0, 1, 2]]
    scores = rows.name_scores(build(name).score(rows))
    assert sorted(scores.unit.tolist()) == list(range(38))
    assert scores.score.isfinite().all()


@every_method
def test_the_loss_of_what_is_learned_falls_and_padding_has_no_part_in_it(name: str) -> None:
    if name == "rmsl":
        pytest.skip("its three losses have tests of their own")
    torch.manual_seed(0)
    method, rows = build(name), long_sequences()[[0, 1, 2]]
    method.requires_grad_()
    before = method.loss(rows)  # type: ignore[operator]
    more = rows._replace(tokens=rows.tokens.clone())
    wider = SequenceBatch(
        torch.nn.functional.pad(more.tokens, (0, 3)),
        rows.lengths,
        torch.nn.functional.pad(rows.behaviour, (0, 3), value=-1),
        rows.sequence,
        rows.label,
    )
    torch.testing.assert_close(method.loss(wider), before, atol=1e-5, rtol=1e-4)  # type: ignore[operator]
    optimizer = torch.optim.Adam(method.parameters(), lr=1e-2)
    method.train()
    for _ in range(20):
        optimizer.zero_grad()
        method.loss(rows).backward()  # type: ignore[operator]
        optimizer.step()
    assert method.eval().loss(rows) < before  # type: ignore[operator]


@pytest.mark.parametrize(
    "name",
    [name for name in NAMES if "class_path: NextBehaviour" in (CONFIGS / f"{name}.yaml").read_text("utf-8")],
)
def test_a_prediction_does_not_see_the_future(name: str) -> None:
    method, rows = build(name), batch()
    before = method.score(rows)
    later = rows.tokens.clone()
    later[0, 5:] = later[0, 5:] % 19 + 1
    changed = method.score(rows._replace(tokens=later))
    torch.testing.assert_close(changed[0, :5], before[0, :5], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(changed[1:], before[1:], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(changed[0, 5:], before[0, 5:])
