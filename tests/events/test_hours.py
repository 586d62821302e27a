"""What work-hour profiles promise."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from itd_lightning.events.calendar import CALENDAR
from itd_lightning.events.hours import (
    CAIN_BEADLES,
    CHRONOS_VECTOR,
    LE_2020,
    OWN_HOURS,
    FixedHours,
    WorkingDay,
    after_hours,
    everybodys_hours,
    own_hours,
)
from itd_lightning.store.presence import PRESENCE

FIRST = date(2010, 1, 4)  # a Monday
NINE_TO_FIVE = WorkingDay(9.0, 17.0)


def moment(day: date, hour: float) -> datetime:
    """Return a moment by its hour since midnight."""
    return datetime(day.year, day.month, day.day) + timedelta(hours=hour)


def presence(spans: Mapping[str, Sequence[tuple[float, float]]]) -> pl.DataFrame:
    """Return for each user the first and last hour of consecutive days from ``FIRST`` on."""
    days = {
        user: [(FIRST + timedelta(n), *hours) for n, hours in enumerate(rows)] for user, rows in spans.items()
    }
    rows = [
        (user, day, moment(day, first), moment(day, last))
        for user, result in days.items()
        for day, first, last in result
    ]
    return pl.DataFrame(rows, schema=PRESENCE, orient="row").sort("user", "day")


def calendar(days_off: dict[int, str] | None = None) -> pl.DataFrame:
    """Return 100 work days from ``FIRST`` on; ``days_off`` gives the kind of other days by their number."""
    rows = [(FIRST + timedelta(n), 1, 1, (days_off or {}).get(n, "work")) for n in range(100)]
    return pl.DataFrame(rows, schema=CALENDAR, orient="row")


def profile(
    spans: list[tuple[float, float]], days_off: dict[int, str] | None = None
) -> tuple[float | None, float | None]:
    """Return the usual start and end of one user after the last of these days."""
    start, end = own_hours(presence({"ann": spans}), calendar(days_off)).row(-1)[2:]
    return start, end


def everybody(spans: Mapping[str, Sequence[tuple[float, float]]]) -> WorkingDay:
    """Return the usual hours of everybody where all days are training days."""
    days = presence(spans)
    return everybodys_hours(days, calendar(), days.select("user", "day"))


def are_after_hours(
    *moments: datetime, slack: float = 1.0, days_off: dict[int, str] | None = None
) -> list[bool | None]:
    """Return whether these moments are after hours for one of whom nothing is known but everybody's hours."""
    own = own_hours(presence({}), calendar())
    rows = pl.DataFrame({"user": ["ann"] * len(moments), "time": moments})
    return after_hours(rows, own, NINE_TO_FIVE, calendar(days_off), slack).to_list()


def test_a_day_begins_at_the_late_quantile_of_the_first_event_and_ends_at_the_early_one_of_the_last() -> None:
    spans = [(8 + n / 8, 16 + n / 8) for n in range(11)]
    assert profile(spans) == (9.0, 16.25)


def test_work_at_night_on_most_days_does_not_move_the_profile() -> None:
    nights = [(2.0, 17.0), (9.0, 23.5), (0.5, 22.0)] * 2 + [(9.0, 17.0)] * 4
    assert profile(nights) == (9.0, 17.0)


def test_a_day_in_ten_that_begins_late_and_ends_early_does_not_move_the_profile() -> None:
    assert profile([(9.0, 17.0)] * 9 + [(12.0, 13.0)]) == (9.0, 17.0)


def test_days_off_are_not_learned_from() -> None:
    spans = [(13.0, 14.0)] * 5 + [(9.0, 17.0)] * 10
    days_off = {n: "weekend" if n % 2 else "holiday" for n in range(5)}
    assert profile(spans, days_off) == (9.0, 17.0)
    assert profile(spans[:14], days_off) == (None, None)


