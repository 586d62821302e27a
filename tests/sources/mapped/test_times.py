"""Times as they are written become naive local times of the store's zone."""

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
import pytest

from itd_lightning.sources.mapped.mapping import TimeRule
from itd_lightning.sources.mapped.times import local_times

EIGHT = datetime(2026, 3, 2, 8)


def times(values: Sequence[object], to: str = "UTC", **rule: str | None) -> list[datetime | None]:
    """Return local times of values."""
    settings = {"column": "t", "format": None, "zone": "UTC", "unit": None, **rule}
    return local_times(pl.Series("t", values, strict=False), TimeRule(**settings), to).to_list()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T08:00:00Z",
        "2026-03-02T08:00:00.000Z",
        "2026-03-02T08:00:00.0000000Z",
        "2026-03-02T08:00:00",
        "2026-03-02 08:00:00.000",
        "2026-03-02T09:00:00+01:00",
        "2026-03-02 09:00:00.0000000 +0100",
        "2026-03-02T03:00:00-05:00",
        "1772438400",
        "1772438400.000000",
        "1772438400000",
        "1772438400000000",
        "1772438400000000000",
    ],
)
def test_a_time_is_read_however_it_is_written(text: str) -> None:
    assert times([text, None, "never"]) == [EIGHT, None, None]
    assert times([text], "Europe/Berlin", zone="UTC") == [datetime(2026, 3, 2, 9)]


def test_a_row_is_read_the_same_way_whatever_stands_beside_it() -> None:
    texts = ["2026-03-02T09:00:00+01:00", "2026-03-02 08:00:00", "1772438400", "2026-03-02T08:00:00Z", "x"]
    assert times(texts * 2) == [time for _ in range(2) for text in texts for time in times([text])]


def test_a_number_since_1970_keeps_its_last_digit() -> None:
    expected = datetime(2026, 3, 2, 8, 0, 0, 123456)
    assert times(["1772438400123456789"], unit="ns") == [expected]
    assert times(["1772438400123456"], unit="us") == [expected]
    assert times(["1772438400.123456"], unit="s") == [expected]
    assert times([1772438400123456], unit="us") == [expected]
    assert times(["x", ""], unit="s") == [None, None]


def test_an_hour_that_comes_twice_is_the_first_and_one_that_never_came_is_none() -> None:
    texts = ["2026-10-25T02:30:00", "2026-03-29T02:30:00"]
    assert times(texts, "UTC", zone="Europe/Berlin") == [datetime(2026, 10, 25, 0, 30), None]
    assert times(texts, "Europe/Berlin", zone="Europe/Berlin") == [
        datetime(2026, 10, 25, 2, 30),
        datetime(2026, 3, 29, 2, 30),
    ]


def test_a_format_of_its_own_is_the_only_one() -> None:
    form = "%d.%m.%Y %H:%M"
    assert times(["02.03.2026 08:00", "2026-03-02T08:00:00Z"], format=form) == [EIGHT, None]
    assert times(["02.03.2026 09:00"], format=form, zone="Europe/Berlin") == [EIGHT]
    assert times(["02.03.2026 09:00 +0100"], format=f"{form} %z", zone="America/New_York") == [EIGHT]


def test_times_that_are_typed_already_are_taken() -> None:
    assert times([EIGHT]) == [EIGHT]
    assert times([date(2026, 3, 2)]) == [datetime(2026, 3, 2)]
    assert times([None]) == [None]
    aware = pl.Series("t", [EIGHT]).dt.replace_time_zone("America/New_York")
    rule = TimeRule("t", None, "UTC", None)
    assert local_times(aware, rule, "UTC").to_list() == [datetime(2026, 3, 2, 13)]
