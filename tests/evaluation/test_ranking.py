"""What the ranking measures promise."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.ranking import Ranking, interval, user_weights


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("steps", [5, 1000], ids=["many ties", "few ties"])
def test_the_areas_are_those_of_torchmetrics(seed: int, steps: int) -> None:
    draw = np.random.default_rng(seed)
    malicious = draw.random(300) < 0.1
    score = np.round(draw.random(300) * 0.7 + malicious * 0.2, 1) if steps == 5 else draw.random(300)
    ranking = Ranking(score, malicious)
    preds, target = torch.from_numpy(score), torch.from_numpy(malicious.astype(int))
    assert ranking.pr_auc() == pytest.approx(float(binary_average_precision(preds, target)), abs=1e-6)
    assert ranking.roc_auc() == pytest.approx(float(binary_auroc(preds, target)), abs=1e-6)


def test_a_weight_of_two_is_the_same_as_a_unit_twice() -> None:
    draw = np.random.default_rng(0)
    score, malicious = draw.integers(0, 20, 60).astype(float), draw.random(60) < 0.3
    weight = draw.integers(0, 4, 60)
    twice = Ranking(np.repeat(score, weight), np.repeat(malicious, weight))
    assert Ranking(score, malicious).pr_auc(weight.astype(float)) == pytest.approx(twice.pr_auc())
    assert Ranking(score, malicious).roc_auc(weight.astype(float)) == pytest.approx(twice.roc_auc())


def test_large_scores_are_told_apart() -> None:
    score = np.array([1e6, 2e6, 3e6, 4e6])
    assert Ranking(score, np.array([False, False, True, True])).pr_auc() == 1.0


def test_a_constant_score_has_the_base_rate_as_precision_and_half_the_area() -> None:
    ranking = Ranking(np.zeros(10), np.arange(10) < 3)
    assert ranking.pr_auc() == pytest.approx(0.3)
    assert ranking.roc_auc() == 0.5


def test_clean_recall_counts_down_to_the_first_false_alarm() -> None:
    score, malicious = np.array([5.0, 4, 3, 2, 1]), np.array([True, True, False, True, True])
    assert Ranking(score, malicious).clean_recall() == 0.5
    assert Ranking(score, ~malicious).clean_recall() == 0.0


def test_a_false_alarm_that_ties_with_a_hit_is_not_clean() -> None:
    assert Ranking(np.array([5.0, 5, 1]), np.array([True, False, True])).clean_recall() == 0.0


@pytest.mark.parametrize(
    ("score", "malicious", "reason"),
    [
        ([1.0, 2.0], [False, False], "no unit is malicious"),
        ([1.0, 2.0], [True, True], "every unit is malicious"),
        ([1.0, float("nan")], [True, False], "1 of 2 scores are no numbers"),
    ],
)
def test_an_undefined_number_is_refused_with_a_reason(
    score: list[float], malicious: list[bool], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        Ranking(np.array(score), np.array(malicious))


def test_the_bootstrap_draws_whole_users() -> None:
    user = np.array(["a", "a", "b", "c", "c"])
    for weight in user_weights(user, seed=0, replicates=20):
        assert weight[0] == weight[1]
        assert weight[3] == weight[4]
        assert weight[0] + weight[2] + weight[3] == 3


def test_the_interval_holds_the_measure_and_needs_three_malicious_users() -> None:
    draw = np.random.default_rng(1)
    user = np.repeat([f"u{i}" for i in range(20)], 30)
    malicious = draw.random(600) < 0.1
    ranking = Ranking(draw.random(600) + 0.4 * malicious, malicious)
    span = interval(ranking.pr_auc, user, malicious, seed=0, replicates=200)
    assert span is not None
    assert span[0] < ranking.pr_auc() < span[1]
    assert interval(ranking.pr_auc, np.where(malicious, "x", user), malicious, seed=0) is None


def test_equal_seeds_give_equal_intervals() -> None:
    user = np.array([f"u{i % 7}" for i in range(100)])
    malicious = np.arange(100) % 9 == 0
    ranking = Ranking(np.sin(np.arange(100.0)), malicious)
    first, second = (interval(ranking.pr_auc, user, malicious, seed=5, replicates=50) for _ in range(2))
    assert first == second
