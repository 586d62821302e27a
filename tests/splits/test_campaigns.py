"""Tests of the split by campaign."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits import Campaigns

START, END = datetime(2010, 3, 15, 10, 20, 30), datetime(2010, 3, 17, 12, 5)


def write_key(store: Path, *campaigns: tuple[str, datetime, datetime]) -> Path:
    """Write the key of a store, with campaigns of scenario 1."""
    (store / "answers").mkdir()
    rows = [(user, 1, start, end) for user, start, end in campaigns]
    names = ["user", "scenario", "start", "end"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(store / "answers" / "campaigns.parquet")
    moments = [(user, user, 1, start, "x", "id") for user, start, _ in campaigns]
    names = ["insider", "user", "scenario", "time", "event_id", "found_by"]
    pl.DataFrame(moments, schema=names, orient="row").write_parquet(store / "answers" / "malicious.parquet")
    return store


def days(user: str, first: datetime, last: datetime) -> pl.DataFrame:
    """Return user-days from first to last, both included."""
    starts = pl.datetime_range(first, last, "1d", eager=True)
    return pl.DataFrame({"user": [user] * len(starts), "start": starts, "end": starts.dt.offset_by("1d")})


def by_part(units: pl.DataFrame) -> dict[str, list[str]]:
    """Return days (month-day) of each part, in order."""
    return {
        str(name): rows["start"].dt.strftime("%m-%d").to_list()
        for (name,), rows in units.partition_by("part", as_dict=True, maintain_order=True).items()
    }


def dates(month: int, first: int, last: int) -> list[str]:
    """Return days of a month, both included."""
    return [f"{month:02d}-{day:02d}" for day in range(first, last + 1)]


MARCH = days("ann", datetime(2010, 3, 1), datetime(2010, 3, 31))


def test_the_first_four_fifths_of_quiet_days_train_and_the_rest_and_the_campaign_test(tmp_path: Path) -> None:
    assigned = Campaigns().assign(MARCH, write_key(tmp_path, ("ann", START, END)))
    assert assigned.schema == UNITS
    assert assigned.drop("part").equals(MARCH)
    # Quiet: 1-7 and 25-31, 14 days; floor(.8 * 14) = 11 of them, floor(.1 * 11) = 1 of these.
    assert by_part(assigned) == {
        "train": dates(3, 1, 7) + dates(3, 25, 27),
        "unused": dates(3, 8, 14) + dates(3, 18, 24),
        "val": dates(3, 28, 28),
        "test": dates(3, 15, 17) + dates(3, 29, 31),
    }


@pytest.mark.parametrize(
    ("val_share", "train", "val"),
    [
        (0.0, dates(3, 1, 7) + dates(3, 25, 28), []),
        (0.5, dates(3, 1, 6), [*dates(3, 7, 7), *dates(3, 25, 28)]),
        (0.99, dates(3, 1, 1), [*dates(3, 2, 7), *dates(3, 25, 28)]),
    ],
)
def test_validation_takes_the_latest_part_of_training_and_leaves_the_test_as_it_is(
    val_share: float, train: list[str], val: list[str], tmp_path: Path
) -> None:
    parts = by_part(Campaigns(val_share=val_share).assign(MARCH, write_key(tmp_path, ("ann", START, END))))
    assert (parts["train"], parts.get("val", [])) == (train, val)
    assert parts["test"] == dates(3, 15, 17) + dates(3, 29, 31)


def test_each_users_days_are_counted_apart(tmp_path: Path) -> None:
    late = timedelta(days=7)
    store = write_key(tmp_path, ("ann", START, END), ("bob", START + late, END + late))
    bob = days("bob", datetime(2010, 3, 8), datetime(2010, 4, 7))
    assigned = Campaigns().assign(pl.concat([MARCH, bob]), store)
    ann, moved = assigned.filter(pl.col("user") == "ann"), assigned.filter(pl.col("user") == "bob")
    assert ann["part"].to_list() == moved["part"].to_list()


def test_a_buffer_of_other_length_moves_both_edges(tmp_path: Path) -> None:
    parts = by_part(Campaigns(buffer_days=1).assign(MARCH, write_key(tmp_path, ("ann", START, END))))
    assert parts["unused"] == ["03-14", "03-18"]


def test_a_day_that_ends_where_the_buffer_begins_is_quiet(tmp_path: Path) -> None:
    store = write_key(tmp_path, ("ann", datetime(2010, 3, 15), datetime(2010, 3, 17)))
    parts = by_part(Campaigns().assign(MARCH, store))
    # The campaign's last moment, midnight of the 17th, belongs to it, and makes that day one of the attack.
    assert parts["unused"] == dates(3, 8, 14) + dates(3, 18, 23)
    assert parts["test"][:3] == dates(3, 15, 17)


@pytest.mark.parametrize(
    ("length", "used"),
    [
        (timedelta(hours=24), False),
        (timedelta(hours=24, seconds=1), True),
        (timedelta(hours=168, seconds=-1), True),
        (timedelta(hours=168), False),
        (timedelta(days=58), False),
    ],
)
def test_users_count_whose_campaign_lasts_more_than_a_day_and_less_than_a_week(
    length: timedelta, used: bool, tmp_path: Path
) -> None:
    store = write_key(tmp_path, ("ann", START, END), ("bob", START, START + length))
    bob = MARCH.with_columns(pl.lit("bob").alias("user"))
    assigned = Campaigns().assign(pl.concat([MARCH, bob]), store).filter(pl.col("user") == "bob")
    assert (assigned["part"] != "unused").any() == used


def test_a_user_without_a_campaign_is_unused(tmp_path: Path) -> None:
    other = MARCH.with_columns(pl.lit("eve").alias("user"))
    assigned = Campaigns().assign(pl.concat([MARCH, other]), write_key(tmp_path, ("ann", START, END)))
    assert set(assigned.filter(pl.col("user") == "eve")["part"]) == {"unused"}


def test_a_user_without_history_before_the_campaign_is_left_out(tmp_path: Path) -> None:
    late = MARCH.filter(pl.col("start") >= START)
    assigned = Campaigns().assign(late, write_key(tmp_path, ("ann", START, END)))
    assert set(assigned["part"]) == {"unused"}


LONG = days("ann", datetime(2010, 1, 1), datetime(2010, 3, 31))


def test_with_a_moved_key_nothing_from_the_true_campaigns_buffer_on_is_used(tmp_path: Path) -> None:
    split = Campaigns(moved_days=42)
    parts = by_part(split.assign(LONG, write_key(tmp_path, ("ann", START, END))))
    # Moved to 1-3 February; the true buffer begins on 8 March. Quiet: 24 + 25 days, 39 of them train or
    # validate, 3 of these validate.
    assert parts == {
        "train": dates(1, 1, 24) + dates(2, 11, 22),
        "unused": dates(1, 25, 31) + dates(2, 4, 10) + dates(3, 8, 31),
        "test": dates(2, 1, 3) + dates(2, 26, 28) + dates(3, 1, 7),
        "val": dates(2, 23, 25),
    }


def test_a_user_without_history_before_the_moved_campaign_is_left_out(tmp_path: Path) -> None:
    store = write_key(tmp_path, ("ann", START, END))
    assert set(Campaigns(moved_days=70).assign(LONG, store)["part"]) != {"unused"}
    assert set(Campaigns(moved_days=77).assign(LONG, store)["part"]) == {"unused"}


def test_a_small_move_still_ends_a_week_before_the_true_campaign(tmp_path: Path) -> None:
    campaigns = Campaigns(moved_days=1).campaigns(write_key(tmp_path, ("ann", START, END)))
    two_weeks = timedelta(days=14)
    assert campaigns.rows() == [("ann", START - two_weeks, END - two_weeks, START - timedelta(days=7))]


SPANS = pl.DataFrame(
    {"user": ["ann"], "first": [datetime(2010, 3, 1, 7)], "last": [datetime(2010, 3, 31, 16)]}
)


def stepped(first: datetime, count: int, hours: int) -> list[datetime]:
    """Count starts from the first on."""
    return [first + number * timedelta(hours=hours) for number in range(count)]


@pytest.mark.parametrize(
    ("hours", "before", "attack", "after"), [(12, 14, 5, 14), (24, 7, 3, 7), (48, 3, 2, 3)]
)
def test_published_windows_have_three_phases(
    hours: int, before: int, attack: int, after: int, tmp_path: Path
) -> None:
    starts = Campaigns().published_starts(SPANS, hours, write_key(tmp_path, ("ann", START, END)))
    assert starts["start"].to_list() == [
        *stepped(datetime(2010, 3, 1, 7), before, hours),
        *stepped(datetime(2010, 3, 15, 10), attack, hours),  # the attack's hour
        *stepped(datetime(2010, 3, 24, 12, 5), after, hours),  # the attack's end, off the hour
    ]


@pytest.mark.parametrize(
    ("last", "count"),
    [
        (datetime(2010, 3, 31, 12), 6),
        (datetime(2010, 3, 31, 13), 7),
        (datetime(2010, 3, 25, 13), 1),
        (datetime(2010, 3, 25, 12), 0),
        (datetime(2010, 3, 16), 0),
    ],
)
def test_published_windows_after_the_campaign_end_by_the_last_active_hour(
    last: datetime, count: int, tmp_path: Path
) -> None:
    spans = SPANS.with_columns(last=pl.lit(last))
    starts = Campaigns().published_starts(spans, 24, write_key(tmp_path, ("ann", START, END)))["start"]
    assert (starts > END).sum() == count


@pytest.mark.parametrize(
    ("first", "count"),
    [
        (datetime(2010, 3, 7, 10), 1),
        (datetime(2010, 3, 7, 11), 0),
        (datetime(2010, 3, 15, 10), 0),
        (datetime(2010, 3, 15, 11), None),
    ],
)
def test_published_windows_before_the_campaign_end_by_its_buffer(
    first: datetime, count: int | None, tmp_path: Path
) -> None:
    spans = SPANS.with_columns(first=pl.lit(first))
    starts = Campaigns().published_starts(spans, 24, write_key(tmp_path, ("ann", START, END)))["start"]
    if count is None:  # no history at all
        assert starts.is_empty()
    else:
        assert (starts < datetime(2010, 3, 15)).sum() == count
        assert (starts == datetime(2010, 3, 15, 10)).sum() == 1


def test_a_published_window_does_not_begin_at_the_campaigns_last_moment(tmp_path: Path) -> None:
    whole = datetime(2010, 3, 15, 10)
    store = write_key(tmp_path, ("ann", whole, whole + timedelta(days=2)))
    starts = Campaigns().published_starts(SPANS, 24, store)["start"]
    assert starts.filter(starts.is_between(whole, END)).to_list() == [whole, whole + timedelta(days=1)]


def test_published_windows_of_a_moved_campaign_end_before_the_true_buffer(tmp_path: Path) -> None:
    spans = SPANS.with_columns(first=pl.lit(datetime(2010, 1, 1, 7)))
    split, store = Campaigns(moved_days=42), write_key(tmp_path, ("ann", START, END))
    starts = split.published_starts(spans, 24, store)
    after = starts.filter(pl.col("start") > datetime(2010, 2, 4))["start"].to_list()
    assert after == stepped(datetime(2010, 2, 10, 12, 5), 25, 24)
    units = starts.with_columns(end=pl.col("start") + timedelta(days=1))
    assert "unused" not in by_part(split.assign(units, store))


def test_published_windows_of_the_campaign_test_and_no_window_is_unused(tmp_path: Path) -> None:
    store = write_key(tmp_path, ("ann", START, END))
    starts = Campaigns().published_starts(SPANS, 24, store)
    parts = by_part(Campaigns().assign(starts.with_columns(end=pl.col("start") + timedelta(days=1)), store))
    assert {name: len(units) for name, units in parts.items()} == {"train": 10, "val": 1, "test": 6}
    assert parts["test"][:3] == dates(3, 15, 17)


def test_users_of_published_windows_are_those_of_the_split(tmp_path: Path) -> None:
    store = write_key(tmp_path, ("ann", START, END), ("bob", START, START + timedelta(hours=1)))
    spans = pl.concat([SPANS, SPANS.with_columns(user=pl.lit("bob")), SPANS.with_columns(user=pl.lit("eve"))])
    assert set(Campaigns().published_starts(spans, 24, store)["user"]) == {"ann"}


def test_a_key_without_a_campaign_of_that_length_is_refused(tmp_path: Path) -> None:
    store = write_key(tmp_path, ("ann", START, START + timedelta(hours=1)))
    with pytest.raises(InputError, match="has no campaign that lasts between 1 day, 0:00:00 and 7 days"):
        Campaigns().assign(MARCH, store)


def test_a_store_without_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no answer key"):
        Campaigns().assign(MARCH, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_share": 1.0}, r"train_share must lie in 0 \.\. 1, got 1\.0"),
        ({"val_share": -0.1}, r"val_share must lie in 0 \.\. 1, got -0\.1"),
        ({"min_hours": 168.0}, r"min_hours must be smaller than max_hours = 168, got 168\.0"),
        ({"moved_days": -1}, "moved_days must be at least 0, got -1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Campaigns(**options)
