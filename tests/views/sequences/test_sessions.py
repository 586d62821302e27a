"""How events become sequences."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from itd_lightning.views.sequences.sessions import by_day, by_session

MONDAY = datetime(2010, 3, 1, 8)


def day(*rows: tuple[str, str, str, float]) -> pl.DataFrame:
    """Return the events: user, kind, PC, hours after Monday 8:00; named by their order."""
    events = [
        (str(number), user, MONDAY + timedelta(hours=hours), pc or None, kind)
        for number, (user, kind, pc, hours) in enumerate(rows)
    ]
    return pl.DataFrame(events, schema=["event_id", "user", "time", "pc", "kind"], orient="row")


def members(cut: pl.DataFrame) -> list[str]:
    """Return the events of each sequence, as one text."""
    grouped = cut.group_by("sequence", maintain_order=True).agg(pl.col("event_id").str.join(""))
    assert grouped["sequence"].to_list() == list(range(len(grouped)))
    return grouped["event_id"].to_list()


def test_a_session_lasts_from_logon_to_logoff_and_unlocks_go_on_with_it() -> None:
    events = day(
        ("ann", "logon", "PC-1", 0), ("ann", "http_visit", "PC-1", 1), ("ann", "logon", "PC-1", 5),
        ("ann", "logoff", "PC-1", 9), ("ann", "logon", "PC-1", 10), ("ann", "logoff", "PC-1", 11),
    )  # fmt: skip
    assert members(by_session(events)) == ["0123", "45"]


def test_sessions_at_two_pcs_run_side_by_side() -> None:
    events = day(
        ("ann", "logon", "PC-1", 0), ("ann", "logon", "PC-2", 1), ("ann", "http_visit", "PC-1", 2),
        ("ann", "connect", "PC-2", 3), ("ann", "logoff", "PC-1", 4), ("ann", "logoff", "PC-2", 5),
    )  # fmt: skip
    assert members(by_session(events)) == ["024", "135"]


def test_a_missing_logoff_ends_where_nothing_happens_for_long() -> None:
    events = day(("ann", "logon", "PC-1", 0), ("ann", "http_visit", "PC-1", 8), ("ann", "logon", "PC-1", 24))
    assert members(by_session(events, idle=12.0)) == ["01", "2"]
    assert members(by_session(events, idle=17.0)) == ["012"]


def test_a_missing_logon_loses_nothing() -> None:
    events = day(
        ("ann", "http_visit", "PC-1", 0), ("ann", "logoff", "PC-1", 1), ("ann", "email_send", "PC-1", 2)
    )
    assert members(by_session(events)) == ["01", "2"]


def test_a_session_goes_on_past_midnight_and_past_the_week() -> None:
    hours = range(0, 24 * 9, 10)
    events = day(*[("ann", "http_visit", "PC-1", float(hour)) for hour in hours])
    assert len(members(by_session(events))) == 1


def test_events_without_a_pc_form_sessions_of_their_own() -> None:
    events = day(("ann", "logon", "PC-1", 0), ("ann", "other", "", 1), ("ann", "logoff", "PC-1", 2))
    assert members(by_session(events)) == ["02", "1"]


def test_events_of_one_moment_keep_the_order_of_the_log() -> None:
    events = day(("ann", "logon", "PC-1", 0), ("ann", "connect", "PC-1", 0), ("ann", "logoff", "PC-1", 0))
    assert members(by_session(events)) == ["012"]
    assert members(by_day(events)) == ["012"]


def test_a_day_holds_all_that_a_user_does_until_midnight() -> None:
    events = day(
        ("bob", "logon", "PC-9", 1), ("ann", "logon", "PC-1", 0), ("ann", "logon", "PC-2", 15),
        ("ann", "logoff", "PC-1", 17),
    )  # fmt: skip
    assert members(by_day(events)) == ["12", "3", "0"]


@pytest.mark.parametrize("cut", [by_session, by_day])
def test_nothing_is_lost_or_doubled_and_users_stay_apart(cut: object, store_events: pl.DataFrame) -> None:
    result = by_session(store_events) if cut is by_session else by_day(store_events)
    assert sorted(result["event_id"]) == sorted(store_events["event_id"])
    assert result.group_by("sequence").agg(pl.col("user").n_unique())["user"].max() == 1
    assert result["sequence"].is_sorted()
    assert result.group_by("sequence").agg(pl.col("time").diff().min())["time"].min() >= timedelta(0)  # type: ignore[operator]


@pytest.fixture(scope="module")
def store_events(store: object) -> pl.DataFrame:
    """Return the events of the synthetic slice."""
    from itd_lightning.store.read import Store

    return Store(store).scan().collect()  # type: ignore[arg-type]
