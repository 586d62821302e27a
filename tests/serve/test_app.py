"""The pages answer what is asked, and what is done in them stands in the case store."""

import re
from datetime import date
from typing import Any

import pytest
from starlette.testclient import TestClient

from itd_lightning.alerts.cases.rows import CaseRow, DayRecord
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.serve.queue import Queue
from tests.alerts.cases.handmade_alerts import DAY, add_alerts, days_later, make_alert, make_day
from tests.serve.handmade_pages import Site, add_cases, form_key, make_site


def listed(client: TestClient, query: str = "") -> list[str]:
    """Return the users in the queue, in order."""
    answer = client.get(f"/?{query}")
    assert answer.status_code == 200, answer.text
    return re.findall(r'data-user="([^"]*)"', answer.text)


def test_the_queue_lists_open_cases_by_risk(client: TestClient) -> None:
    assert listed(client) == [f"user{number:02}" for number in range(10)]


def test_the_queue_is_filtered_and_sorted(client: TestClient, cases: CaseStore) -> None:
    add_alerts(cases, make_alert("zoe", days_later(1), p_value=0.5))
    cases.close(2, "true", "eve", "seen")
    assert listed(client, "state=closed") == ["user01"]
    assert listed(client, f"day={days_later(1)}") == ["zoe"]
    assert listed(client, "user=ZO") == ["zoe"]
    assert listed(client, "sort=user&backwards=1")[:2] == ["zoe", "user09"]
    assert listed(client, "level=Critical") == []
    assert set(listed(client, "level=Moderate")) < set(listed(client))


def test_a_long_queue_has_pages_and_the_last_one_stands_for_all_beyond(
    client: TestClient, cases: CaseStore
) -> None:
    add_alerts(cases, *(make_alert(f"more{number:03}", days_later(1), number + 1) for number in range(110)))
    pages = [listed(client, f"sort=user&page={page}") for page in (1, 2, 3, 99)]
    assert [len(page) for page in pages] == [50, 50, 20, 20]
    assert pages[2] == pages[3]
    assert len(set(pages[0] + pages[1] + pages[2])) == 120


@pytest.mark.parametrize(
    "query", ["state=none", "level=none", "day=tomorrow", "sort=none", "page=x", "day=2010-13-01"]
)
def test_a_list_that_there_is_not_is_refused_in_a_sentence(client: TestClient, query: str) -> None:
    answer = client.get(f"/?{query}")
    assert answer.status_code == 400
    assert "no such list" in answer.text


@pytest.mark.parametrize(
    "page",
    [
        "/case/999",
        "/case/99999999999999999999",
        "/case/x",
        "/user",
        "/user?name=nobody",
        "/x",
        "/static/app.py",
    ],
)
def test_what_there_is_not_is_not_found(client: TestClient, page: str) -> None:
    assert client.get(page).status_code == 404
    assert client.post("/case/999/close", data={"form_key": form_key(client)}).status_code == 404


def test_who_did_what_stands_in_the_case_store_and_on_the_page(site: Site, cases: CaseStore) -> None:
    client = site.enter("Ann  Example")
    values = {"form_key": form_key(client)}
    assert client.post("/case/1/acknowledge", data=values).headers["location"] == "/case/1?done=1"
    values |= {"verdict": "benign", "reason": "moved to another office"}
    client.post("/case/1/close", data=values)
    assert [(one.state, one.by, one.reason) for one in cases.case(1).actions] == [
        ("acknowledged", "Ann Example", ""),
        ("closed-benign", "Ann Example", "moved to another office"),
    ]
    page = client.get("/case/1").text
    assert "moved to another office" in page
    assert "Ann Example" in page
    assert listed(client)[0] == "user01"


@pytest.mark.parametrize(
    "values",
    [{"verdict": "benign"}, {"verdict": "maybe", "reason": "x"}, {"verdict": "true", "reason": "  "}],
)
def test_a_case_is_closed_with_a_verdict_and_a_reason_only(
    client: TestClient, cases: CaseStore, values: dict[str, str]
) -> None:
    answer = client.post("/case/1/close", data=values | {"form_key": form_key(client)})
    assert answer.status_code == 400
    assert cases.case(1).actions == []


def test_after_a_decision_the_same_list_is_shown_and_no_address_of_another_site(client: TestClient) -> None:
    values = {"form_key": form_key(client), "list": "user=user0&sort=user", "then": "2"}
    answer = client.post("/case/1/acknowledge", data=values)
    assert answer.headers["location"] == "/?user=user0&sort=user&done=1&then=2"
    values |= {"list": "//evil.example", "then": "javascript:alert(1)"}
    answer = client.post("/case/2/acknowledge", data=values)
    assert answer.headers["location"] == "/?done=2"


