"""Raw events and users: read from the user's shard alone, and under pseudonyms without any name."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.pseudonyms import Pseudonyms
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.store_files import event_files
from itd_lightning.serve.company import EVENT_ROWS, Company, Presence, history
from itd_lightning.serve.score_days import ScoreDays
from itd_lightning.serve.timeline import draw_timeline
from itd_lightning.store.build.shards import shard_of
from tests.alerts.cases.handmade_alerts import DAY, add_alerts, days_later, make_alert
from tests.serve.handmade_pages import SHARDS, make_site, make_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an event store of ann and bob."""
    return make_store(tmp_path / "store", events=EVENT_ROWS + 10)


def key_file(tmp_path: Path) -> Path:
    """Return a key of pseudonyms."""
    file = tmp_path / "key"
    file.write_text("0123456789abcdef0123456789abcdef", "utf-8")
    file.chmod(0o600)
    return file


def test_raw_events_are_paged_and_searched(folder: Path) -> None:
    company = Company(folder)
    first, second = (company.events("ann", DAY, page=page) for page in (1, 2))
    assert (len(first.rows), len(second.rows), first.total, first.pages) == (
        EVENT_ROWS,
        10,
        EVENT_ROWS + 10,
        2,
    )
    assert first.rows == sorted(first.rows, key=lambda row: row.time)
    assert company.events("ann", DAY, page=9).rows == second.rows
    assert [row.event_id for row in company.events("ann", DAY, "{e17}").rows] == ["{E17}"]
    assert company.events("ann", DAY, "PLAN.DOC 5").total == 11
    assert company.events("ann", days_later(1)).total == 0
    assert company.events("nobody", DAY).total == 0


def test_only_the_shard_of_the_user_is_read(folder: Path) -> None:
    assert shard_of("ann", SHARDS) != shard_of("bob", SHARDS)
    for number, file in enumerate(event_files(folder)):
        if number != shard_of("ann", SHARDS):
            file.write_bytes(b"no parquet")
    assert Company(folder).events("ann", DAY).total == EVENT_ROWS + 10
    with pytest.raises(InputError, match="cannot be read"):
        Company(folder).events("bob", DAY)


def test_texts_are_shown_on_request_only(folder: Path) -> None:
    assert {row.content for row in Company(folder).events("ann", DAY).rows} == {""}
    assert "secret words" in Company(folder, texts=True).events("ann", DAY).rows[0].content


def test_identity_peers_and_presence_come_from_the_store(folder: Path) -> None:
    company = Company(folder)
    identity = company.identity("ann")
    assert identity is not None
    assert dict(identity.traits)["name"] == "Name of ann"
    assert identity.peers == ["bob"]
    assert company.identity("nobody") is None
    assert [one.day for one in company.presence("ann")] == [DAY]
    assert company.counts("ann", DAY - timedelta(days=3), DAY) == {DAY: EVENT_ROWS + 10}


def test_a_store_that_changes_is_read_anew(folder: Path) -> None:
    company = Company(folder)
    assert company.events("zoe", DAY).total == 0
    other = make_store(folder.with_name("other"), user="zoe")
    folder.rename(folder.with_name("old"))
    other.rename(folder)
    assert company.events("zoe", DAY).total == 3


def test_without_the_store_the_page_says_so_and_goes_on(cases: CaseStore, tmp_path: Path) -> None:
    folder = make_store(tmp_path / "store", user="user00")
    client = make_site(cases, Company(folder)).enter()
    assert "plan.doc 1" in client.get("/case/1").text
    folder.rename(folder.with_name("away"))
    for page in ("/case/1", "/user?deployment=plant&name=user00"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert "cannot be read" in answer.text


def test_under_pseudonyms_no_page_shows_a_name(cases: CaseStore, tmp_path: Path) -> None:
    folder = make_store(tmp_path / "store", text="to anna@plant.example for ANN on PC-ann")
    key = key_file(tmp_path)
    pseudonym = Pseudonyms.read(key).user("ann")
    add_alerts(
        cases, make_alert(pseudonym, days_later(0), checkpoint="other"), make_alert("x", days_later(1))
    )
    add_alerts(cases, make_alert(pseudonym, days_later(2)))
    client = make_site(cases, Company(folder, key, texts=True)).enter("eve")
    (number,) = (row.id for row in cases.cases() if row.user == pseudonym)
    pages = [f"/case/{number}?day={DAY}", f"/user?deployment=plant&name={pseudonym}", "/"]
    texts = [client.get(page).text for page in pages]
    assert "3 events" in texts[0]
    assert "Sales" in texts[1]
    for text in texts:
        assert not re.search(r"\bann\b|anna@|\bbob\b|Chief", text, re.IGNORECASE), text


def test_the_events_behind_an_alert_are_marked(cases: CaseStore, tmp_path: Path) -> None:
    client: TestClient = make_site(cases, Company(make_store(tmp_path / "store", user="user00"))).enter()
    page = client.get("/case/1").text
    assert page.count('<tr class="flagged">') == 1  # {E1}
    assert page.count("<code>{E") == 3
    found = client.get("/case/1?find=doc 2").text
    assert found.count("<code>{E") == 1


def test_warm_up_ends_with_the_twentieth_active_day() -> None:
    days = [date(2010, 1, 1) + timedelta(days=2 * number) for number in range(25)]
    presence = [Presence(day, datetime(2010, 1, 1), datetime(2010, 1, 1)) for day in days]
    assert history(presence).warm_up_until == days[19]
    assert history(presence[:19]).warm_up_until is None
    assert history([]).active_days == 0


def test_the_scores_of_a_run_are_drawn_by_day(run: Path) -> None:
    scores = ScoreDays(run)
    import polars as pl

    table = pl.read_parquet(run / "scores.parquet")
    user, last = table["user"][0], table["end"].max()
    assert isinstance(last, datetime)
    found = scores.of(user, date(2010, 1, 1), last.date())
    assert found
    assert max(found.values()) == table.filter(pl.col("user") == user)["score"].max()
    assert scores.of("nobody", date(2010, 1, 1), last.date()) == {}


def test_a_drawing_stays_within_its_frame_and_says_what_it_shows() -> None:
    alerts = [make_alert(day=days_later(number), score=-5.0 + 9 * number) for number in (0, 3)]
    hours = [Presence(DAY, datetime(2010, 3, 8, 7), datetime(2010, 3, 9, 2))]
    counts = {days_later(number): 10**number for number in range(4)}
    drawn = draw_timeline(DAY, days_later(9), {days_later(1): 2.0, days_later(2): 3.0}, alerts, counts, hours)
    assert len(drawn.alerts) == 2
    assert len(drawn.line) == 1
    for mark in drawn.alerts + drawn.scores:
        assert 0 <= mark.x <= 760
        assert 22 <= mark.y <= 142
    for bar in drawn.events + drawn.hours:
        assert bar.y >= 0
        assert bar.y + bar.height <= 346
    assert "2010-03-08, 2010-03-11" in drawn.words
