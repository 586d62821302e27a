"""What a day's features mean: by hand, and beside an implementation that goes event by event."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from itd_lightning.contracts.events import EVENTS
from itd_lightning.events.pcs import own_pcs
from itd_lightning.store.read import Store
from itd_lightning.views.days.features import RECORDS, Feature, build, features, records
from tests.handmade_pcs import lasting
from tests.views.literal_days import literal_days

ALL = dict.fromkeys(RECORDS, True)
DAY, DAY_START = date(2010, 3, 1), datetime(2010, 3, 1)
COMMON = {"file_count", "http_count"}
OWN = lasting({"ann": "PC-1", "bob": "PC-2", "cyd": "PC-3", "dan": "PC-3"})
PEOPLE = pl.DataFrame(
    {
        "user": ["ann", "bob", "cyd", "dan"],
        "valid_from": [date(2010, 1, 1)] * 4,
        "valid_to": [date(2011, 6, 1)] * 4,
        "name": ["Ann", "Bob", "Cyd", "Dan"],
        "email": [f"{name}@dtaa.com" for name in ("Ann", "Bob", "Cyd", "Dan")],
        "role": ["Engineer"] * 4,
        "department": ["d"] * 4,
        "team": ["t"] * 4,
        "supervisor": ["Bob", None, "Bob", "Bob"],
    }
)


def event(
    kind: str, clock: str = "09:00:00", pc: str | None = "PC-1", **columns: object
) -> dict[str, object]:
    """Return one event of ann's on 1 March 2010; the rest is null."""
    moment = datetime.combine(DAY, time.fromisoformat(clock))
    return {**dict.fromkeys(EVENTS), "user": "ann", "time": moment, "kind": kind, "pc": pc, **columns}


def frame(*events: dict[str, object]) -> pl.DataFrame:
    """Return the events as a shard holds them."""
    return pl.DataFrame(list(events), schema=EVENTS)


def day(*events: dict[str, object]) -> dict[str, float]:
    """Return the features of one user-day that are not 0."""
    row = build(frame(*events), OWN, PEOPLE, ALL).drop("user", "day").row(0, named=True)
    return {name: value for name, value in row.items() if value}


BUSY = [
    event("logon", "07:29:59"),
    event("connect", "08:00:00"),
    event("connect", "08:01:00"),  # the first one was never ended
    event("file_copy", "08:02:00", object="a.b.ZIP", to_removable=True, content="50 4B two"),
    event("file_open", "08:02:01", object="R:\\x\\plan.pdf", from_removable=True),
    event("disconnect", "08:03:30"),
    event("connect", "09:00:00", "PC-2"),
    event("disconnect", "09:00:10"),  # at another PC
    event("email_send", "17:30:00", object="Bob@DTAA.com;x@gmail.com;;y@b.org", size=300, attachments=2),
    event("email_send", "17:30:01", object="bob@dtaa.com", size=100, attachments=0, content="one two three"),
    event("http_visit", "12:00:00", object="http://www.dropbox.com/a/b"),
    event("http_visit", "12:00:00", "PC-3", object="http://jobhuntersbible.com/cv"),
    event("http_upload", "23:00:00", "PC-9", object="http://wikileaks.org/x"),
    event("logoff", "23:30:00", pc=None),
]


@pytest.fixture(scope="module")
def busy() -> dict[str, float]:
    """Return the features of the busy day."""
    return day(*BUSY)


