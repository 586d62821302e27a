"""What the ranking measures promise."""

import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from itd_lightning.contracts.errors import InputError
from itd_lightning.metrics.bootstrap import user_weights
from itd_lightning.metrics.ranking import Areas, Ranking, average_precision, precision_at_places, rank


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("steps", [5, 1000], ids=["many ties", "few ties"])
def test_the_areas_are_those_of_torchmetrics(seed: int, steps: int) -> None:
    draw = np.random.default_rng(seed)
    malicious = draw.random(300) < 0.1
    score = np.round(draw.random(300) * 0.7 + malicious * 0.2, 1) if steps == 5 else draw.random(300)
    ranking = rank(score, malicious)
    preds, target = torch.from_numpy(score), torch.from_numpy(malicious.astype(int))
    assert ranking.pr_auc() == pytest.approx(float(binary_average_precision(preds, target)), abs=1e-6)
    assert ranking.roc_auc() == pytest.approx(float(binary_auroc(preds, target)), abs=1e-6)


def test_a_user_of_weight_two_is_the_same_as_its_units_twice() -> None:
    draw = np.random.default_rng(0)
    score, malicious = draw.integers(0, 20, 60).astype(float), draw.random(60) < 0.3
    user = draw.integers(0, 9, 60)
    weight = draw.integers(0, 4, 9)
    twice = rank(np.repeat(score, weight[user]), np.repeat(malicious, weight[user]))
    found = rank(score, malicious, user).areas(weight[None].astype(float))
    assert found.pr_auc[0] == pytest.approx(twice.pr_auc())
    assert found.roc_auc[0] == pytest.approx(twice.roc_auc())
    assert found.clean_recall[0] == pytest.approx(twice.clean_recall())


def test_large_scores_are_told_apart() -> None:
    score = np.array([1e6, 2e6, 3e6, 4e6])
    assert rank(score, np.array([False, False, True, True])).pr_auc() == 1.0


def test_a_constant_score_has_the_base_rate_as_precision_and_half_the_area() -> None:
    ranking = rank(np.zeros(10), np.arange(10) < 3)
    assert ranking.pr_auc() == pytest.approx(0.3)
    assert ranking.roc_auc() == 0.5


def test_clean_recall_counts_down_to_the_first_false_alarm() -> None:
    score, malicious = np.array([5.0, 4, 3, 2, 1]), np.array([True, True, False, True, True])
    assert rank(score, malicious).clean_recall() == 0.5
    assert rank(score, ~malicious).clean_recall() == 0.0


def test_a_false_alarm_that_ties_with_a_hit_is_not_clean() -> None:
    assert rank(np.array([5.0, 5, 1]), np.array([True, False, True])).clean_recall() == 0.0


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
        rank(np.array(score), np.array(malicious)).pr_auc()


def test_the_bootstrap_draws_as_many_users_as_there_are() -> None:
    weights = user_weights(np.array([True, False, True, True]), seed=0, replicates=20)
    assert (weights.sum(axis=1) == 3).all()
    assert not weights[:, 1].any()
    assert len(np.unique(weights, axis=0)) > 5


def test_the_interval_holds_the_measure_and_needs_three_malicious_users() -> None:
    draw = np.random.default_rng(1)
    user = np.repeat([f"u{i}" for i in range(20)], 30)
    malicious = draw.random(600) < 0.1
    score = draw.random(600) + 0.4 * malicious
    ranking = rank(score, malicious, user)
    span = ranking.intervals(seed=0, replicates=200)["pr_auc"]
    assert span is not None
    assert span[0] < ranking.pr_auc() < span[1]
    assert span == ranking.intervals(seed=0, replicates=200)["pr_auc"]
    alone = rank(score, malicious, np.where(malicious, "x", user))
    assert alone.intervals(seed=0) == {"pr_auc": None, "roc_auc": None, "clean_recall": None}


