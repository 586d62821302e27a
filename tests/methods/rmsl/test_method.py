"""Tests of RMSL, each equation beside a literal one."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from itd_lightning.cli.parser import main
from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.rmsl.method import RMSL, RMSLStage
from itd_lightning.methods.rmsl.spheres import deviation, multi_centre, separability
from itd_lightning.metrics.ranking import rank

CONFIG = Path(__file__).parents[3] / "configs" / "rmsl.yaml"
LENGTHS = [9, 1, 5, 9]


def batch(labels: list[float] | None = None) -> SequenceBatch:
    """Return four sequences, the last two malicious."""
    torch.manual_seed(4)
    real = torch.arange(9) < torch.tensor(LENGTHS)[:, None]
    tokens = torch.randint(1, 20, (4, 9)) * real
    behaviour = torch.where(real, torch.arange(36).view(4, 9), -1)
    shown = torch.tensor([0.0, 0.0, 1.0, 1.0] if labels is None else labels)
    return SequenceBatch(tokens, torch.tensor(LENGTHS), behaviour, torch.arange(4), shown)


def model(stage: RMSLStage = "multiple_instance", **settings: object) -> RMSL:
    """Return a small model in a stage."""
    torch.manual_seed(0)
    method = RMSL(partial(torch.optim.AdamW, lr=1e-2), vocabulary=20, width=8, spheres=3, **settings)  # type: ignore[arg-type]
    method.log = lambda *_, **__: None  # type: ignore[method-assign]
    method.stage = stage
    method.on_stage_start()
    method.spread.fill_(0.7)
    return method


def test_distances_and_both_losses_of_the_warm_up_are_those_of_equations_3_6_and_7() -> None:
    rmsl, rows = model("warm_up").eval(), batch()
    normal = rows.where(rows.label != 1)
    encoded = rmsl.detector.encode(normal)
    expected = []
    for row, length in enumerate(LENGTHS[:2]):
        total = 0.0
        for place in range(length):
            far = sorted(
                math.dist(encoded[row, place].tolist(), centre)
                for centre in rmsl.detector.centres.weight.tolist()
            )
            ratio = math.exp(far[1]) / (math.exp(far[0]) + math.exp(far[1]))
            total += far[0] ** 2 - 0.5 * math.log(ratio)
        expected.append(total / length)
    assert rmsl.loss(normal).item() == pytest.approx(sum(expected) / 2, abs=1e-5)


def test_the_losses_are_literal_to_a_millionth() -> None:
    nearest, second = torch.rand(50, dtype=torch.float64), 1 + torch.rand(50, dtype=torch.float64)
    for near, far, centre, apart in zip(
        nearest.tolist(),
        second.tolist(),
        multi_centre(nearest).tolist(),
        separability(nearest, second).tolist(),
        strict=True,
    ):
        assert centre == pytest.approx(near**2, abs=1e-9)
        assert apart == pytest.approx(-math.log(math.exp(far) / (math.exp(near) + math.exp(far))), abs=1e-9)


def test_far_distances_do_not_overflow() -> None:
    apart = separability(torch.tensor([1e4, 0.0]), torch.tensor([2e4, torch.inf]))
    assert apart.isfinite().all()


def test_the_deviation_rises_with_the_distance_from_0_to_1() -> None:
    far = torch.linspace(0, 1e4, 1001, dtype=torch.float64)
    deviations = deviation(far, torch.tensor(2.0, dtype=torch.float64))
    assert deviations[0] == 0
    assert (deviations.diff() > 0).all()
    assert deviations[-1] < 1
    assert deviation(torch.tensor(3 * 2.0**0.5), torch.tensor(2.0)).item() == pytest.approx(0.5)


def test_the_score_is_that_of_equations_4_and_5() -> None:
    rmsl, rows = model(alpha=0.3).eval(), batch()
    detector = rmsl.detector
    encoded = detector.encode(rows)
    for row, length in enumerate(LENGTHS):
        x = encoded[row, :length]
        query, key, value = (x @ detector.attention.weight.T + detector.attention.bias).split(
            [2, 2, 8], dim=1
        )
        attended = torch.softmax(query @ key.T / math.sqrt(2), dim=1) @ value
        summed = x + attended
        normal = (summed - summed.mean(1, keepdim=True)) / (
            summed.var(1, unbiased=False, keepdim=True) + 1e-5
        ).sqrt()
        logit = (normal * detector.norm.weight + detector.norm.bias) @ detector.classifier.weight[
            0
        ] + detector.classifier.bias
        near = torch.cdist(x, detector.centres.weight).min(dim=1).values
        expected = 0.3 * torch.sigmoid(logit) + 0.7 * near**2 / (near**2 + 9 * 0.7)
        torch.testing.assert_close(rmsl.score(rows)[row, :length], expected, atol=1e-6, rtol=0)


def test_before_the_classifier_learned_the_score_is_the_deviation() -> None:
    rmsl, rows = model("warm_up").eval(), batch()
    near = rmsl.detector.distances(rmsl.detector.encode(rows))[0]
    torch.testing.assert_close(rmsl.score(rows), deviation(near, rmsl.spread) * rows.is_counted)


def test_the_second_stage_is_the_cross_entropy_of_bags() -> None:
    rmsl, rows = model().eval(), batch()
    score = rmsl.score(rows)
    bags = [score[row, :length].max() for row, length in enumerate(LENGTHS)]  # none has 16 behaviours
    normal = -(torch.log(1 - bags[0]) + torch.log(1 - bags[1])) / 2
    malicious = -(torch.log(bags[2]) + torch.log(bags[3])) / 2
    torch.testing.assert_close(rmsl.loss(rows), (normal + malicious) / 2)


@pytest.mark.parametrize(
    ("stage", "parts"),
    [
        ("warm_up", {"embedding", "encoder", "centres"}),
        ("multiple_instance", {"embedding", "encoder", "centres", "attention", "norm", "classifier"}),
        ("self_training", {"embedding", "encoder", "centres", "attention", "norm", "classifier"}),
    ],
)
def test_a_stage_moves_what_it_trains_and_nothing_else(stage: RMSLStage, parts: set[str]) -> None:
    rmsl = model(stage)
    loss = rmsl.training_step(batch(), 0)
    assert loss is not None
    loss.backward()
    moved = {
        name.split(".")[1]
        for name, weight in rmsl.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }
    assert moved == parts
    assert all(
        name.startswith("detector.") for name, weight in rmsl.named_parameters() if weight.grad is not None
    )


def test_the_optimizer_gets_no_weight_of_the_teacher() -> None:
    rmsl = model()
    optimizer = rmsl.configure_optimizers()
    assert optimizer
    weights = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    assert weights == {id(weight) for weight in rmsl.detector.parameters()}


def test_the_teacher_starts_as_a_copy_and_follows_slowly() -> None:
    rmsl = model("self_training", teacher_momentum=0.9)
    begun = rmsl.detector.centres.weight.detach().clone()
    torch.testing.assert_close(rmsl.teacher.module.centres.weight, begun)  # type: ignore[union-attr]
    with torch.no_grad():
        rmsl.detector.centres.weight.add_(1.0)
    rmsl.on_train_batch_end(None, batch(), 0)
    torch.testing.assert_close(rmsl.teacher.module.centres.weight, begun + 0.1)  # type: ignore[union-attr]


def test_what_counts_as_anomalous_is_what_few_behaviours_of_normal_sequences_reach() -> None:
    rmsl, rows = model("self_training", false_share=0.3).eval(), batch()
    rmsl.training_step(rows, 0)
    scores = rmsl.score(rows.where(rows.label == 0))
    normal = sorted([*scores[0].tolist(), scores[1, 0].item()])  # ten behaviours
    assert rmsl.anomalous_from.item() == pytest.approx(0.7 * normal[6] + 0.3 * normal[7])

    rmsl.anomalous_from.fill_(-1.0)  # a later batch moves it by a tenth of the way
    rmsl.training_step(rows, 1)
    assert rmsl.anomalous_from.item() == pytest.approx(-0.9 + 0.1 * (0.7 * normal[6] + 0.3 * normal[7]))
    rmsl.on_stage_start()
    assert rmsl.anomalous_from.isinf()


def test_self_training_waits_for_a_normal_sequence() -> None:
    rmsl, rows = model("self_training"), batch()
    malicious = rows.where(rows.label == 1)
    assert rmsl.training_step(malicious, 0) is None
    rmsl.training_step(rows, 1)
    assert rmsl.training_step(malicious, 2) is not None


def test_the_threshold_of_pseudo_labels_never_falls_below_one_half() -> None:
    rmsl = model("self_training", clear_momentum=0.5)
    for _ in range(5):
        rmsl.training_step(batch(), 0)
        assert 0.5 <= float(rmsl.clear) <= 1


def test_padding_company_and_context_rows_change_no_score() -> None:
    rmsl, rows = model().eval(), batch()
    alone = rmsl.score(rows.where(torch.tensor([False, False, True, False])))
    torch.testing.assert_close(rmsl.score(rows)[2:3, :5], alone)


def test_one_sphere_is_enough() -> None:
    torch.manual_seed(0)
    rmsl = RMSL(partial(torch.optim.AdamW, lr=1e-2), vocabulary=20, width=8, spheres=1)
    rmsl.stage = "warm_up"
    assert rmsl.loss(batch().where(torch.tensor([True, True, False, False]))).isfinite()


def test_a_stage_that_needs_labels_says_so() -> None:
    with pytest.raises(InputError, match="the split shows none"):
        model().training_step(batch([math.nan] * 4), 0)
    assert model("warm_up").training_step(batch([math.nan] * 4), 0) is not None
    assert model("warm_up").training_step(batch([1.0] * 4), 0) is None


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"alpha": 1.5}, "0 .. 1"),
        ({"high_share": 0.8}, "0 .. 1"),
        ({"passes": 1}, "two passes"),
        ({"width": 6}, "multiple of 4"),
    ],
)
def test_numbers_out_of_range_are_refused(settings: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        RMSL(torch.optim.AdamW, **settings)  # type: ignore[arg-type]


def overrides(store: Path, folder: Path, *more: str) -> list[str]:
    """Return a short training of the small slice."""
    return [
        f"--config={CONFIG}",
        f"--data.store={store}",
        f"--trainer.default_root_dir={folder}",
        "--data.split.val_from=2010-03-01",
        "--data.split.test_from=2010-03-15",
        "--model.width=32",
        "--model.spheres=8",
        "--model.passes=2",
        *more,
    ]


def stages(*texts: str) -> str:
    """Return stages as the command line takes them: name, epochs, rate."""
    method = [
        f'{{"name": "{name}", "epochs": {epochs}, "lr": {lr}}}'
        for name, epochs, lr in (text.split(":") for text in texts)
    ]
    return f"--trainer.callbacks.stages=[{', '.join(method)}]"


@pytest.mark.slow
def test_a_run_that_stopped_within_a_stage_ends_with_the_same_weights(store: Path, tmp_path: Path) -> None:
    plan = stages("warm_up:1:1e-3", "multiple_instance:2:1e-3", "self_training:2:1e-4")
    few = ["--trainer.limit_train_batches=3", "--trainer.limit_val_batches=2", plan]
    main(["fit", *overrides(store, tmp_path / "straight", *few)])
    stopped = tmp_path / "stopped"
    for epochs in (1, 2, 4, 5):  # at the end of a stage, within the second and the third one
        resume = [f"--ckpt_path={stopped / 'checkpoints' / 'last.ckpt'}"] if epochs > 1 else []
        main(["fit", *overrides(store, stopped, *few, f"--trainer.max_epochs={epochs}"), *resume])
    for name in ("warm_up", "multiple_instance", "self_training"):
        one, other = (
            torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
            for folder in (tmp_path / "straight", stopped)
        )
        assert all(torch.equal(one[weight], other[weight]) for weight in one)


ODDITY, ATTACK = 10, 11  # tokens: rare and harmless, rare and malicious


def planted(count: int, seed: int) -> tuple[SequenceBatch, Tensor]:
    """Return sequences of usual tokens, half of them malicious; and which behaviours are the attack.

    Every second sequence of either kind holds a harmless oddity, and every malicious one an attack.
    """
    draw = np.random.default_rng(seed)
    tokens = draw.integers(2, 9, (count, 20))
    label = np.arange(count) % 2
    rows = np.arange(count)
    odd = rows[draw.random(count) < 0.5]
    tokens[odd, draw.integers(0, 10, len(odd))] = ODDITY
    bad = rows[label == 1]
    tokens[bad, draw.integers(10, 20, len(bad))] = ATTACK
    batch = SequenceBatch(
        torch.from_numpy(tokens),
        torch.full((count,), 20),
        torch.arange(count * 20).reshape(count, 20),
        torch.arange(count),
        torch.from_numpy(label).float(),
    )
    return batch, batch.tokens == ATTACK


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_labels_of_sequences_tell_the_attack_from_a_harmless_oddity(seed: int) -> None:
    """The order of the ablation in small: the first two stages find attacks better than the first alone."""
    torch.manual_seed(seed)
    rmsl = RMSL(partial(torch.optim.AdamW, lr=1e-2), vocabulary=12, width=16, spheres=4)
    rmsl.log = lambda *_, **__: None  # type: ignore[method-assign]
    fresh, attacks = planted(200, seed=99)
    areas = []
    plan: tuple[tuple[RMSLStage, int], ...] = (("warm_up", 40), ("multiple_instance", 60))
    for stage, steps in plan:
        rmsl.stage = stage
        rmsl.on_stage_start()
        optimizer = rmsl.configure_optimizers()
        assert optimizer
        for step in range(steps):
            loss = rmsl.train().training_step(planted(32, seed=1000 * seed + step)[0], step)
            assert loss is not None
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            score = rmsl.eval().score(fresh)
        areas.append(rank(score.flatten().double().numpy(), attacks.flatten().numpy()).roc_auc())
    assert areas[0] < areas[1]
    assert areas[1] > 0.95
