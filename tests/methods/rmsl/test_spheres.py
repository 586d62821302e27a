"""Tests of where spheres start, and of what a behaviour itself adds to both scores."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from itd_lightning.callbacks import StageSchedule
from itd_lightning.callbacks.stages import Stage
from itd_lightning.methods.rmsl.method import RMSL, RMSLStage
from itd_lightning.methods.rmsl.spheres import CountingEncoder, deviation, spread_centres
from itd_lightning.views.sequences.dataset import SequenceDataset
from tests.methods.rmsl.test_method import LENGTHS, batch, model
from tests.methods.test_sequence_methods import view


def test_centres_start_at_behaviours_far_from_one_another() -> None:
    """Four groups far apart: each gets one of four centres, whatever the seed."""
    groups = torch.tensor([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0], [1000.0, 1000.0]])
    behaviours = groups.repeat_interleave(50, 0) + torch.rand(200, 2)
    for seed in range(10):
        torch.manual_seed(seed)
        centres = spread_centres(behaviours, 4, behaviours[:0])
        assert sorted(torch.cdist(centres, groups).argmin(1).tolist()) == [0, 1, 2, 3]
        assert all(centre in behaviours.tolist() for centre in centres.tolist())


def test_a_behaviour_is_drawn_by_its_squared_distance_from_the_centres_that_there_are() -> None:
    behaviours = torch.tensor([[0.0], [1.0], [3.0]])
    torch.manual_seed(0)
    drawn = torch.cat([spread_centres(behaviours, 1, torch.tensor([[0.0]])) for _ in range(2000)])
    shares = [(drawn == value).float().mean().item() for value in (0.0, 1.0, 3.0)]
    assert shares[0] == 0
    assert shares[1:] == pytest.approx([0.1, 0.9], abs=0.03)


def test_more_centres_than_different_behaviours_can_be_drawn() -> None:
    assert len(spread_centres(torch.ones(2, 3), 5, torch.ones(0, 3))) == 5
    assert not len(spread_centres(torch.ones(2, 3), 0, torch.ones(1, 3)))


def test_the_linear_deviation_has_a_gradient_at_the_centre() -> None:
    near = torch.tensor([0.0, 3.0, 6.0], requires_grad=True)
    values = deviation(near, torch.tensor(4.0), "linear")
    torch.testing.assert_close(values, torch.tensor([0.0, 3 / 9, 0.5]))
    values.sum().backward()
    assert near.grad is not None
    assert near.grad[0] == pytest.approx(1 / 6)


def fitted(
    store: Path, folder: Path, epochs: int = 2, stage: RMSLStage = "warm_up", **settings: object
) -> RMSL:
    """Return a small RMSL after one stage, as ``itd fit`` trains it."""
    torch.manual_seed(0)
    method = RMSL(partial(torch.optim.Adam, lr=1e-3), width=16, spheres=12, **settings)  # type: ignore[arg-type]
    method.hparams.clear()
    trainer = Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        max_epochs=epochs,
        limit_train_batches=6,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=[StageSchedule([Stage(stage, epochs, 1e-3)])],
    )
    sessions = view(store, "rmsl")
    sessions.vocabulary = 512
    trainer.fit(method, sessions)
    return method


def test_spheres_that_start_at_behaviours_hold_some_where_random_ones_hold_none(
    store: Path, tmp_path: Path
) -> None:
    used = {
        start: int(fitted(store, tmp_path / start, start=start).trainer.callback_metrics["val/spheres"])
        for start in ("normal", "kmeans")
    }
    assert used["normal"] <= 6
    assert used["kmeans"] >= 9


def test_the_start_of_the_spheres_depends_on_the_seed_alone(store: Path, tmp_path: Path) -> None:
    one, two = (fitted(store, tmp_path / name, start="kmeans").landmarks() for name in ("one", "two"))
    assert torch.equal(one, two)


def test_a_sphere_without_behaviours_starts_anew(store: Path, tmp_path: Path) -> None:
    method = fitted(store, tmp_path, epochs=1, start="kmeans")
    far = torch.full((2, 16), 1e3)
    with torch.no_grad():
        method.detector.centres.weight[:2] = far
        others = method.landmarks()[2:].clone()
        dead = torch.tensor([True, True, *[False] * 10])
        rows = next(iter(method.trainer.train_dataloader))  # type: ignore[arg-type]
        encoded = method.encode_normal(rows)
        method.place_centres(encoded, dead)
    assert torch.equal(method.landmarks()[2:], others)
    assert (torch.cdist(method.landmarks()[:2], encoded).min(1).values < 1e-3).all()


def test_the_embedding_of_a_behaviour_reaches_both_scores_beside_its_context() -> None:
    rows = batch()
    with_path, without = model(residual=True).eval(), model().eval()
    torch.testing.assert_close(
        with_path.detector.encode(rows),
        without.detector.encode(rows) + without.detector.embedding(rows.tokens),
    )
    real = torch.arange(9) < torch.tensor(LENGTHS)[:, None]
    assert not torch.allclose(with_path.score(rows)[real], without.score(rows)[real])


def test_the_best_epoch_can_be_the_one_that_ranks_validation_sessions_best(
    store: Path, tmp_path: Path
) -> None:
    logged = {
        selection: fitted(
            store, tmp_path / selection, epochs=1, stage="multiple_instance", selection=selection
        ).trainer.callback_metrics
        for selection in ("loss", "session_ap")
    }
    precision = logged["session_ap"]["val/session_ap"]
    assert logged["session_ap"]["val/loss"] == 1 - precision
    assert logged["loss"]["val/session_ap"] == precision
    assert logged["loss"]["val/loss"] != 1 - precision


def test_counts_of_a_sequence_are_the_same_in_any_order_and_however_it_is_cut() -> None:
    whole, cut = (
        SequenceDataset(
            np.arange(2, 20, dtype=np.int16), np.array([0]), np.array([18]), np.zeros(1, np.float32), *size
        )[[0]]
        for size in ((18, 0), (8, 4))
    )
    turned = whole._replace(tokens=whole.tokens.flip(1))
    detector = model(context="counts", residual=True).detector.eval()
    expected = detector.encode(whole)[0]
    torch.testing.assert_close(detector.encode(turned)[0].flip(0), expected)
    torch.testing.assert_close(detector.encode(cut)[cut.is_counted], expected)


def test_a_context_of_counts_is_the_sum_of_learned_features_on_a_logarithmic_scale() -> None:
    rows, detector = batch(), model(context="counts").detector.eval()
    encoder = detector.encoder
    assert isinstance(encoder, CountingEncoder)
    for row, length in enumerate(LENGTHS):
        embedded = detector.embedding(rows.tokens[row, :length])
        total = encoder.counted(embedded).relu().sum(0)
        expected = encoder.behaviour(embedded) + encoder.context(torch.log(1 + total))
        torch.testing.assert_close(detector.encode(rows)[row, :length], expected)


def test_training_leaves_the_whole_context_of_some_sequences_out() -> None:
    rows = batch()
    trained = model(context="counts", context_dropout=1.0, dropout=0.0, factor_dropout=0.0).detector.train()
    encoder = trained.encoder
    assert isinstance(encoder, CountingEncoder)
    torch.testing.assert_close(trained.encode(rows), encoder.behaviour(trained.embedding(rows.tokens)))
    assert not torch.allclose(trained.eval().encode(rows), encoder.behaviour(trained.embedding(rows.tokens)))
