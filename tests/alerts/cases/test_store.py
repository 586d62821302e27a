"""What cases promise: one open case a user, nothing twice, nothing overwritten; in SQLite and PostgreSQL."""

import os
import sqlite3
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.sql.schema import Table

from itd_lightning.alerts.cases.connect import connect
from itd_lightning.alerts.cases.schema import Base
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.contracts.errors import InputError
from tests.alerts.cases.handmade_alerts import DAY, add_alerts, days_later, make_alert, make_day


def test_the_alerts_of_a_user_are_collected_in_one_case(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("ann"), make_alert("bob", rank=2), make_alert("ann", days_later(1)))
    found = {row.user: row for row in cases.cases()}
    assert {user: row.alerts for user, row in found.items()} == {"ann": 2, "bob": 1}
    assert (found["ann"].first, found["ann"].last, found["ann"].state) == (DAY, days_later(1), "new")
    assert [alert.day for alert in cases.case(found["ann"].id).alerts] == [days_later(1), DAY]


def test_an_alert_comes_back_as_it_was_written(cases: CaseStore) -> None:
    alert = make_alert("Ann Ö'Neil\n<b>", p_value=None, warm_up=None, evidence=[], event_ids=[])
    add_alerts(cases, alert)
    (found,) = cases.alerts()
    assert found._replace(id=None, case_id=None) == alert


def test_a_day_that_is_written_twice_changes_nothing(cases: CaseStore) -> None:
    assert cases.add_day(make_day(), [make_alert("ann")], ["hook"])
    assert not cases.add_day(make_day(), [make_alert("ann"), make_alert("bob", rank=2)], ["hook"])
    assert [alert.user for alert in cases.alerts()] == ["ann"]
    assert len(cases.unsent("hook")) == 1


def test_a_day_is_written_whole_or_not_at_all(cases: CaseStore) -> None:
    twice = [make_alert("ann"), make_alert("ann", rank=2)]
    with pytest.raises(InputError, match="the case store failed"):
        cases.add_day(make_day(), twice)
    assert cases.last_day("plant") is None
    assert cases.alerts() == []


def test_closing_is_added_to_the_history_and_overwrites_nothing(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("ann"))
    (case,) = (row.id for row in cases.cases())
    cases.acknowledge(case, "eve")
    cases.close(case, "benign", "eve", "moved to another office")
    cases.close(case, "true", "dan", "it was not")
    detail = cases.case(case)
    assert detail.case.state == "closed-true"
    assert [(action.state, action.by, action.reason) for action in detail.actions] == [
        ("acknowledged", "eve", ""),
        ("closed-benign", "eve", "moved to another office"),
        ("closed-true", "dan", "it was not"),
    ]


def test_an_alert_after_the_closing_opens_another_case(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("ann"))
    (first,) = cases.cases()
    cases.close(first.id, "benign", "eve", "known")
    add_alerts(cases, make_alert("ann", days_later(1)))
    (second,) = cases.cases()
    assert second.id != first.id
    assert second.alerts == 1
    assert [row.id for row in cases.cases(["closed-benign"])] == [first.id]


def test_a_closed_case_is_not_acknowledged_and_a_closing_needs_a_reason(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("ann"))
    (case,) = (row.id for row in cases.cases())
    with pytest.raises(InputError, match="give --reason TEXT"):
        cases.close(case, "benign", "eve", "  ")
    cases.close(case, "benign", "eve", "known")
    with pytest.raises(InputError, match=f"case {case} is closed-benign"):
        cases.acknowledge(case, "eve")
    with pytest.raises(InputError, match="there is no case 99"):
        cases.close(99, "benign", "eve", "known")


def test_closing_a_case_lowers_the_risk_of_its_user_at_once(cases: CaseStore) -> None:
    add_alerts(cases, *(make_alert("ann", days_later(day)) for day in range(3)))
    (case,) = cases.cases()
    assert case.risk > 60
    cases.close(case.id, "benign", "eve", "known")
    assert cases.risks() == {}
    assert cases.case(case.id).case.risk == 0


def test_the_user_with_the_highest_risk_stands_first(cases: CaseStore) -> None:
    alerts = [make_alert("bob", rank=1, p_value=0.05), make_alert("ann", rank=2, p_value=1e-5)]
    add_alerts(cases, *alerts)
    assert [row.user for row in cases.cases()] == ["ann", "bob"]


def test_two_deployments_in_one_store_do_not_mix(cases: CaseStore) -> None:
    cases.add_day(make_day(deployment="plant"), [make_alert("ann")])
    cases.add_day(make_day(deployment="office"), [make_alert("ann", source="office")])
    assert len(cases.cases()) == 2
    assert [row.deployment for row in cases.cases(deployment="office")] == ["office"]
    assert [alert.source for alert in cases.alerts(deployment="plant")] == ["plant"]


