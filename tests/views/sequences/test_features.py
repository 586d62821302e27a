"""What a behaviour is called."""

from datetime import date, datetime, timedelta

import polars as pl

from itd_lightning.events.annotate import annotate_events
from itd_lightning.events.calendar import work_calendar
from itd_lightning.events.hours import OWN_HOURS, WorkingDay
from itd_lightning.views.sequences.features import (
    FACTORS,
    Fitted,
    popularity,
    texts,
)
from tests.handmade_pcs import lasting

MONDAY = datetime(2010, 3, 1, 10)
OWN = lasting({"ann": "PC-1", "bob": "PC-2", "eve": "PC-3"})
HOURS_OF_ANN = pl.DataFrame([("ann", date(2010, 2, 26), 8.0, 17.0)], schema=OWN_HOURS, orient="row")
EVERYBODY = WorkingDay(0.0, 1.0)


def event(
    kind: str, thing: str = "", pc: str | None = "PC-1", hours: float = 0.0, **more: object
) -> pl.DataFrame:
    """Return one event of ann, so many hours after Monday 10:00."""
    row = {"user": "ann", "time": MONDAY + timedelta(hours=hours), "pc": pc, "kind": kind, "object": thing}
    schema = {"attachments": pl.Int32, "to_removable": pl.Boolean, "from_removable": pl.Boolean}
    rest = {name: more.get(name) for name in schema}
    return pl.DataFrame(row | rest, schema_overrides={**schema, "time": pl.Datetime("us"), "pc": pl.String})


def test_a_site_is_as_popular_as_it_is_among_training_users() -> None:
    visits = pl.DataFrame(
        [(f"u{n}", "all.com") for n in range(30)] + [("u0", "two.com"), ("u1", "two.com"), ("u0", "one.com")],
        schema=["user", "site"],
        orient="row",
    )
    assert dict(popularity(visits).iter_rows()) == {"all.com": "common", "two.com": "some", "one.com": "rare"}


def word(row: pl.DataFrame, factors: tuple[str, ...] = FACTORS) -> str:
    """Return the text of one event, with ann's hours known and one site fitted."""
    sites = pl.DataFrame({"site": ["known.com"], "popularity": ["common"]})
    presence = pl.DataFrame(
        {"user": ["ann"] * 8, "day": pl.date_range(date(2010, 3, 1), date(2010, 3, 8), eager=True)}
    )
    annotated = annotate_events(row, OWN, None, ["dtaa.com"])
    fitted, calendar = Fitted(EVERYBODY, sites, []), work_calendar(presence)
    return str(texts(annotated, fitted, HOURS_OF_ANN, calendar, factors).item())  # type: ignore[arg-type]


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
    fitted = Fitted(EVERYBODY, sites, ["<padding>", "<unknown>", "logon work own none usual"])
    loaded = Fitted.from_state(fitted.state())
    assert loaded.hours == fitted.hours
    assert loaded.sites.equals(fitted.sites)
    assert loaded.words == fitted.words
    assert fitted.table(FACTORS).rows()[2] == (2, fitted.words[2], "logon", "work", "own", "none", "usual")
