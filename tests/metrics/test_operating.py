"""What thresholds and budgets promise."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.metrics.operating import (
    ThresholdCounts,
    alarms,
    at_prevalence,
    daily_list,
    nearest_to_corner,
    recall_at_share,
    threshold_at_fpr,
)
from itd_lightning.metrics.ranking import rank


@pytest.mark.parametrize("fpr", [0.0, 0.01, 0.05, 0.2])
def test_no_larger_share_of_harmless_validation_units_lies_above_the_threshold(fpr: float) -> None:
    score = np.random.default_rng(0).random(200)
    threshold = threshold_at_fpr(score.copy(), fpr)
    assert (score > threshold).mean() <= fpr
    assert (score >= threshold).mean() > fpr


def test_without_validation_units_there_is_no_threshold() -> None:
    with pytest.raises(InputError, match="no validation units"):
        threshold_at_fpr(np.array([]), fpr=0.01)


def test_a_validation_score_that_is_no_number_gives_no_threshold() -> None:
    with pytest.raises(InputError, match="1 of 2 validation scores are no numbers"):
        threshold_at_fpr(np.array([1.0, float("nan")]), fpr=0.01)


def test_alarms_are_shares_of_what_lies_above_the_threshold() -> None:
    assert [value.tolist() for value in alarms(ThresholdCounts(*np.ones((4, 1))))] == [[0.5]] * 5


def test_a_user_who_is_drawn_twice_raises_twice_the_alarms() -> None:
    above = ThresholdCounts(*np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [8.0, 9.0]]))
    assert alarms(above, np.array([[2.0, 1.0]])).precision.tolist() == [2 / 3]


def test_without_an_alarm_precision_is_not_zero_but_no_number() -> None:
    found = alarms(ThresholdCounts(*np.array([[0.0], [0.0], [1.0], [1.0]])))
    assert np.isnan(found.precision).all()
    assert np.isnan(found.f1).all()
    assert found.recall.tolist() == [0.0]


def test_a_constant_score_finds_nothing_within_a_share() -> None:
    assert recall_at_share(rank(np.ones(100), np.arange(100) < 10), share=0.1) == 0.0


@pytest.mark.parametrize("share", [0.05, 0.1, 0.33, 1.0])
def test_the_recall_within_a_share_is_that_of_sorting(share: float) -> None:
    draw = np.random.default_rng(0)
    score, malicious = np.round(draw.random(333), 2), draw.random(333) < 0.2
    budget = int(np.ceil(share * 333))
    cut = -np.inf if budget >= 333 else np.sort(score)[::-1][budget]
    found = (malicious & (score > cut)).sum() / malicious.sum()
    assert recall_at_share(rank(score, malicious), share) == pytest.approx(found)


def test_the_daily_list_counts_insiders_and_the_days_until_they_are_found() -> None:
    days = pl.DataFrame(
        {
            "user": ["a", "b", "a", "b", "a", "b"],
            "start": [datetime(2010, 3, day) for day in (1, 1, 2, 2, 3, 3)],
            "score": [1.0, 2, 1, 2, 3, 2],
            "malicious": [True, False, True, False, True, False],
        }
    )
    assert daily_list(days, budget=1) == (1 / 3, 1 / 3, 1, 1, 2.0)
    assert daily_list(days, budget=2) == (1.0, 0.5, 1, 1, 0.0)
    assert daily_list(days.with_columns(score=pl.lit(0.0)), budget=1).insiders_found == 1


@pytest.mark.parametrize("share", [0.1, 0.2, 0.9])
def test_another_prevalence_gives_what_units_of_that_share_would(share: float) -> None:
    malicious, harmless = round(1000 * share), round(1000 * (1 - share))
    found, false = 0.6 * malicious, 0.05 * harmless
    counted = at_prevalence(0.6, 0.05, share)
    assert counted["precision"] == pytest.approx(found / (found + false))
    assert counted["f1"] == pytest.approx(2 * found / (2 * found + false + malicious - found))
    assert counted["accuracy"] == pytest.approx((found + harmless - false) / 1000)


def test_without_an_alarm_there_is_no_precision() -> None:
    assert at_prevalence(0.0, 0.0, 0.2)["precision"] is None
    assert at_prevalence(None, None, 0.2)["accuracy"] is None


def test_the_point_nearest_to_the_corner_is_that_of_every_possible_threshold() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        malicious = draw.random(60) < 0.3
        score = np.round(draw.normal(malicious, 1.0), 1)  # with ties
        points = []
        for threshold in score:
            above = score >= threshold
            points.append((above[malicious].mean(), above[~malicious].mean()))
        expected = min(points, key=lambda point: np.hypot(1 - point[0], point[1]))
        point = nearest_to_corner(rank(score, malicious))
        assert np.hypot(1 - point[0], point[1]) == pytest.approx(np.hypot(1 - expected[0], expected[1]))
        assert point in [pytest.approx(other) for other in points]


def test_without_a_malicious_unit_no_point_is_nearest() -> None:
    with pytest.raises(InputError):
        nearest_to_corner(rank(np.array([0.1, 0.2]), np.array([False, False])))