# Fifty cells, counted by head.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("all_count", 14),
        ("all_work_hours_count", 10),
        ("all_after_hours_count", 4),
        ("all_own_pc_count", 10),
        ("all_supervisor_pc_count", 1),
        ("all_shared_pc_count", 2),
        ("all_other_pc_count", 0),
        ("all_shared_pc_after_hours_count", 1),
        ("logon_count", 1),
        ("logon_work_hours_count", 0),
        ("logon_after_hours_count", 1),
        ("logon_own_pc_after_hours_count", 1),
        ("usb_count", 3),
        ("usb_own_pc_count", 2),
        ("usb_supervisor_pc_work_hours_count", 1),
        ("usb_seconds_mean", 150),
        ("usb_seconds_work_hours_mean", 150),
        ("usb_seconds_after_hours_mean", 0),
        ("file_count", 2),
        ("file_archive_count", 1),
        ("file_document_count", 1),
        ("file_other_count", 0),
        ("file_to_removable_count", 1),
        ("file_from_removable_count", 1),
        ("file_document_from_removable_work_hours_count", 1),
        ("file_archive_from_removable_count", 0),
        ("file_copy_count", 1),
        ("file_open_count", 1),
        ("file_length_mean", 9),
        ("file_words_mean", 3),
        ("file_depth_mean", 1),
        ("file_document_depth_mean", 2),
        ("email_count", 2),
        ("email_sent_count", 2),
        ("email_viewed_count", 0),
        ("email_external_count", 1),
        ("email_external_work_hours_count", 1),
        ("email_external_after_hours_count", 0),
        ("email_external_copy_count", 1),
        ("email_recipients_mean", 2),
        ("email_external_recipients_work_hours_mean", 2),
        ("email_size_mean", 200),
        ("email_attachments_mean", 1),
        ("email_words_mean", 3),
        ("http_cloud_count", 1),
        ("http_job_shared_pc_count", 1),
        ("http_leak_after_hours_count", 1),
        ("http_upload_count", 1),
        ("http_url_depth_mean", 4 / 3),
        ("http_job_url_length_mean", 29),
    ],
)
def test_a_cell_holds_what_its_name_says(name: str, value: float, busy: dict[str, float]) -> None:
    assert busy.get(name, 0.0) == pytest.approx(value)


def test_all_cells_of_a_day_agree_with_the_literal_implementation() -> None:
    assert (
        count_equal_cells(frame(*BUSY), OWN, PEOPLE) == 594
    )  # mails viewed and contents of pages are not recorded