def test_only_the_last_sixty_work_days_count() -> None:
    assert profile([(9.0, 17.0)] * 20 + [(12.0, 20.0)] * 50) == (12.0, 20.0)
    assert profile([(9.0, 17.0)] * 20 + [(12.0, 20.0)] * 47) == (12.0, 17.0)


def test_a_user_whose_day_would_end_before_it_begins_has_no_hours_of_their_own() -> None:
    assert profile([(hour, hour) for hour in range(8, 18)]) == (None, None)


def test_own_hours_are_those_of_a_loop_over_days() -> None:
    draw = np.random.default_rng(0)
    spans = {user: [(8 + a, 16 + b) for a, b in draw.random((90, 2))] for user in ("ann", "bob")}
    off = {n: "weekend" for n in range(100) if n % 7 > 4}
    result = own_hours(presence(spans), calendar(off))
    assert result.schema == OWN_HOURS
    rows = iter(result.rows())
    for user, days in spans.items():
        before: list[tuple[float, float]] = []
        for number in sorted(set(range(90)) - set(off)):
            before = [*before, days[number]][-60:]
            firsts, lasts = (sorted(column) for column in zip(*before, strict=True))
            most = len(before) - 1
            hours = (firsts[round(0.8 * most)], lasts[round(0.2 * most)]) if most >= 9 else (None, None)
            expected = (user, FIRST + timedelta(number), *hours)
            assert next(rows) == pytest.approx(expected, abs=1e-6)
    assert next(rows, None) is None


def test_the_hours_of_everybody_are_the_median_of_those_who_trained_on_ten_days() -> None:
    spans = {"ann": [(7, 15)] * 10, "bob": [(8, 17)] * 10, "cid": [(9, 18)] * 10, "new": [(12, 20)] * 9}
    assert everybody(spans) == (8.0, 17.0)
    assert everybody({**spans, "odd": [(hour, hour) for hour in range(8, 18)]}) == (8.0, 17.0)


def test_the_hours_of_everybody_are_read_off_each_users_own_training_days() -> None:
    two_users = presence({"ann": [(9, 17)] * 12 + [(1, 23)] * 8, "bob": [(8, 16)] * 20})
    train = two_users.filter((pl.col("user") == "ann") & (pl.col("day") < FIRST + timedelta(days=12)))
    assert everybodys_hours(two_users, calendar(), train.select("user", "day")) == (9.0, 17.0)


def test_where_nobody_has_enough_days_only_days_off_are_known_to_be_outside() -> None:
    few = presence({"ann": [(9, 17)] * 3})
    everybodys = everybodys_hours(few, calendar(), few.select("user", "day"))
    assert everybodys == WorkingDay(None, None)
    rows = pl.DataFrame({"user": ["ann"] * 2, "time": [moment(FIRST, 12), moment(FIRST + timedelta(1), 12)]})
    own, days = own_hours(few, calendar()), calendar({1: "holiday"})
    assert after_hours(rows, own, everybodys, days).to_list() == [None, True]


def daily_flags(
    spans: Mapping[str, Sequence[tuple[float, float]]], hour: float, user: str = "ann"
) -> list[bool | None]:
    """Return whether an hour is after hours, on each day of a user."""
    days = presence(spans)
    times = [moment(day, hour) for day in days.filter(pl.col("user") == user)["day"]]
    rows = pl.DataFrame({"user": [user] * len(times), "time": times})
    return after_hours(rows, own_hours(days, calendar()), NINE_TO_FIVE, calendar()).to_list()


def test_the_first_ten_days_of_a_user_are_measured_by_everybodys_hours() -> None:
    assert daily_flags({"ann": [(12, 20)] * 13}, 9) == [False] * 10 + [True] * 3


def test_a_day_says_nothing_of_its_own_usual_hours() -> None:
    spans = {"ann": [(8, 16)] * 8 + [(12, 20)] * 4}
    assert daily_flags(spans, 9.0) == [False] * 11 + [True]  # 3 late days of 11, not of 10, move the start
    assert daily_flags({"ann": spans["ann"][:-1]}, 9.0) == [False] * 11


