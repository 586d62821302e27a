"""Tests of the split by date."""

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits import Dates
from itd_lightning.store.read import Store

SPLIT = Dates(val_from=date(2010, 3, 8), test_from=date(2010, 3, 15))


def part(start: datetime, hours: int) -> str:
    """Return part of one unit."""
    end = start + timedelta(hours=hours)
    unit = pl.DataFrame([("ann", start, end)], schema=UNITS.names()[:3], orient="row")
    assigned = SPLIT.assign(unit, Path("nowhere"))
    assert assigned.schema == UNITS
    return str(assigned["part"].item())


@pytest.mark.parametrize(
    ("day", "name"), [(1, "train"), (7, "train"), (8, "val"), (14, "val"), (15, "test"), (31, "test")]
)
def test_a_day_belongs_to_the_part_that_it_lies_in(day: int, name: str) -> None:
    assert part(datetime(2010, 3, day), 24) == name


@pytest.mark.parametrize(
    ("day", "name"),
    [(5, "train"), (6, "train"), (7, "unused"), (8, "val"), (13, "val"), (14, "unused"), (15, "test")],
)
def test_two_days_over_a_boundary_are_unused(day: int, name: str) -> None:
    assert part(datetime(2010, 3, day), 48) == name


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (datetime(2010, 3, 7, 12), "train"),
        (datetime(2010, 3, 7, 12, 0, 1), "unused"),
        (datetime(2010, 3, 8), "val"),
        (datetime(2010, 3, 14, 12), "val"),
        (datetime(2010, 3, 14, 12, 0, 1), "unused"),
        (datetime(2010, 3, 15), "test"),
    ],
)
def test_the_end_of_a_unit_is_not_part_of_it(start: datetime, name: str) -> None:
    assert part(start, 12) == name


def test_the_order_of_units_stays() -> None:
    starts = [datetime(2010, 3, day) for day in (20, 1, 9)]
    units = pl.DataFrame(
        {"user": ["b", "a", "c"], "start": starts, "end": [s + timedelta(1) for s in starts]}
    )
    assigned = SPLIT.assign(units, Path("nowhere"))
    assert assigned.drop("part").equals(units)
    assert assigned["part"].to_list() == ["test", "train", "val"]


@pytest.mark.parametrize("test_from", [date(2010, 3, 8), date(2010, 3, 7)])
def test_test_days_must_follow_validation_days(test_from: date) -> None:
    with pytest.raises(
        ValueError, match=f"test_from must be later than val_from = 2010-03-08, got {test_from}"
    ):
        Dates(val_from=date(2010, 3, 8), test_from=test_from)


def test_a_negative_move_is_refused() -> None:
    with pytest.raises(ValueError, match="moved_days must be at least 0, got -7"):
        Dates(val_from=date(2010, 3, 8), test_from=date(2010, 3, 15), moved_days=-7)


def test_labels_are_shown_of_chosen_parts_and_never_of_the_test(store: Path) -> None:
    split = Dates(date(2010, 2, 20), date(2010, 3, 10), shown=["train"])
    starts = pl.DataFrame(
        {"start": pl.datetime_range(datetime(2010, 1, 2), datetime(2010, 4, 9), "1d", eager=True)}
    )
    users = Store(store).presence().select(pl.col("user").unique(maintain_order=True))
    units = users.join(starts, how="cross").with_columns(end=pl.col("start") + timedelta(days=1))
    parted = split.assign(units, store)
    shown = split.shown_labels(parted, store)
    assert (shown.is_not_null() == (parted["part"] == "train")).all()
    assert 0 < shown.sum() < len(parted)
    nothing = Dates(date(2010, 2, 20), date(2010, 3, 10)).shown_labels(parted, store)
    assert nothing.null_count() == len(parted)
