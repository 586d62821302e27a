"""What a behaviour is called."""

from datetime import date, datetime, timedelta

import polars as pl

from itd_lightning.events.annotate import annotate_events
from itd_lightning.events.calendar import work_calendar
from itd_lightning.events.hours import OWN_HOURS, WorkingDay
from itd_lightning.views.sequences.features import (
    FACTORS,
    FACTORS_OF,
    Factor,
    Fitted,
    build_factor_vocabulary,
    encode_factors,
    factor_texts,
    known_domains,
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


def factors_of(row: pl.DataFrame, factors: tuple[Factor, ...]) -> pl.DataFrame:
    """Return the factors of one event, with ann's hours known and one site fitted."""
    sites = pl.DataFrame({"site": ["known.com"], "popularity": ["common"]})
    presence = pl.DataFrame(
        {"user": ["ann"] * 8, "day": pl.date_range(date(2010, 3, 1), date(2010, 3, 8), eager=True)}
    )
    annotated = annotate_events(row, OWN, None, ["dtaa.com"])
    fitted, calendar = Fitted(EVERYBODY, sites, [], ["known.com"]), work_calendar(presence)
    table = factor_texts(annotated, fitted, HOURS_OF_ANN, calendar, factors)
    words = texts(annotated, fitted, HOURS_OF_ANN, calendar, factors)
    assert words.item() == " ".join(table.row(0))
    return table


def word(row: pl.DataFrame, factors: tuple[Factor, ...] = FACTORS) -> str:
    """Return the word of one event."""
    return " ".join(factors_of(row, factors).row(0))


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


def test_the_site_is_a_known_domain_or_else_its_popularity() -> None:
    both: tuple[Factor, ...] = ("hour", "site")
    assert word(event("http_visit", "http://www.known.com/x"), both) == "10 known.com"
    assert word(event("http_visit", "http://mail.known.com/x", hours=12.0), both) == "22 known.com"
    assert word(event("http_visit", "http://strange.com/x"), both) == "10 ~new"
    assert word(event("logon"), both) == "10 none"


def test_activity_hour_is_the_kind_and_the_hour_of_the_day() -> None:
    assert word(event("logon", hours=-2.5), FACTORS_OF["activity_hour"]) == "logon 07"


def test_a_domain_that_few_users_visit_or_that_is_no_name_stays_unknown() -> None:
    rows = [(f"u{user}", "a.y.com") for user in range(3)] + [("u0", "y.com"), ("u0", "few.com")]
    rows += [(f"u{user}", "=1+1.com") for user in range(9)]
    visits = pl.DataFrame(rows, schema=["user", "site"], orient="row")
    assert known_domains(visits, 3) == ["y.com"]
    assert known_domains(visits, 1) == ["few.com", "y.com"]


def test_factors_are_numbered_in_blocks_and_rare_values_share_the_unknown_one() -> None:
    counts = [{"logon": 5, "email_send": 7, "odd": 1}, {"work": 9}, {f"s{n}.com": 9 for n in range(40)}]
    words = build_factor_vocabulary(counts, size=100, least=2)
    assert len(words) == 100  # 1 + 32 + 32, and 35 for the last
    assert words[:4] == ["<padding>", "<unknown>", "email_send", "logon"]
    assert words[33:36] == ["<unknown>", "work", ""]
    assert words[65:67] == ["<unknown>", "s0.com"]
    table = pl.DataFrame(
        [("logon", "work", "s0.com"), ("odd", "after", "s39.com"), ("never", "work", "x.com")],
        schema=["kind", "when", "site"],
        orient="row",
    )
    assert encode_factors(table, words).tolist() == [[3, 34, 66], [1, 33, 99], [1, 34, 65]]
    fitted = Fitted(EVERYBODY, pl.DataFrame(), words)
    meanings = fitted.factor_table(("kind", "when", "site")).rows()
    assert meanings[:4] == [
        (1, "kind", "<unknown>"),
        (2, "kind", "email_send"),
        (3, "kind", "logon"),
        (33, "when", "<unknown>"),
    ]
    assert meanings[-1][:2] == (99, "site")
