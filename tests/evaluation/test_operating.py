"""What thresholds and budgets promise."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.operating import alarms, daily_list, recall_at_share, threshold_at_fpr


@pytest.mark.parametrize("fpr", [0.0, 0.01, 0.05, 0.2])
def test_no_larger_share_of_harmless_validation_units_lies_above_the_threshold(fpr: float) -> None:
    score = np.random.default_rng(0).random(200)
    malicious = score > 0.9
    threshold = threshold_at_fpr(score, malicious, fpr)
    assert (score[~malicious] > threshold).mean() <= fpr


def test_without_validation_units_there_is_no_threshold() -> None:
    with pytest.raises(InputError, match="no validation units"):
        threshold_at_fpr(np.array([]), np.array([], dtype=bool), fpr=0.01)


def test_alarms_are_counted_above_the_threshold() -> None:
    counted = alarms(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False]), threshold=2.0)
    assert counted == (0.5, 0.5, 0.5, 0.5, 0.5)


def test_without_an_alarm_precision_is_not_zero_but_no_number() -> None:
    counted = alarms(np.array([1.0, 2.0]), np.array([True, False]), threshold=9.0)
    assert np.isnan(counted.precision)
    assert counted.recall == 0.0


def test_a_constant_score_finds_nothing_within_a_share() -> None:
    assert recall_at_share(np.ones(100), np.arange(100) < 10, share=0.1) == 0.0


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
