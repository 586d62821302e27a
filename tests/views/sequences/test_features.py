"""What a behaviour is called."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from itd_lightning.events.calendar import work_calendar
from itd_lightning.events.hours import HOURS
from itd_lightning.views.sequences.features import (
    FACTORS,
    Fitted,
    company_domains,
    describe,
    popularity,
    texts,
)

MONDAY = datetime(2010, 3, 1, 10)
OWN = pl.DataFrame({"user": ["ann", "bob", "eve"], "pc": ["PC-1", "PC-2", "PC-3"]})
HOURS_OF_ANN = pl.DataFrame([("ann", 30, 8.0, 17.0, True)], schema=HOURS, orient="row")


def event(
    kind: str, thing: str = "", pc: str | None = "PC-1", hours: float = 0.0, **more: object
) -> pl.DataFrame:
    """One event of ann, so many hours after Monday 10:00."""
    row = {"user": "ann", "time": MONDAY + timedelta(hours=hours), "pc": pc, "kind": kind, "object": thing}
    schema = {"attachments": pl.Int32, "to_removable": pl.Boolean, "from_removable": pl.Boolean}
    rest = {name: more.get(name) for name in schema}
    return pl.DataFrame(row | rest, schema_overrides={**schema, "time": pl.Datetime("us"), "pc": pl.String})


def thing_of(row: pl.DataFrame) -> str:
    """The class of what an event is about."""
    return str(describe(row, OWN, None, ["dtaa.com"])["thing"].item())


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
    assert thing_of(event("file_copy", name)) == thing


def test_a_file_that_crosses_removable_media_says_which_way() -> None:
    assert thing_of(event("file_write", "a.doc", to_removable=True)) == "document+to_removable"
    assert thing_of(event("file_open", "a.doc", from_removable=True)) == "document+from_removable"


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
    assert thing_of(event("email_send", recipients)) == thing
    assert thing_of(event("email_send", recipients, attachments=2)) == f"{thing}+attachment"


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
    assert describe(event("http_visit", url), OWN, None, [])["site"].item() == site


def test_the_company_is_where_many_have_their_address() -> None:
    mails = ["a@dtaa.com"] * 20 + ["odd@gmail.com", "c++(.com", None]
    assert company_domains(pl.DataFrame({"email": mails})) == ["dtaa.com"]
    assert company_domains(None) == []


def test_a_site_is_as_popular_as_it_is_among_training_users() -> None:
    visits = pl.DataFrame(
        [(f"u{n}", "all.com") for n in range(30)] + [("u0", "two.com"), ("u1", "two.com"), ("u0", "one.com")],
        schema=["user", "site"],
        orient="row",
    )
    assert dict(popularity(visits).iter_rows()) == {"all.com": "common", "two.com": "some", "one.com": "rare"}


def test_habits_count_earlier_days_only() -> None:
    days = [0, 30, 30, *range(31, 42)]
    rows = pl.concat(
        [event("http_visit", "http://a.com", hours=24.0 * day + n / 60) for n, day in enumerate(days)]
    )
    found = describe(rows, OWN, None, [])["habit"].to_list()
    assert found == ["usual", *["seldom"] * 10, *["usual"] * 3]
    other = pl.concat([rows, event("http_visit", "http://b.com", hours=24.0 * 50)])
    assert describe(other, OWN, None, [])["habit"].to_list() == [*found, "new"]


def test_the_future_changes_no_description() -> None:
    rows = pl.concat([event("connect", hours=24.0 * day) for day in range(40)])
    cut = describe(rows[:35], OWN, None, [])
    assert describe(rows, OWN, None, [])[:35].equals(cut)


def word(row: pl.DataFrame, factors: tuple[str, ...] = FACTORS) -> str:
    """The text of one event, to one who knows ann's hours and one site."""
    sites = pl.DataFrame({"site": ["known.com"], "popularity": ["common"]})
    presence = pl.DataFrame(
        {"user": ["ann"] * 8, "day": pl.date_range(date(2010, 3, 1), date(2010, 3, 8), eager=True)}
    )
    described = describe(row, OWN, None, ["dtaa.com"])
    return str(texts(described, Fitted(HOURS_OF_ANN, sites, []), work_calendar(presence), factors).item())  # type: ignore[arg-type]


def test_a_token_tells_kind_hours_pc_and_object() -> None:
    assert word(event("http_visit", "http://known.com/x")) == "http_visit work own common usual"
    assert word(event("http_visit", "http://strange.com/x", hours=12.0)) == "http_visit after own new usual"
    assert word(event("logon", pc="PC-3")) == "logon work other none usual"
    assert word(event("logon", pc="PC-77")) == "logon work shared none usual"
    assert word(event("email_send", "x@gmail.com", pc=None)) == "email_send work none external usual"


def test_factors_can_be_switched_off() -> None:
    assert word(event("logon", pc="PC-3"), ("kind",)) == "logon"
    assert word(event("logon", pc="PC-3"), ("pc", "kind")) == "other logon"


def test_what_was_fitted_travels_as_plain_types() -> None:
    sites = pl.DataFrame({"site": ["known.com"], "popularity": ["common"]})
    fitted = Fitted(HOURS_OF_ANN, sites, ["<padding>", "<unknown>", "logon work own none usual"])
    again = Fitted.from_state(fitted.state())
    assert again.hours.equals(fitted.hours)
    assert again.sites.equals(fitted.sites)
    assert again.words == fitted.words
    assert fitted.table(FACTORS).rows()[2] == (2, fitted.words[2], "logon", "work", "own", "none", "usual")
