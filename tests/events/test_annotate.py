"""What is said of an event before anything is fitted."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from itd_lightning.events.annotate import annotate_events, earlier_days
from tests.handmade_pcs import lasting

MONDAY = datetime(2010, 3, 1, 10)
OWN = lasting({"ann": "PC-1", "bob": "PC-2", "eve": "PC-3"})


def event(
    kind: str, thing: str = "", pc: str | None = "PC-1", hours: float = 0.0, **more: object
) -> pl.DataFrame:
    """Return one event of ann, so many hours after Monday 10:00."""
    row = {"user": "ann", "time": MONDAY + timedelta(hours=hours), "pc": pc, "kind": kind, "object": thing}
    schema = {"attachments": pl.Int32, "to_removable": pl.Boolean, "from_removable": pl.Boolean}
    rest = {name: more.get(name) for name in schema}
    return pl.DataFrame(row | rest, schema_overrides={**schema, "time": pl.Datetime("us"), "pc": pl.String})


def class_of(row: pl.DataFrame) -> str:
    """Return the object class of an event."""
    return str(annotate_events(row, OWN, None, ["dtaa.com"])["object_class"].item())


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("a.doc", "document"),
        ("A.B.PDF", "document"),
        ("x.exe", "program"),
        ("x.zip", "archive"),
        ("x", "other"),
    ],
)
def test_a_file_is_classed_by_its_last_ending(name: str, thing: str) -> None:
    assert class_of(event("file_copy", name)) == thing


def test_a_file_that_crosses_removable_media_says_which_way() -> None:
    assert class_of(event("file_write", "a.doc", to_removable=True)) == "document+to_removable"
    assert class_of(event("file_open", "a.doc", from_removable=True)) == "document+from_removable"


@pytest.mark.parametrize(
    ("recipients", "thing"),
    [
        ("a@dtaa.com;b@DTAA.com", "internal"),
        ("a@dtaa.com;b@gmail.com", "external"),
        ("a@dtaa.com;;b@gmail.com", "external"),
        ("a@dtaa.com.evil.org", "external"),
        ("Bob <b@dtaa.com>", "internal"),
        ("b@dtaaxcom", "external"),
        ("", "internal"),
    ],
)
def test_a_mail_is_external_if_any_recipient_or_copy_is(recipients: str, thing: str) -> None:
    assert class_of(event("email_send", recipients)) == thing
    assert class_of(event("email_send", recipients, attachments=2)) == f"{thing}+attachment"


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("http://www.news.com/a.html", "news.com"),
        ("https://News.com:8080/b", "news.com"),
        ("ftp://x.org?q=1", "x.org"),
        ("news.com", "news.com"),
        ("https://bob:secret@www.bank.com/x", "bank.com"),
        ("", None),
    ],
)
def test_a_page_belongs_to_its_site(url: str, site: str | None) -> None:
    assert annotate_events(event("http_visit", url), OWN, None, [])["site"].item() == site


def test_habits_count_earlier_days_only() -> None:
    days = [0, 30, 30, *range(31, 42)]
    rows = pl.concat(
        [event("http_visit", "http://a.com", hours=24.0 * day + n / 60) for n, day in enumerate(days)]
    )
    habit = annotate_events(rows, OWN, None, [])["habit"].to_list()
    assert habit == ["usual", *["seldom"] * 10, *["usual"] * 3]
    other = pl.concat([rows, event("http_visit", "http://b.com", hours=24.0 * 50)])
    assert annotate_events(other, OWN, None, [])["habit"].to_list() == [*habit, "new"]


def test_the_future_changes_no_description() -> None:
    rows = pl.concat([event("connect", hours=24.0 * day) for day in range(40)])
    cut = annotate_events(rows[:35], OWN, None, [])
    assert annotate_events(rows, OWN, None, [])[:35].equals(cut)


def test_earlier_days_are_counted_for_the_same_and_null_equals_null() -> None:
    rows = pl.DataFrame(
        {"user": ["ann"] * 5 + ["bob"], "day": [3, 1, 1, 2, 5, 9], "what": ["a", "a", "a", None, None, "a"]}
    )
    assert earlier_days(rows, ["what"]).to_list() == [1, 0, 0, 0, 1, 0]