def units(seed: int, steps: float, count: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores rounded to steps, labels and users, of 40 users; users 0 to 7 are insiders."""
    draw = np.random.default_rng(seed)
    user = np.sort(draw.integers(0, 40, count))
    malicious = (user < 8) & (draw.random(count) < 0.1)
    return np.round((draw.normal(size=count) + malicious) / steps) * steps, malicious, user


def literal(score: np.ndarray, malicious: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """The measures as they are defined: sort, and add up weights down to each distinct score."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.diff(score[order], append=-np.inf))
    true = np.cumsum((weight * malicious)[order])[ends]
    false = np.cumsum((weight * ~malicious)[order])[ends]
    precision = np.sum(np.diff(true, prepend=0) * true / np.maximum(true + false, 1e-12)) / true[-1]
    area = np.sum(np.diff(false, prepend=0) * (true + np.append(0, true[:-1])) / 2) / (true[-1] * false[-1])
    clean = true[false == 0][-1] / true[-1] if (false == 0).any() else 0.0
    return float(precision), float(area), float(clean)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", [1e-9, 0.1, 1.0, 100.0], ids=["no ties", "ties", "many ties", "all equal"])
def test_intervals_are_those_of_sorting_each_draw(seed: int, steps: float) -> None:
    score, malicious, user = units(seed, steps)
    drawn = []
    draw = np.random.default_rng(7)
    for _ in range(50):
        weight = np.bincount(draw.integers(40, size=40), minlength=40)[user]
        if weight[malicious].any():
            drawn.append(literal(score, malicious, weight))
    expected = np.quantile(np.array(drawn), [0.025, 0.975], axis=0).T
    spans = rank(score, malicious, user).intervals(seed=7, replicates=50)
    np.testing.assert_allclose(
        np.array([spans[name] for name in Areas._fields]), expected, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("steps", [1e-9, 0.1])
@pytest.mark.parametrize("size", [1, 7, 500])
def test_in_pieces_the_numbers_are_those_of_all_at_once_bit_for_bit(steps: float, size: int) -> None:
    score, malicious, user = units(0, steps)
    whole = rank(score, malicious, user)
    parts = Ranking(score[malicious], user[malicious], users=40)
    harmless, owner = score[~malicious], user[~malicious]
    for first in range(0, len(harmless), size):
        parts.add(harmless[first : first + size], owner[first : first + size])
    assert parts.intervals(seed=1, replicates=30) == whole.intervals(seed=1, replicates=30)
    assert (parts.pr_auc(), parts.roc_auc(), parts.clean_recall()) == (
        whole.pr_auc(),
        whole.roc_auc(),
        whole.clean_recall(),
    )


def test_the_numbers_do_not_depend_on_how_many_groups_are_held_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ranking = rank(*units(2, 0.01))
    whole = ranking.intervals(seed=1, replicates=30)
    monkeypatch.setattr("itd_lightning.metrics.ranking.CELLS", 200)
    for name, span in ranking.intervals(seed=1, replicates=30).items():
        assert span == pytest.approx(whole[name], abs=1e-12)


def test_some_malicious_units_rank_against_all_harmless_ones() -> None:
    score, malicious, user = units(1, 0.1)
    some = (user < 4)[malicious]
    kept = ~malicious | (user < 4)
    alone = rank(score[kept], malicious[kept], user[kept])
    fewer = rank(score, malicious, user).only(some)
    assert fewer.pr_auc() == pytest.approx(alone.pr_auc(), abs=1e-12)
    assert fewer.roc_auc() == pytest.approx(alone.roc_auc(), abs=1e-12)
    for name, span in fewer.intervals(seed=1, replicates=30).items():
        assert span == pytest.approx(alone.intervals(seed=1, replicates=30)[name], abs=1e-12)


def test_a_curve_ends_at_the_base_rate_and_holds_the_area() -> None:
    ranking = rank(*units(3, 0.1))
    recall, precision = ranking.curve()
    assert recall[-1] == 1.0
    assert precision[-1] == ranking.base_rate
    assert np.sum(np.diff(recall, prepend=0) * precision) == pytest.approx(ranking.pr_auc())


def test_a_rank_counts_the_units_that_score_as_high() -> None:
    ranking = rank(np.array([3.0, 2, 2, 1]), np.array([False, True, False, True]))
    assert ranking.ranks().tolist() == [3, 4]


MANY = """
import numpy as np
from itd_lightning.runs.cost import peak_gib
from itd_lightning.metrics.ranking import Ranking

draw = np.random.default_rng(0)
hits = np.round(draw.normal(1.0, 1.0, 10_306), 5)
ranking = Ranking(hits, draw.integers(0, 99, len(hits)), users=4000)
above = tied = 0
for user in range(0, 4000, 20):
    score = np.round(draw.normal(size=400_000), 5)
    ranking.add(score, np.repeat(np.arange(user, user + 20), 20_000))
    score.sort()
    left, right = np.searchsorted(score, hits), np.searchsorted(score, hits, side="right")
    above, tied = above + int(left.sum()), tied + int((right - left).sum())
span = ranking.intervals(seed=0)["roc_auc"]
print(ranking.units, ranking.roc_auc(), (above + tied / 2) / (10_306 * 80e6), *span, peak_gib())
"""


@pytest.mark.slow
def test_eighty_million_scores_of_four_thousand_users_are_measured_within_two_gigabytes() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, check=True)
    units, area, counted, low, high, peak = map(float, done.stdout.split())
    assert units == 80_010_306
    assert area == pytest.approx(counted, abs=1e-12)  # counted pair by pair
    assert area == pytest.approx(NormalDist().cdf(1 / 2**0.5), abs=0.01)  # two normals, one deviation apart
    assert low < area < high
    assert peak < 2


def test_average_precision_is_that_of_the_places() -> None:
    assert precision_at_places(np.array([2, 4])) == 0.5


def test_average_precision_is_the_area_of_the_ranking() -> None:
    draw = np.random.default_rng(3)
    score, malicious = draw.integers(20, size=100).astype(float), draw.random(100) < 0.2
    assert average_precision(score, malicious) == pytest.approx(rank(score, malicious).pr_auc(), abs=1e-12)
