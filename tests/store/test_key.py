"""What the key of a store promises."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.store.key import Key, read_key


def key(*campaigns: tuple[str, datetime, datetime]) -> Key:
    """A key of campaigns with one event at each one's start."""
    users, starts, ends = zip(*campaigns, strict=True)
    return Key(
        pl.DataFrame({"user": users, "scenario": [1] * len(users), "start": starts, "end": ends}),
        pl.DataFrame({"user": users, "scenario": [1] * len(users), "time": starts, "event_id": users}),
    )


MONDAY = datetime(2010, 7, 5, 9, 30)


def test_rows_of_other_accounts_and_rows_without_an_event_are_no_evidence(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    key(("ann", MONDAY, MONDAY)).campaigns.write_parquet(folder / "campaigns.parquet")
    rows = [("ann", "ann", "{1}", "id"), ("ann", "boss", "{2}", "id"), ("ann", "ann", "{3}", None)]
    rows.append(("ann", "ann", "{4}", "time"))
    pl.DataFrame(
        [(*row, 1, MONDAY) for row in rows],
        schema=["insider", "user", "event_id", "found_by", "scenario", "time"],
        orient="row",
    ).write_parquet(folder / "malicious.parquet")
    assert read_key(tmp_path).events.rows() == [("ann", 1, MONDAY, "{1}"), ("ann", 1, MONDAY, "{4}")]


def test_a_store_without_a_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"has no answer key, so nothing can be split by campaign or evaluated$"
    ):
        read_key(tmp_path)


def test_no_days_move_nothing() -> None:
    whole = key(("ann", MONDAY, MONDAY + timedelta(hours=30)))
    assert whole.move_earlier(0) is whole


@pytest.mark.parametrize(
    ("days", "hours", "weeks"),
    [
        (1, 1, 2),  # a campaign of an hour, and a week free before its true start
        (7, 1, 2),
        (14, 1, 2),
        (15, 1, 3),
        (42, 1, 6),
        (1, 7 * 24, 2),  # a week and a week free
        (1, 7 * 24 + 0.5, 3),
        (42, 58 * 24, 10),  # scenario 2: 58 days and a week are more than nine weeks
    ],
)
def test_a_campaign_moves_by_whole_weeks_and_ends_a_week_before_its_true_start(
    days: int, hours: float, weeks: int
) -> None:
    earlier = key(("ann", MONDAY, MONDAY + timedelta(hours=hours))).move_earlier(days)
    start, end = earlier.campaigns.select("start", "end").row(0)
    assert start == MONDAY - timedelta(weeks=weeks)
    assert end - start == timedelta(hours=hours)
    assert end <= MONDAY - timedelta(days=7)
    assert earlier.events["time"].to_list() == [start]


def test_each_campaign_moves_by_its_own_length() -> None:
    earlier = key(
        ("bob", MONDAY, MONDAY + timedelta(days=58)), ("ann", MONDAY, MONDAY + timedelta(hours=1))
    ).move_earlier(14)
    assert earlier.campaigns.select("user", "start").rows() == [
        ("bob", MONDAY - timedelta(weeks=10)),
        ("ann", MONDAY - timedelta(weeks=2)),
    ]
    assert earlier.events.select("user", "time").rows() == earlier.campaigns.select("user", "start").rows()


def test_a_user_with_two_campaigns_is_refused(store: Path, tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    for name in ("campaigns", "malicious"):
        rows = pl.read_parquet(store / "answers" / f"{name}.parquet")
        pl.concat([rows, rows]).write_parquet(tmp_path / "answers" / f"{name}.parquet")
    with pytest.raises(InputError, match="gives a user two campaigns"):
        read_key(tmp_path)
