"""What the reader of LDAP and psychometric files promises."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.people import read_directory
from itd_lightning.store.build.people import validity_periods

HEADER = "employee_name,user_id,email,role,business_unit,functional_unit,department,team,supervisor"
DECEMBER, JANUARY, FEBRUARY, MARCH = date(2009, 12, 1), date(2010, 1, 1), date(2010, 2, 1), date(2010, 3, 1)


def person(user: str, role: str = "Engineer", supervisor: str = "Ann Boss") -> str:
    """One row of an LDAP file; an empty team, as managers have it."""
    return f"Name {user},{user},{user}@dtaa.com,{role},1,2 - Research,3 - Labs,,{supervisor}"


def write_months(folder: Path, months: dict[str, list[str]]) -> Path:
    """Write LDAP files by month."""
    (folder / "LDAP").mkdir()
    for month, rows in months.items():
        (folder / "LDAP" / f"{month}.csv").write_text("".join(f"{row}\n" for row in [HEADER, *rows]))
    return folder


def read_people(folder: Path) -> pl.DataFrame | None:
    """The people of a folder."""
    directory = read_directory(folder)
    return None if directory is None else validity_periods(directory)


def runs(folder: Path) -> list[tuple[object, ...]]:
    """User, validity, role and date of leaving of each row."""
    people = read_people(folder)
    assert people is not None
    return people.select("user", "valid_from", "valid_to", "role", "left_on").rows()


def test_equal_months_collapse_to_one_row_with_every_column(tmp_path: Path) -> None:
    write_months(tmp_path, {"2009-12": [person("a")], "2010-01": [person("a")], "2010-02": [person("a")]})
    people = read_people(tmp_path)
    assert people is not None
    assert people.rows(named=True) == [
        {
            "user": "a",
            "valid_from": DECEMBER,
            "valid_to": MARCH,
            "name": "Name a",
            "email": "a@dtaa.com",
            "role": "Engineer",
            "business_unit": "1",
            "unit": "2 - Research",
            "department": "3 - Labs",
            "team": None,
            "supervisor": "Ann Boss",
            "projects": None,
            "left_on": None,
            **dict.fromkeys("OCEAN"),
        }
    ]


def test_a_user_without_a_row_in_the_last_months_left_on_the_first_of_them(tmp_path: Path) -> None:
    both, one = [person("a"), person("b")], [person("a")]
    write_months(tmp_path, {"2009-12": both, "2010-01": one, "2010-02": one})
    assert runs(tmp_path) == [
        ("a", DECEMBER, MARCH, "Engineer", None),
        ("b", DECEMBER, JANUARY, "Engineer", JANUARY),
    ]


def test_a_change_of_role_begins_a_new_row_and_a_return_a_third(tmp_path: Path) -> None:
    months = {"2009-12": "Engineer", "2010-01": "Manager", "2010-02": "Engineer"}
    write_months(tmp_path, {month: [person("a", role)] for month, role in months.items()})
    assert runs(tmp_path) == [
        ("a", DECEMBER, JANUARY, "Engineer", None),
        ("a", JANUARY, FEBRUARY, "Manager", None),
        ("a", FEBRUARY, MARCH, "Engineer", None),
    ]


def test_a_new_supervisor_or_one_who_is_gone_begins_a_new_row(tmp_path: Path) -> None:
    months = {"2009-12": "Ann Boss", "2010-01": "", "2010-02": ""}
    write_months(tmp_path, {month: [person("a", supervisor=name)] for month, name in months.items()})
    assert [row[1:3] for row in runs(tmp_path)] == [(DECEMBER, JANUARY), (JANUARY, MARCH)]


def test_a_user_is_not_valid_in_a_month_whose_file_lacks_them(tmp_path: Path) -> None:
    write_months(tmp_path, {"2009-12": [person("a")], "2010-01": [person("b")], "2010-02": [person("a")]})
    assert runs(tmp_path) == [
        ("a", DECEMBER, JANUARY, "Engineer", None),
        ("a", FEBRUARY, MARCH, "Engineer", None),
        ("b", JANUARY, FEBRUARY, "Engineer", FEBRUARY),
    ]


def test_a_month_without_a_file_is_bridged(tmp_path: Path) -> None:
    write_months(tmp_path, {"2009-12": [person("a"), person("b")], "2010-02": [person("a")]})
    assert runs(tmp_path) == [
        ("a", DECEMBER, MARCH, "Engineer", None),
        ("b", DECEMBER, FEBRUARY, "Engineer", FEBRUARY),
    ]


def test_a_user_that_stands_in_a_file_twice_counts_once(tmp_path: Path) -> None:
    write_months(tmp_path, {"2009-12": [person("a"), person("a", "Manager")]})
    assert runs(tmp_path) == [("a", DECEMBER, JANUARY, "Engineer", None)]


def test_traits_are_joined_by_user_and_null_where_unknown(tmp_path: Path) -> None:
    write_months(tmp_path, {"2009-12": [person("b"), person("a")]})
    (tmp_path / "psychometric.csv").write_text("employee_name,user_id,O,C,E,A,N\nName b,b,40,30,20,x,50\n")
    people = read_people(tmp_path)
    assert people is not None
    assert people.select("user", "O", "C", "E", "A", "N").rows() == [
        ("a", None, None, None, None, None),
        ("b", 40, 30, 20, None, 50),
    ]
    assert people.schema["O"] == pl.Int32


def test_a_release_without_ldap_has_no_people(tmp_path: Path) -> None:
    assert read_people(tmp_path) is None
    (tmp_path / "LDAP").mkdir()
    (tmp_path / "LDAP" / "notes.csv").write_text("no month")
    assert read_people(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"2009-12\.csv cannot be read as CSV"),
        ("user_id\na\n", "lacks the column 'employee_name', 'email'"),
    ],
)
def test_a_month_that_cannot_be_read_is_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    write_months(tmp_path, {"2009-12": []})
    (tmp_path / "LDAP" / "2009-12.csv").write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        read_people(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_file_that_no_month_has_the_name_of_is_refused(tmp_path: Path) -> None:
    write_months(tmp_path, {"2010-13": [person("a")]})
    with pytest.raises(InputError, match=r"2010-13\.csv is not named after a month"):
        read_people(tmp_path)


def test_a_psychometric_file_without_a_trait_is_refused(tmp_path: Path) -> None:
    write_months(tmp_path, {"2009-12": [person("a")]})
    (tmp_path / "psychometric.csv").write_text("employee_name,user_id,O,C,E,A\n")
    with pytest.raises(InputError, match=r"psychometric\.csv lacks the column 'N'$"):
        read_people(tmp_path)
