"""What the rules promise: a threshold from validation scores, literally."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.thresholds import (
    Rule,
    choose_threshold,
    parse_rule,
    read_threshold,
    threshold_at_budget,
    threshold_at_fdr,
    write_threshold,
)


def days(scores: list[list[float]]) -> pl.DataFrame:
    """Return user-days of calendar days: a list of scores for each."""
    start = [datetime(2010, 3, 1) + timedelta(days=day) for day, found in enumerate(scores) for _ in found]
    return pl.DataFrame({"start": start, "score": [score for found in scores for score in found]})


def test_a_budget_is_kept_on_average_over_the_days() -> None:
    validated = days([[9.0, 8.0, 1.0], [7.0, 2.0, 0.0]])
    assert threshold_at_budget(validated, 1.0) == 7.0  # 9 and 8 lie above it
    assert threshold_at_budget(validated, 0.5) == 8.0
    with pytest.raises(InputError, match="validation has 3 user-days a day"):
        threshold_at_budget(validated, 3.0)


def test_ties_at_a_budget_stay_below_it() -> None:
    assert threshold_at_budget(days([[5.0, 5.0, 5.0, 1.0]]), 1.0) == 5.0


def test_a_false_alarm_rate_is_that_of_harmless_validation_days() -> None:
    harmless = np.arange(200.0)
    assert choose_threshold(Rule("fpr", 0.05), days([[1.0]]), harmless, np.zeros(1)) == 189.0
    with pytest.raises(InputError, match="less than one"):
        choose_threshold(Rule("fpr", 0.001), days([[1.0]]), harmless, np.zeros(1))


def test_false_discoveries_are_weighed_against_the_test_days() -> None:
    harmless = np.arange(99.0)  # 99.5 has p = 0.01, 97.5 has 0.02, 50.5 has 0.49
    assert threshold_at_fdr(np.array([99.5, 97.5, 50.5, 3.0]), harmless, 0.05) == 97.0
    assert threshold_at_fdr(np.array([97.5, 50.5, 3.0, 2.0]), harmless, 0.05) == 98.0  # p = 0.02 > 0.0125
    assert threshold_at_fdr(np.array([99.5, 50.5]), harmless, 0.001 + 0.01) == 99.5  # nothing found
    with pytest.raises(InputError, match="needs 99 validation user-days"):
        threshold_at_fdr(np.array([9.0]), np.arange(50.0), 0.01)


def test_without_validation_days_no_rule_gives_a_threshold() -> None:
    for given in (Rule("budget", 1.0), Rule("fpr", 0.1), Rule("fdr", 0.1)):
        with pytest.raises(InputError, match="no validation part"):
            choose_threshold(given, days([]), np.zeros(0), np.zeros(3))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((None, None, None), "no rule was given"),
        (("10/day", 0.1, None), "--budget and --fpr exclude one another"),
        (("10", None, None), "such as 10/day"),
        (("0/day", None, None), "such as 10/day"),
        (("9" * 400 + "/day", None, None), "such as 10/day"),
        (("-3/day", None, None), "such as 10/day"),
        (("ten/day", None, None), "such as 10/day"),
        ((None, 0.0, None), "--fpr must lie between 0 and 1"),
        ((None, None, 1.5), "--fdr must lie between 0 and 1"),
        ((None, float("nan"), None), "--fpr must lie between 0 and 1"),
    ],
)
def test_nonsense_is_refused(given: tuple[str | None, float | None, float | None], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_rule(*given)


def test_a_stored_threshold_is_read_again_and_a_damaged_one_refused(tmp_path: Path) -> None:
    assert read_threshold(tmp_path, "best.ckpt") is None
    write_threshold(tmp_path, Rule("budget", 2.5), 0.75, "best.ckpt")
    stored = read_threshold(tmp_path, "best.ckpt")
    assert stored is not None
    assert stored == read_threshold(tmp_path / "predict", "best.ckpt")  # new logs are judged by the run's
    assert read_threshold(tmp_path, "last.ckpt") is None
    assert (stored.threshold, stored.value) == (0.75, 2.5)
    assert stored.words == "at most 2.5 validation user-days a day above it"
    told = stored._asdict()
    for other in ({}, [1], {**told, "threshold": float("nan")}, {**told, "words": 3}, {**told, "kind": "x"}):
        (tmp_path / "threshold.json").write_text(json.dumps(other))
        with pytest.raises(InputError, match="is damaged"):
            read_threshold(tmp_path, "best.ckpt")