def count_equal_cells(events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> int:
    """Compare every cell with the literal implementation; return how many there are."""
    recorded = records(events).row(0, named=True)
    result, expected = build(events, own, people, recorded), literal_days(events, own, people)
    assert list(result.select("user", "day").iter_rows()) == sorted(expected)
    names = result.columns[2:]
    reference = [[expected[key].get(name, 0.0) for name in names] for key in sorted(expected)]
    np.testing.assert_allclose(result.select(names).to_numpy(), np.array(reference), rtol=1e-6)
    return len(names) * len(expected)


def test_a_slice_agrees_with_the_literal_implementation(store: Path) -> None:
    store_ = Store(store)
    people = pl.read_parquet(store / "people.parquet", glob=False)
    events = store_.scan().filter(pl.col("time") < datetime(2010, 1, 25)).collect()
    users = events.group_by("user").len().sort("len", "user")["user"]
    two_users = events.filter(pl.col("user").is_in([users[0], users[-1]]))
    assert count_equal_cells(two_users, own_pcs(store_.pc_use()), people) > 5000


def test_fifty_random_cells_of_a_slice_agree_with_the_literal_implementation(store: Path) -> None:
    store_ = Store(store)
    people = pl.read_parquet(store / "people.parquet", glob=False)
    events, draw = pl.read_parquet(store_.shards[0], glob=False), np.random.default_rng(0)
    recorded = records(store_.scan().collect()).row(0, named=True)
    result = build(events, own_pcs(store_.pc_use()), people, recorded)
    for row in draw.choice(len(result), 10, replace=False):
        user, moment = result.select("user", "day").row(int(row))
        mine = events.filter(pl.col("user") == user, pl.col("time").dt.date() == moment)
        # A connection may end on the next day.
        later = events.filter(pl.col("user") == user, pl.col("time").dt.date() > moment).head(300)
        expected = literal_days(pl.concat([mine, later]), own_pcs(store_.pc_use()), people)[user, moment]
        filled = [name for name in result.columns[2:] if expected.get(name)]
        for name in draw.choice(filled, 5, replace=False):
            assert result[name][int(row)] == pytest.approx(expected[name], rel=1e-6)


def types(group: str, *events: dict[str, object]) -> list[str]:
    """Return the types of single events, each on a day of its own."""
    days = [{**one, "time": DAY_START + timedelta(days=number)} for number, one in enumerate(events)]
    result = build(frame(*days), OWN, PEOPLE, dict.fromkeys(RECORDS, False))
    counts = result.select(pl.col(f"^{group}_[a-z]+_count$")).rows(named=True)
    return [
        next(name.split("_")[1] for name, count in row.items() if count and name not in COMMON)
        for row in counts
    ]


def test_work_hours_are_from_half_past_seven_to_half_past_five() -> None:
    clocks = ["00:00:00", "07:29:59", "07:30:00", "17:30:00", "17:30:01"]
    result = day(*(event("logon", clock) for clock in clocks))
    assert result["logon_work_hours_count"] == 2
    assert result["logon_after_hours_count"] == 3


def test_the_last_ending_tells_the_type_of_a_file() -> None:
    names = {
        "A.TXT": "text",
        "a.tar.7z": "archive",
        "a.doc.exe": "program",
        "doc": "other",
        "a.xyz": "other",
        "a.jpg": "image",
        "a.docx": "document",
    }
    assert types("file", *(event("file_copy", object=name) for name in names)) == list(names.values())


def test_the_published_endings_stay_available_by_name() -> None:
    events = frame(event("file_copy", object="a.xlsx"), event("file_copy", object="b.rtf"))
    documents = [
        build(events, OWN, PEOPLE, ALL, table)["file_document_count"].item() for table in ("common", "le2020")
    ]
    assert documents == [2, 0]


def test_the_domain_tells_the_type_of_a_page() -> None:
    urls = {
        "http://linkedin.com/x": "social",
        "http://www.facebook.com/x": "social",
        "http://m.facebook.com/x": "social",
        "http://drive.google.com/x": "cloud",
        "http://google.com/x": "other",
        "http://mega.co.nz/x": "cloud",
        "http://jobsearch.org/x": "job",
        "http://aol.com/Recruiting/x": "job",
        "http://aol.com/x": "other",
        "http://best-spy-soft.com/x": "hack",
        "http://keyloggers.net/x": "hack",
        "http://theintercept.com/x": "leak",
        "http://dropbox.com.evil.org/x": "other",
        "": "other",
    }
    assert types("http", *(event("http_visit", object=url) for url in urls)) == list(urls.values())


def test_features_are_named_once_and_as_the_grammar_says() -> None:
    names = [feature.name for feature in features(ALL)]
    assert len(set(names)) == len(names) == 720
    assert all(name.endswith(("_count", "_mean")) for name in names)
    assert Feature("email", "", "external", "after_hours", "count").name in names


def test_a_release_4_with_contents_has_426_features_and_one_without_336() -> None:
    contents = {"file_contents", "mail_contents", "page_contents"}
    assert len(features({name: name in contents for name in RECORDS})) == 426
    assert len(features(dict.fromkeys(RECORDS, False))) == 336


def test_what_a_store_does_not_record_is_no_feature() -> None:
    result = records(frame(event("file_copy", object="a.doc"), event("email_send"))).row(0, named=True)
    assert not any(result.values())
    result = records(frame(*BUSY)).row(0, named=True)
    assert [name for name, there in result.items() if not there] == ["mail_viewed", "page_contents"]
    assert not any(records(frame()).row(0, named=True).values())


def test_a_shard_without_events_has_no_days() -> None:
    assert build(frame(), OWN, None, ALL).shape == (0, 722)


def test_without_a_directory_every_address_is_outside() -> None:
    result = build(frame(event("email_send", object="bob@dtaa.com")), OWN, None, ALL)
    assert result["email_external_count"].to_list() == [1]


def test_a_connection_that_ends_after_midnight_counts_on_the_day_it_began() -> None:
    ends = {**event("disconnect"), "time": datetime(2010, 3, 2, 0, 30)}
    result = build(frame(event("connect", "23:30:00"), ends), OWN, PEOPLE, ALL)
    assert result["usb_seconds_mean"].to_list() == [3600, 0]
