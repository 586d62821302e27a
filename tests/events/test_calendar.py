"""What the work calendar promises; in January 2010 the 4th is a Monday."""

from datetime import date, datetime

import polars as pl
import pytest

from itd_lightning.events.calendar import CALENDAR, fill_days, is_weekend, work_calendar
from itd_lightning.store.presence import PRESENCE, days_present

MONDAY, SATURDAY = date(2010, 1, 4), date(2010, 1, 9)


def january(day: int, hour: int = 9, minute: int = 0, second: int = 0) -> datetime:
    """Return a moment in January 2010."""
    return datetime(2010, 1, day, hour, minute, second)


def events(*rows: tuple[str, datetime, str]) -> pl.DataFrame:
    """Return the events in the columns that the calendar reads."""
    schema = {"user": pl.String(), "time": pl.Datetime("us"), "kind": pl.String()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def present(days: dict[int, str]) -> pl.DataFrame:
    """Return the presence in January 2010: for each day the users who were there, one letter each."""
    rows = [
        (user, january(day).date(), january(day), january(day, 17))
        for day, users in days.items()
        for user in users
    ]
    return pl.DataFrame(rows, schema=PRESENCE, orient="row").sort("user", "day")


def kinds(days: dict[int, str]) -> dict[int, str]:
    """Return the kind of each day in January 2010."""
    return {day.day: kind for day, kind in work_calendar(present(days)).select("day", "kind").rows()}


def test_a_user_is_there_from_the_first_event_of_a_day_to_the_last() -> None:
    rows = events(
        ("bob", january(5, 9), "http_visit"),
        ("ann", january(4, 8), "logon"),
        ("ann", january(4, 12), "email_send"),
        ("ann", january(4, 17), "logoff"),
    )
    assert days_present(rows).rows() == [
        ("ann", MONDAY, january(4, 8), january(4, 17)),
        ("bob", date(2010, 1, 5), january(5, 9), january(5, 9)),
    ]


def test_midnight_begins_the_day_and_the_second_before_ends_it() -> None:
    rows = events(("ann", january(4, 23, 59, 59), "http_visit"), ("ann", january(5, 0), "http_visit"))
    assert days_present(rows)["day"].to_list() == [MONDAY, date(2010, 1, 5)]


@pytest.mark.parametrize("end", ["logoff", "disconnect"])
def test_an_end_past_midnight_proves_no_presence_and_is_no_first_event(end: str) -> None:
    evening, past, morning = january(4, 22), january(5, 0, 30), january(6, 0, 10)
    rows = events(
        ("ann", evening, "logon"),
        ("ann", past, end),
        ("ann", morning, end),
        ("ann", january(6, 8), "logon"),
        ("ann", january(6, 17), end),
    )
    assert days_present(rows).rows() == [
        ("ann", MONDAY, evening, evening),
        ("ann", date(2010, 1, 6), january(6, 8), january(6, 17)),
    ]


def test_partials_of_two_shards_merge_to_that_of_both() -> None:
    ann = [("ann", january(4), "logon"), ("ann", january(5), "logon")]
    bob = [("bob", january(4), "logon"), ("bob", january(9), "logon")]
    parts = [days_present(events(*bob)), days_present(events(*ann))]
    at_once = days_present(events(*ann, *bob))
    assert pl.concat(parts).sort("user", "day").equals(at_once)
    assert work_calendar(pl.concat(parts)).equals(work_calendar(at_once))


def test_without_events_there_are_no_days() -> None:
    empty = days_present(events())
    assert (len(empty), empty.schema) == (0, PRESENCE)
    calendar = work_calendar(empty)
    assert (len(calendar), calendar.schema) == (0, CALENDAR)


def test_every_day_from_the_first_to_the_last_has_a_row_even_without_events() -> None:
    calendar = work_calendar(present({4: "abc", 7: "ab", 9: "c"}))
    assert calendar.schema == CALENDAR
    assert calendar.rows() == [
        (MONDAY, 3, 3, "work"),
        (date(2010, 1, 5), 0, 3, "holiday"),
        (date(2010, 1, 6), 0, 3, "holiday"),
        (date(2010, 1, 7), 2, 3, "work"),
        (date(2010, 1, 8), 0, 3, "holiday"),
        (SATURDAY, 1, 3, "weekend"),
    ]


def test_a_weekday_with_fewer_than_three_in_ten_is_a_holiday() -> None:
    assert kinds({4: "abcdefghij", 5: "ab", 6: "abc"}) == {4: "work", 5: "holiday", 6: "work"}


def test_a_saturday_or_sunday_with_more_than_half_is_a_work_day() -> None:
    assert kinds({8: "abcd", 9: "abc", 10: "ab"}) == {8: "work", 9: "work", 10: "weekend"}


def test_a_sunday_counts_as_much_as_a_saturday() -> None:
    assert kinds({8: "abcd", 9: "a", 10: "abcd"}) == {8: "work", 9: "weekend", 10: "work"}


def test_a_weekend_before_any_weekday_stays_weekend_and_the_first_monday_is_work() -> None:
    assert kinds({2: "a", 3: "a", 4: "abc"}) == {2: "weekend", 3: "weekend", 4: "work"}


def test_the_first_day_of_all_is_a_work_day_if_it_is_a_weekday() -> None:
    assert work_calendar(present({4: "ab"})).rows() == [(MONDAY, 2, 2, "work")]


def test_later_days_never_change_earlier_ones() -> None:
    days = {2: "a", 4: "abcde", 5: "a", 8: "abd", 9: "abce", 13: "fg", 24: "e", 25: "abcdefgh", 26: "h"}
    at_once = work_calendar(present(days))
    for last in days:
        until = work_calendar(present({day: users for day, users in days.items() if day <= last}))
        assert until.equals(at_once.head(len(until)))
        assert until["day"][-1].day == last


def test_staff_are_those_seen_in_the_fourteen_days_up_to_the_day() -> None:
    staff = work_calendar(present({4: "ab", 5: "a", 17: "c", 18: "c", 19: "c", 20: "c"}))
    staff_by_day = {day.day: number for day, number in staff.select("day", "staff").rows()}
    assert [staff_by_day[day] for day in (4, 5, 16, 17, 18, 19)] == [2, 2, 2, 3, 2, 1]


def test_a_user_who_starts_later_counts_from_the_first_day_and_once() -> None:
    staff = work_calendar(present({4: "a", 5: "a", 6: "ab", 7: "b"}))
    assert staff["staff"].to_list() == [1, 1, 2, 2]
    assert staff["active"].to_list() == [1, 1, 2, 1]


def test_after_a_gap_without_any_staff_a_lone_weekend_worker_makes_no_work_day() -> None:
    result = kinds({4: "abc", 23: "a", 25: "abc"})
    assert (result[18], result[23], result[25]) == ("holiday", "weekend", "work")


def test_days_are_filled_between_the_first_and_the_last_of_each_user() -> None:
    days = pl.DataFrame({"user": ["b", "a", "b"], "day": [january(day).date() for day in (6, 9, 4)]})
    assert [(user, day.day) for user, day in fill_days(days).iter_rows()] == [
        ("a", 9),
        ("b", 4),
        ("b", 5),
        ("b", 6),
    ]


def test_weekend_is_saturday_and_sunday() -> None:
    week = pl.DataFrame({"time": [january(day, 23) for day in range(4, 12)]})
    assert week.select(is_weekend(pl.col("time"))).to_series().to_list() == [*[False] * 5, True, True, False]