def test_later_days_of_a_user_and_earlier_ones_of_another_change_no_hours() -> None:
    spans = {"ann": [(12, 20)] * 30, "bob": [(9, 17)] * 30}
    changed = {"ann": [*spans["ann"][:20], *[(1, 5)] * 20], "bob": [(3, 7)] * 30}
    for hour in (4, 9, 13, 20.5):
        flags = daily_flags(spans, hour)
        assert daily_flags(changed, hour)[:21] == flags[:21]
    assert daily_flags(changed, 20.5)[:30] != daily_flags(spans, 20.5)


def test_the_slack_belongs_to_the_working_day_and_its_bounds_too() -> None:
    second = 1 / 3600
    times = [moment(FIRST, hour) for hour in (8 - second, 8, 9, 17, 18, 18 + second)]
    assert are_after_hours(*times) == [True, False, False, False, False, True]
    assert are_after_hours(*times, slack=0.5) == [True, True, False, False, True, True]


def test_midnight_is_the_first_moment_of_its_day_not_the_last_of_the_day_before() -> None:
    assert are_after_hours(moment(FIRST, 24), slack=9.0) == [False]
    assert are_after_hours(moment(FIRST, 24 - 1 / 3600), slack=6.0) == [True]
    assert are_after_hours(moment(FIRST, 24), slack=9.0, days_off={1: "weekend"}) == [True]


@pytest.mark.parametrize("kind", ["weekend", "holiday"])
def test_every_moment_of_a_day_off_is_outside(kind: str) -> None:
    assert are_after_hours(moment(FIRST, 12), moment(FIRST + timedelta(1), 12), days_off={0: kind}) == [
        True,
        False,
    ]


def test_a_saturday_that_is_a_work_day_has_working_hours() -> None:
    saturday = FIRST + timedelta(5)
    assert are_after_hours(moment(saturday, 12), moment(saturday, 22)) == [False, True]


def test_of_a_day_outside_the_calendar_the_weekday_decides() -> None:
    friday = date(2011, 1, 7)
    assert are_after_hours(moment(friday, 12), moment(friday + timedelta(1), 12)) == [False, True]


def test_the_answers_keep_the_order_of_the_rows() -> None:
    own = own_hours(presence({"ann": [(9, 17)] * 10, "bob": [(1, 5)] * 10}), calendar())
    times = [moment(FIRST + timedelta(day), 12) for day in (12, 10, 11, 10)]
    rows = pl.DataFrame({"user": ["bob", "ann", "bob", "ann"], "time": times})
    assert after_hours(rows, own, WorkingDay(None, None), calendar()).to_list() == [True, False, True, False]


def test_no_events_give_no_hours_and_no_answers() -> None:
    own = own_hours(presence({}), calendar())
    assert (len(own), own.schema) == (0, OWN_HOURS)
    assert everybody({}) == (None, None)
    rows = pl.DataFrame(schema={"user": pl.String(), "time": pl.Datetime("us")})
    result = after_hours(rows, own, NINE_TO_FIVE, calendar().clear())
    assert (len(result), result.dtype) == (0, pl.Boolean())


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        (LE_2020, [7.5, 17.5], [7.4999, 17.5001, 0.0]),
        (CAIN_BEADLES, [8.0, 16.9999], [7.9999, 17.0]),
        (CHRONOS_VECTOR, [7.0, 18.9999], [6.9999, 19.0, 23.9]),
    ],
)
def test_fixed_hours_are_those_of_the_publication_on_any_day(
    hours: FixedHours, inside: list[float], outside: list[float]
) -> None:
    for day in (FIRST, FIRST + timedelta(days=5)):
        rows = pl.DataFrame({"time": [moment(day, hour) for hour in (*inside, *outside)]})
        flags = rows.select(hours.after_hours(pl.col("time"))).to_series()
        assert flags.to_list() == [False] * len(inside) + [True] * len(outside)
