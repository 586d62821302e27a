"""What conformal p-values promise, and what drift is."""

import numpy as np
import pytest

from itd_lightning.metrics.conformal import discoveries, distance, drift, p_values


def test_a_p_value_counts_validation_days_that_score_as_high() -> None:
    assert p_values(np.array([5.0, 2.0, 0.5]), np.array([1.0, 2.0, 3.0])).tolist() == [0.25, 0.75, 1.0]


def test_harmless_days_have_a_small_p_value_as_rarely_as_it_says() -> None:
    draw = np.random.default_rng(0)
    rates = [(p_values(draw.random(50), draw.random(99)) <= 0.1).mean() for _ in range(400)]
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)


def test_benjamini_and_hochberg_report_up_to_the_last_that_fits() -> None:
    p = np.array([0.9, 0.012, 0.025, 0.001, 0.04])  # limits at 0.05: 0.01, 0.02, 0.03, 0.04, 0.05
    assert discoveries(p, 0.05).tolist() == [False, True, True, True, True]
    assert not discoveries(np.array([0.2, 0.3]), 0.1).any()


def test_at_most_the_promised_share_of_discoveries_is_false() -> None:
    draw, false = np.random.default_rng(1), []
    for _ in range(300):
        scores = np.append(draw.normal(size=180), draw.normal(4, 1, size=20))
        found = discoveries(p_values(scores, draw.normal(size=1000)), 0.2)
        false.append(found[:180].sum() / max(found.sum(), 1))
    assert np.mean(false) < 0.2
    assert np.mean(false) > 0.1  # it is no empty promise either


def test_the_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    tested = np.array([False, True, False, True])  # from the lowest score
    assert distance(tested, np.ones(4, dtype=bool)) == 0.5
    ties = np.array([False, True, False, True])
    assert distance(tested, ties) == 0.0


def test_scores_of_the_same_kind_do_not_drift_and_shifted_ones_do() -> None:
    draw = np.random.default_rng(2)
    user, tested = np.repeat(np.arange(30), 20), np.tile(np.arange(20) >= 10, 30)
    scores = draw.normal(size=600) + draw.normal(scale=3, size=30)[user]
    assert drift(scores, tested, user, seed=0).chance > 0.1
    later = drift(scores + tested, tested, user, seed=0)
    assert later.chance < 0.01
    assert later.distance > 0.1


def test_users_of_one_part_only_change_places_as_a_whole() -> None:
    draw = np.random.default_rng(3)
    user = np.repeat(np.arange(20), 30)
    scores = draw.normal(size=600) + draw.normal(scale=3, size=20)[user]
    assert drift(scores, user >= 10, user, seed=0).chance > 0.05  # days alone would look far apart
    assert drift(scores + 9 * (user >= 10), user >= 10, user, seed=0).chance < 0.01
