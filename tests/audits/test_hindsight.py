"""What the comparison with a store that ends earlier promises."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from itd_lightning.audits.hindsight import (
    ANSWERS,
    FUTURE,
    TRAINING,
    CutOff,
    ScoreChange,
    compare_scores,
    earlier_units,
    judge_change,
)
from itd_lightning.contracts.scores import SCORES

FIRST = datetime(2010, 3, 1)
CUT = CutOff(until=datetime(2010, 3, 3), hidden_from=FIRST)


def days(scores: list[float], user: str = "a", sequence: int | None = None) -> pl.LazyFrame:
    """Return one day after another, all of the test part."""
    start = [FIRST + timedelta(days=day) for day in range(len(scores))]
    columns = {"user": user, "start": start, "end": [day + timedelta(days=1) for day in start]}
    more = {"event_id": None, "sequence": sequence, "score": scores, "part": "test", "warm_up": False}
    return pl.LazyFrame({**columns, **more}, schema=SCORES)


def test_units_that_end_by_the_cut_are_compared() -> None:
    assert earlier_units(days([1.0, 2.0, 3.0]), CUT.until).collect()["score"].to_list() == [1.0, 2.0]


def test_a_sequence_that_reaches_past_the_cut_is_left_out_as_a_whole() -> None:
    assert earlier_units(days([1.0, 2.0, 3.0], sequence=7), CUT.until).collect().is_empty()
    assert len(earlier_units(days([1.0, 2.0], sequence=7), CUT.until).collect()) == 2


def test_training_units_are_not_compared() -> None:
    trained = days([1.0]).with_columns(part=pl.lit("train").cast(SCORES["part"]))
    assert earlier_units(trained, CUT.until).collect().is_empty()


def test_a_difference_counts_in_standard_deviations() -> None:
    change = compare_scores(days([0.0, 2.0]), days([0.0, 5.0]), same_units=True)
    assert change[:3] == (2, 0.5, 3.0)
    assert compare_scores(days([0.0, 2.0]), days([0.0, 2.0009]), same_units=True).share == 0


def test_a_unit_that_only_one_table_holds_counts_where_both_should_hold_the_same() -> None:
    whole = days([0.0, 2.0, 0.0, 2.0])
    fewer = whole.filter(pl.col("start") != FIRST + timedelta(days=1))
    assert compare_scores(whole, fewer, same_units=True).share == 0.25
    assert compare_scores(fewer, whole, same_units=True).share == 0.25
    assert compare_scores(whole, fewer, same_units=False).share == 0


def test_silent_days_before_a_return_behind_the_cut_do_not_count() -> None:
    assert compare_scores(days([0.0, 2.0, 1.0]), days([0.0, 2.0]), same_units=True) == ScoreChange(
        2, 0.0, 0.0
    )


@pytest.mark.parametrize("name", [FUTURE, ANSWERS, TRAINING])
def test_what_moves_fails_and_what_stays_passes(name: str) -> None:
    assert judge_change(name, ScoreChange(10, 0.0, 0.0), CUT).passed is True
    failed = judge_change(name, ScoreChange(1000, 0.123, 2.5), CUT)
    assert failed.passed is False
    assert failed.number == 0.123
    assert "12.30% of 1,000 units before 2010-03-03" in failed.verdict
    assert judge_change(name, ScoreChange(0, 0.0, 0.0), CUT).passed is None


def test_what_the_split_leaks_by_its_own_account_is_no_failure() -> None:
    audit = judge_change(TRAINING, ScoreChange(10, 0.5, 1.0), CUT, leaks="days of one attack train and test")
    assert audit.passed is None
    assert "days of one attack train and test" in audit.verdict


def test_what_other_batches_move_is_tolerated_twice_over() -> None:
    before, after = days([0.0, 2.0]), days([0.0, 2.1])
    assert compare_scores(before, after, same_units=True).share == 0.5
    usual = compare_scores(before, after, same_units=True).usual
    assert compare_scores(before, after, same_units=True, noise=usual / 2).share == 0.0
    assert compare_scores(before, after, same_units=True, noise=usual / 3).share == 0.5


def test_rounding_does_not_hide_a_missing_unit() -> None:
    whole = days([0.0, 2.0, 0.0, 2.0])
    fewer = whole.filter(pl.col("start") != FIRST + timedelta(days=1))
    assert compare_scores(whole, fewer, same_units=True, noise=9.0).share == 0.25
