"""Tests of the label policies."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.splits.labels import label_units
from itd_lightning.store.key import Key

START = datetime(2010, 3, 1)
KEY = Key(
    campaigns=pl.DataFrame(
        {"user": ["a"], "scenario": [1], "start": [datetime(2010, 3, 3, 22)], "end": [datetime(2010, 3, 6)]},
        schema_overrides={"scenario": pl.Int32},
    ),
    events=pl.DataFrame(
        {
            "user": ["a", "a"],
            "scenario": [1, 1],
            "time": [datetime(2010, 3, 3, 22), datetime(2010, 3, 6)],
            "event_id": ["x", "y"],
        },
        schema_overrides={"scenario": pl.Int32},
    ),
)


def days(user: str) -> pl.DataFrame:
    """Return eight user-days from the first of March."""
    starts = [START + timedelta(days=day) for day in range(8)]
    return pl.DataFrame({"user": [user] * 8, "start": starts, "end": [s + timedelta(days=1) for s in starts]})


@pytest.mark.parametrize(
    ("policy", "marked"),
    [("event", [3, 6]), ("interval", [3, 4, 5, 6]), ("user", [1, 2, 3, 4, 5, 6, 7, 8])],
)
def test_each_policy_marks_its_days_of_march(policy: LabelPolicy, marked: list[int]) -> None:
    labelled = label_units(days("a"), KEY, policy)
    assert [day.day for day in labelled.filter("malicious")["start"]] == marked
    assert labelled.filter("malicious")["scenario"].unique().to_list() == [1]


@pytest.mark.parametrize("policy", ["event", "interval", "user"])
def test_another_user_is_never_marked(policy: LabelPolicy) -> None:
    assert not label_units(days("b"), KEY, policy)["malicious"].any()


def test_the_order_and_number_of_units_stay() -> None:
    units = pl.concat([days("b"), days("a")])
    assert label_units(units, KEY, "event").select(units.columns).equals(units)


def test_a_moved_key_marks_the_days_that_many_weeks_before() -> None:
    labelled = label_units(
        days("a").with_columns(pl.col("start", "end") - timedelta(days=14)), KEY.move_earlier(14), "event"
    )
    assert [day.day for day in labelled.filter("malicious")["start"]] == [17, 20]


def test_a_behaviour_is_malicious_by_its_id_and_not_by_its_moment() -> None:
    times = [START, START]
    rows = pl.DataFrame({"user": ["ann", "ann"], "start": times, "event_id": ["bad", "good"]})
    rows = rows.with_columns(end=pl.col("start") + timedelta(microseconds=1))
    key = Key(
        pl.DataFrame({"user": ["ann"], "scenario": ["1"], "start": [START], "end": [START]}),
        pl.DataFrame({"user": ["ann"], "scenario": ["1"], "time": [START], "event_id": ["bad"]}),
    )
    assert label_units(rows, key, "event")["malicious"].to_list() == [True, False]
    assert label_units(rows, key, "interval")["malicious"].to_list() == [True, True]