def test_what_is_done_elsewhere_is_seen_at_the_next_look(client: TestClient, cases: CaseStore) -> None:
    assert len(listed(client)) == 10
    cases.close(1, "benign", "bob", "by the command")
    assert listed(client)[0] == "user01"
    assert "by the command" in client.get("/case/1").text
    add_alerts(cases, make_alert("user00", days_later(1), p_value=0.00001))
    assert listed(client)[0] == "user00"
    cases.drop_before(days_later(1), "plant")
    assert listed(client) == ["user00"]
    assert client.get("/case/2").status_code == 404


def test_a_closed_case_lowers_the_risk_that_the_queue_shows_at_once(
    client: TestClient, cases: CaseStore
) -> None:
    (risk,) = re.findall(r'data-name="Risk">(\d+)', client.get("/?user=user00").text)
    assert int(risk) > 0
    cases.close(1, "benign", "eve", "known")
    assert re.findall(r'data-name="Risk">(\S+)<', client.get("/?user=user00&state=all").text) == ["-"]


def test_a_deployment_shows_its_own_cases_only(cases: CaseStore) -> None:
    other = make_alert("zoe", source="other")
    cases.add_day(day=_day_of("other"), alerts=[other])
    client = make_site(cases, deployment="plant").enter()
    assert "zoe" not in client.get("/?state=all").text
    number = next(row.id for row in cases.cases() if row.user == "zoe")
    assert client.get(f"/case/{number}").status_code == 404
    assert client.get("/user?deployment=other&name=zoe").status_code == 404
    assert "zoe" in make_site(cases).enter().get("/").text


def _day_of(deployment: str) -> DayRecord:
    """Return a scored day of a deployment."""
    return make_day(DAY, deployment)


def test_the_user_page_shows_alerts_reasons_and_what_the_model_knows(
    client: TestClient, cases: CaseStore
) -> None:
    evidence = [{"feature": "usb_copy_count", "seen": 214.0, "usual": 3.0, "peers": 1.0}]
    add_alerts(cases, make_alert("user00", days_later(2), evidence=evidence, warm_up=True))
    page = client.get("/user?deployment=plant&name=user00").text
    for words in (
        "usb_copy_count",
        "<b>214</b>",
        "Peers",
        "OwnHistoryZ",
        "c0ffee",
        "Warm-up",
        str(days_later(2)),
    ):
        assert words in page
    assert page.count('class="alert"') == 2


def test_runs_and_drift_are_shown(client: TestClient, cases: CaseStore) -> None:
    run = cases.begin_run("plant")
    cases.end_run(run, "failed", "the disk is full")
    cases.add_day(make_day(date(2010, 4, 1), drift=0.4, drift_chance=0.01), [])
    page = client.get("/runs").text
    assert "the disk is full" in page
    assert page.count("drifted</span>") == 1


def test_a_case_of_many_alerts_has_pages(client: TestClient, cases: CaseStore) -> None:
    add_alerts(cases, *(make_alert("user00", days_later(number)) for number in range(1, 46)))
    first, last = (client.get(f"/case/1?page={page}").text for page in (1, 99))
    assert first.count('<article class="alert') == 20
    assert last.count('<article class="alert') == 6


def test_an_empty_case_store_has_an_empty_queue(tmp_path_factory: pytest.TempPathFactory) -> None:
    with CaseStore.open(tmp_path_factory.mktemp("empty") / "cases.sqlite") as empty:
        client = make_site(empty).enter()
        assert "No case is open" in client.get("/").text
        assert "No day is scored yet" in client.get("/runs").text
        add_cases(empty, 1)
        assert listed(client) == ["user00"]


def test_the_queue_reads_only_what_changed_unless_a_day_was_scored(
    cases: CaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(cases, None)
    assert len(queue.cases()) == 10
    asked: list[str | None] = []
    whole = cases.cases

    def cases_of(*states: Any, user: str | None = None, **rest: Any) -> list[CaseRow]:  # noqa: ANN401 - as of the store
        asked.append(user)
        return whole(*states, user=user, **rest)

    monkeypatch.setattr(cases, "cases", cases_of)
    queue.cases()
    assert asked == []
    cases.close(3, "benign", "eve", "seen")
    assert {row.id: row.state for row in queue.cases()}[3] == "closed-benign"
    assert asked == ["user02"]
    add_alerts(cases, make_alert("zoe", days_later(1)))
    assert len(queue.cases()) == 11
    assert asked == ["user02", None]
