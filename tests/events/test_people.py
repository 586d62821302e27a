"""What is promised of attributes as of a day, and of leavers."""

from datetime import date

import polars as pl
import pytest

from itd_lightning.events.people import as_of, leavers

JANUARY, FEBRUARY, MARCH = date(2010, 1, 1), date(2010, 2, 1), date(2010, 3, 1)
SCHEMA = {
    "user": pl.String(),
    "name": pl.String(),
    "valid_from": pl.Date(),
    "valid_to": pl.Date(),
    "role": pl.String(),
    "department": pl.String(),
    "team": pl.String(),
    "supervisor": pl.String(),
    "left_on": pl.Date(),
}
Entry = tuple[str, str, date, date, str, str | None]


def directory(*entries: Entry, last_days: dict[str, date] | None = None) -> pl.DataFrame:
    """Return the people by user, name, validity, role and supervisor's name."""
    rows = [
        (user, name, start, end, role, "Labs", None, boss, (last_days or {}).get(user))
        for user, name, start, end, role, boss in entries
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def user_days(*rows: tuple[str, date]) -> pl.DataFrame:
    """Return the rows of user and day."""
    return pl.DataFrame(list(rows), schema={"user": pl.String(), "day": pl.Date()}, orient="row")


def supervisors(people: pl.DataFrame, *days: date) -> list[str | None]:
    """Return the supervisor of ann on each day."""
    return as_of(people, user_days(*(("ann", day) for day in days)), lag=0)["supervisor"].to_list()


BOSS: Entry = ("b1", "Boss", JANUARY, MARCH, "Manager", None)
ANN: Entry = ("ann", "Ann", JANUARY, MARCH, "Engineer", "Boss")


def test_a_row_gets_the_attributes_of_its_day_and_the_supervisors_user() -> None:
    result = as_of(directory(ANN, BOSS), user_days(("ann", JANUARY)), lag=0)
    assert result.rows(named=True) == [
        {
            "user": "ann",
            "day": JANUARY,
            "team": None,
            "department": "Labs",
            "role": "Engineer",
            "supervisor": "b1",
        }
    ]


def test_the_first_day_of_an_entry_belongs_to_it_and_the_day_after_its_last_does_not() -> None:
    people = directory(
        ("ann", "Ann", JANUARY, FEBRUARY, "Engineer", None), ("ann", "Ann", FEBRUARY, MARCH, "Manager", None)
    )
    days = [date(2009, 12, 31), JANUARY, date(2010, 1, 31), FEBRUARY, date(2010, 2, 28), MARCH]
    roles = as_of(people, user_days(*(("ann", day) for day in days)), lag=0)["role"]
    assert roles.to_list() == [None, "Engineer", "Engineer", "Manager", "Manager", None]


def test_a_user_between_two_entries_or_never_heard_of_has_no_attributes() -> None:
    people = directory(
        ("ann", "Ann", JANUARY, FEBRUARY, "Engineer", None),
        ("ann", "Ann", MARCH, date(2010, 4, 1), "Engineer", None),
    )
    result = as_of(people, user_days(("ann", FEBRUARY), ("eve", JANUARY), ("ann", MARCH)), lag=0)
    assert result["role"].to_list() == [None, None, "Engineer"]


def test_an_entry_is_known_a_month_after_its_date_so_a_leaver_keeps_the_last_one_to_the_end() -> None:
    people = directory(
        ("ann", "Ann", JANUARY, FEBRUARY, "Engineer", "Boss"),
        ("ann", "Ann", FEBRUARY, MARCH, "Manager", "Boss"),
        ("b1", "Boss", JANUARY, MARCH, "Manager", None),
    )
    days = [date(2010, 1, 31), FEBRUARY, date(2010, 2, 28), MARCH, date(2010, 3, 31), date(2010, 4, 1)]
    result = as_of(people, user_days(*(("ann", day) for day in days)))
    assert result["role"].to_list() == [None, "Engineer", "Engineer", "Manager", "Manager", None]
    assert result["supervisor"].to_list() == [None, "b1", "b1", "b1", "b1", None]


def test_a_supervisor_who_changes_in_the_middle_changes_on_that_day() -> None:
    people = directory(
        ("ann", "Ann", JANUARY, FEBRUARY, "Engineer", "Boss"),
        ("ann", "Ann", FEBRUARY, MARCH, "Engineer", "Chief"),
        BOSS,
        ("b2", "Chief", JANUARY, MARCH, "Manager", None),
    )
    assert supervisors(people, date(2010, 1, 31), FEBRUARY) == ["b1", "b2"]


def test_two_employees_with_the_supervisors_name_leave_it_unknown_while_both_are_there() -> None:
    namesake: Entry = ("b2", "Boss", FEBRUARY, MARCH, "Salesman", None)
    assert supervisors(directory(ANN, BOSS, namesake), date(2010, 1, 31), FEBRUARY) == ["b1", None]


def test_a_name_follows_the_employee_who_bears_it_on_the_day() -> None:
    married = [
        ("b1", "Boss", JANUARY, FEBRUARY, "Manager", None),
        ("b1", "Wed", FEBRUARY, MARCH, "Manager", None),
        ("b2", "Boss", FEBRUARY, MARCH, "Manager", None),
    ]
    assert supervisors(directory(ANN, *married), JANUARY, FEBRUARY) == ["b1", "b2"]


@pytest.mark.parametrize("name", [None, "Nobody"])
def test_a_supervisor_without_a_name_or_with_an_unknown_one_is_unknown(name: str | None) -> None:
    people = directory(("ann", "Ann", JANUARY, MARCH, "Engineer", name), BOSS)
    assert supervisors(people, JANUARY) == [None]


def test_rows_keep_their_order_their_number_and_their_columns() -> None:
    rows = user_days(("ann", FEBRUARY), ("b1", JANUARY), ("ann", JANUARY), ("ann", FEBRUARY))
    rows_with_score = rows.with_columns(score=pl.Series([1, 2, 3, 4]))
    result = as_of(directory(ANN, BOSS), rows_with_score, lag=0)
    assert result.select("user", "day", "score").equals(rows_with_score)
    assert result["supervisor"].to_list() == ["b1", None, "b1", "b1"]


@pytest.mark.parametrize("people", [directory(), directory(ANN, BOSS)])
def test_no_rows_give_no_rows(people: pl.DataFrame) -> None:
    result = as_of(people, user_days())
    assert result.columns == ["user", "day", "team", "department", "role", "supervisor"]
    assert len(result) == 0


def test_without_people_nothing_is_known() -> None:
    assert as_of(directory(), user_days(("ann", JANUARY))).rows() == [
        ("ann", JANUARY, None, None, None, None)
    ]


def test_leavers_are_named_once_in_order_and_those_who_stay_are_not() -> None:
    people = directory(
        ("zoe", "Zoe", JANUARY, FEBRUARY, "Engineer", None),
        ("ann", "Ann", JANUARY, FEBRUARY, "Engineer", None),
        ("ann", "Ann", FEBRUARY, MARCH, "Manager", None),
        BOSS,
        last_days={"ann": MARCH, "zoe": FEBRUARY},
    )
    assert leavers(people).rows() == [("ann", MARCH), ("zoe", FEBRUARY)]
    assert leavers(directory()).rows() == []
