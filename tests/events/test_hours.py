"""What work-hour profiles promise."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from itd_lightning.events.calendar import CALENDAR
from itd_lightning.events.hours import (
    CAIN_BEADLES,
    CHRONOS_VECTOR,
    HOURS,
    LE_2020,
    FixedHours,
    after_hours,
    training_hours,
    work_hours,
)
from itd_lightning.store.presence import PRESENCE

FIRST = date(2010, 1, 4)  # a Monday


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
    """Return forty work days from ``FIRST`` on; ``days_off`` gives the kind of other days by their number."""
    rows = [(FIRST + timedelta(n), 1, 1, (days_off or {}).get(n, "work")) for n in range(40)]
    return pl.DataFrame(rows, schema=CALENDAR, orient="row")


def first_days(count: int) -> pl.Series:
    """Return the first training days."""
    return pl.Series([FIRST + timedelta(n) for n in range(count)], dtype=pl.Date)


def profile(
    spans: list[tuple[float, float]], days: int = 40, days_off: dict[int, str] | None = None
) -> tuple[object, ...]:
    """Return the days, start, end and own of one user."""
    return work_hours(presence({"ann": spans}), calendar(days_off), first_days(days)).row(0)[1:]


def are_after_hours(
    *moments: datetime, user: str = "ann", slack: float = 1.0, days_off: dict[int, str] | None = None
) -> list[bool | None]:
    """Return whether these moments are after hours for one who works from 9 to 17 on regular days."""
    hours = work_hours(presence({"ann": [(9, 17)] * 10}), calendar(), first_days(10))
    rows = pl.DataFrame({"user": [user] * len(moments), "time": moments})
    return after_hours(rows, hours, calendar(days_off), slack).to_list()


def test_a_day_begins_at_the_late_quantile_of_the_first_event_and_ends_at_the_early_one_of_the_last() -> None:
    spans = [(8 + n / 10, 16 + n / 10) for n in range(11)]
    assert profile(spans) == (11, pytest.approx(8.8), pytest.approx(16.2), True)


def test_work_at_night_on_most_days_does_not_move_the_profile() -> None:
    nights = [(2.0, 17.0), (9.0, 23.5), (0.5, 22.0)] * 2 + [(9.0, 17.0)] * 4
    assert profile(nights) == (10, 9.0, 17.0, True)


def test_a_day_in_ten_that_begins_late_and_ends_early_does_not_move_the_profile() -> None:
    assert profile([(9.0, 17.0)] * 9 + [(12.0, 13.0)]) == (10, 9.0, 17.0, True)


def test_days_off_are_not_learned_from() -> None:
    spans = [(13.0, 14.0)] * 5 + [(9.0, 17.0)] * 10
    days_off = {n: "weekend" if n % 2 else "holiday" for n in range(5)}
    assert profile(spans, days_off=days_off) == (10, 9.0, 17.0, True)


def test_days_after_training_are_not_learned_from() -> None:
    assert profile([(9.0, 17.0)] * 10 + [(12.0, 13.0)] * 20, days=10) == (10, 9.0, 17.0, True)


def test_a_day_that_is_given_twice_counts_once() -> None:
    result = work_hours(presence({"ann": [(9, 17)] * 10}), calendar(), pl.concat([first_days(10)] * 2))
    assert result["days"].to_list() == [10]


def test_a_user_with_too_few_days_gets_the_median_of_the_others() -> None:
    spans = {"ann": [(7, 15)] * 10, "bob": [(8, 17)] * 10, "cid": [(9, 18)] * 10, "new": [(12, 20)] * 9}
    result = work_hours(presence(spans), calendar(), first_days(40))
    assert result.schema == HOURS
    assert result.rows() == [
        ("ann", 10, 7.0, 15.0, True),
        ("bob", 10, 8.0, 17.0, True),
        ("cid", 10, 9.0, 18.0, True),
        ("new", 9, 8.0, 17.0, False),
    ]


def test_a_user_who_starts_after_training_gets_the_median_too() -> None:
    later = presence({"new": [(12, 20)] * 30}).filter(pl.col("day") >= FIRST + timedelta(10))
    all_presence = pl.concat([presence({"ann": [(9, 17)] * 10}), later])
    assert work_hours(all_presence, calendar(), first_days(10)).row(1) == ("new", 0, 9.0, 17.0, False)


def test_a_user_whose_day_would_end_before_it_begins_has_no_profile_of_their_own() -> None:
    scattered = [(hour, hour) for hour in range(8, 18)]
    result = work_hours(presence({"ann": [(9, 17)] * 10, "bob": scattered}), calendar(), first_days(10))
    assert result.row(1) == ("bob", 10, 9.0, 17.0, False)


def test_where_nobody_has_enough_days_only_days_off_are_known_to_be_outside() -> None:
    hours = work_hours(presence({"ann": [(9, 17)] * 3}), calendar(), first_days(40))
    assert hours.rows() == [("ann", 3, None, None, False)]
    rows = pl.DataFrame({"user": ["ann"] * 2, "time": [moment(FIRST, 12), moment(FIRST + timedelta(1), 12)]})
    assert after_hours(rows, hours, calendar({1: "holiday"})).to_list() == [None, True]


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


def test_a_user_without_any_profile_is_measured_by_the_others() -> None:
    assert are_after_hours(moment(FIRST, 12), moment(FIRST, 20), user="stranger") == [False, True]


def test_the_answers_keep_the_order_of_the_rows() -> None:
    hours = work_hours(presence({"ann": [(9, 17)] * 10, "bob": [(1, 5)] * 10}), calendar(), first_days(10))
    times = [moment(FIRST + timedelta(day), 12) for day in (2, 0, 1, 0)]
    rows = pl.DataFrame({"user": ["bob", "ann", "bob", "ann"], "time": times})
    assert after_hours(rows, hours, calendar()).to_list() == [True, False, True, False]


def test_no_events_give_no_profiles_and_no_answers() -> None:
    hours = work_hours(presence({}), calendar(), first_days(3))
    assert (len(hours), hours.schema) == (0, HOURS)
    rows = pl.DataFrame(schema={"user": pl.String(), "time": pl.Datetime("us")})
    result = after_hours(rows, hours, calendar().clear())
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


def test_hours_of_training_are_read_off_the_users_own_training_days() -> None:
    two_users = presence({"ann": [(9, 17)] * 12 + [(1, 23)] * 8, "bob": [(8, 16)] * 20})
    calendar = pl.DataFrame(
        {"day": two_users["day"].unique().sort()}
    ).with_columns(active=pl.lit(2, pl.Int64), staff=pl.lit(2, pl.Int64), kind=pl.lit("work"))  # fmt: skip
    train = two_users.filter((pl.col("user") == "ann") & (pl.col("day") < FIRST + timedelta(days=12)))
    hours = training_hours(two_users, calendar, train.select("user", "day"))
    assert hours.select("user", "days", "start", "end").rows() == [("ann", 12, 9.0, 17.0)]