def test_alerts_are_given_by_day_user_and_page(cases: CaseStore) -> None:
    add_alerts(cases, *(make_alert("ann", days_later(day)) for day in range(4)), make_alert("bob", rank=2))
    days = [alert.day for alert in cases.alerts(since=days_later(1), until=days_later(2))]
    assert days == [days_later(2), days_later(1)]
    assert [alert.user for alert in cases.alerts(user="bob")] == ["bob"]
    assert [alert.day for alert in cases.alerts(limit=2, offset=1)] == [days_later(2), days_later(1)]


def test_what_is_sent_leaves_the_outbox_and_a_failure_waits_there(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("ann"), make_alert("bob", rank=2), targets=("hook", "mail"))
    first, second = cases.unsent("hook")
    cases.note_delivery(first.delivery)
    cases.note_delivery(second.delivery, "HTTP 503")
    (left,) = cases.unsent("hook")
    assert (left.alert.user, left.attempts) == ("bob", 1)
    assert len(cases.unsent("mail")) == 2


def test_retention_removes_alerts_their_cases_and_what_was_to_be_sent(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("ann"), make_alert("bob", days_later(40)), targets=("hook",))
    cases.acknowledge(cases.cases(user="ann")[0].id, "eve")
    assert cases.drop_before(days_later(1), "plant") == 1
    assert [row.user for row in cases.cases()] == ["bob"]
    assert [unsent.alert.user for unsent in cases.unsent("hook")] == ["bob"]
    assert [day.day for day in cases.days()] == [days_later(40)]


def test_a_run_that_never_ended_is_noted_as_killed(cases: CaseStore) -> None:
    cases.begin_run("plant")
    second = cases.begin_run("plant")
    cases.end_run(second, "done", "1 day scored")
    assert [(run.outcome, run.message) for run in cases.runs()] == [
        ("done", "1 day scored"),
        ("failed", "killed"),
    ]


def test_unmasking_needs_a_case_of_that_user_and_is_written_down(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("u-1"), make_alert("u-2", rank=2))
    (case,) = (row.id for row in cases.cases(user="u-1"))
    with pytest.raises(InputError, match=f"case {case} is not of u-2"):
        cases.log_unmasking(case, "u-2", "eve", "curious")
    cases.log_unmasking(case, "u-1", "eve", "interview")
    assert [(row.pseudonym, row.by, row.reason) for row in cases.unmaskings()] == [
        ("u-1", "eve", "interview")
    ]


def test_many_writers_at_once_lose_nothing(place: str) -> None:
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            with CaseStore.open(place) as store:
                for day in range(5):
                    alert = make_alert("ann", days_later(day), source=f"d{number}")
                    store.add_day(make_day(days_later(day), f"d{number}"), [alert])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with CaseStore.open(place) as store:
        assert {row.deployment: row.alerts for row in store.cases()} == {f"d{n}": 5 for n in range(4)}


def test_the_migrations_make_the_tables_that_the_program_knows(place: str) -> None:
    engine = connect(place)
    found = inspect(engine)

    def columns(table: Table) -> set[tuple[str, bool]]:
        return {(one["name"], one["nullable"]) for one in found.get_columns(table.name)}

    for table in Base.metadata.sorted_tables:
        assert columns(table) == {(column.name, bool(column.nullable)) for column in table.columns}
        indexes = {str(index["name"]) for index in found.get_indexes(table.name)}
        assert {str(index.name) for index in table.indexes} <= indexes
    engine.dispose()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cases.sqlite"
    CaseStore.open(file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '99'")
    connection.close()
    with pytest.raises(InputError, match="another version of this program"):
        CaseStore.open(file)


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_a_case_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        CaseStore.open(tmp_path / "deep" / "cases.sqlite")
    finally:
        os.umask(before)
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep" / "cases.sqlite").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("missing.sqlite", "no case store at"),
        ("text.txt", "no SQLite file at all"),
        (".", "is a folder"),
        ("mysql://x/y", "not at mysql://"),
        ("postgresql://nobody:secret@127.0.0.1:1/none", "no case store at postgresql"),
    ],
)
def test_a_place_without_cases_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, message: str
) -> None:
    (tmp_path / "text.txt").write_text("no database, only text")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as refused:
        CaseStore.open(place, create=False)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_without_sqlalchemy_one_line_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from itd_lightning.cli import main; main(['case', 'list', 'x.sqlite'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "itd: cases need sqlalchemy: pip install 'itd-lightning[watch]'\n"


def test_a_day_of_the_database_is_a_date(cases: CaseStore) -> None:
    add_alerts(cases, make_alert("ann"))
    assert cases.last_day("plant") == DAY
    assert type(cases.days()[0].day) is date
