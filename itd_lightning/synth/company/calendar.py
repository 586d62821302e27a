"""Working days, holidays and the text of dates; days are counted from 0, the first day of the release."""

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

DAY = 86_400  # seconds
HOUR = 3_600  # seconds
MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6


class Calendar(NamedTuple):
    """The days of a release.

    Attributes:
        start: The first day.
        days: Number of days.
        weekday: Monday is 0, for each day.
        office: Whether the office is open: neither a weekend nor a public holiday.
    """

    start: date
    days: int
    weekday: NDArray[np.int64]
    office: NDArray[np.bool_]

    def next_office_day(self, day: int, step: int = 1) -> int:
        """Return the nearest open day from ``day`` on, in steps of ``step``; may lie outside the release."""
        while 0 <= day < self.days and not self.office[day]:
            day += step
        return day


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """Return the nth such weekday of a month; ``nth=-1`` is the last.

    Example:
        >>> _nth_weekday(2010, 11, THURSDAY, 4)
        datetime.date(2010, 11, 25)
    """
    if nth < 0:
        last = (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _observed_holiday(day: date) -> date:
    """Return the day on which a holiday is kept: Friday for a Saturday, Monday for a Sunday."""
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _holidays(year: int) -> set[date]:
    """Return the public holidays on which the office is closed."""
    return {
        _observed_holiday(date(year, 1, 1)),
        _nth_weekday(year, 5, MONDAY, -1),
        _observed_holiday(date(year, 7, 4)),
        _nth_weekday(year, 9, MONDAY, 1),
        _nth_weekday(year, 11, THURSDAY, 4),
        _observed_holiday(date(year, 12, 24)),
        _observed_holiday(date(year, 12, 25)),
    }


def make_calendar(start: date, days: int) -> Calendar:
    """Count the days of a release from its start."""
    dates = [start + timedelta(days=i) for i in range(days)]
    holidays = {day for year in {d.year for d in dates} for day in _holidays(year)}
    weekday = np.array([d.weekday() for d in dates])
    office = np.array([d.weekday() < SATURDAY and d not in holidays for d in dates])
    return Calendar(start, days, weekday, office)


class DateText:
    """Formats seconds since the release's first midnight as ``MM/DD/YYYY HH:MM:SS``, by two look-ups.

    Formatting each row costs as much as drawing it; joining two short strings does not.
    """

    def __init__(self, calendar: Calendar) -> None:
        days = range(calendar.days + 1)
        self.days = pl.Series([f"{calendar.start + timedelta(days=i):%m/%d/%Y}" for i in days])
        self.clock = pl.Series([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(DAY)])

    def __call__(self, seconds: NDArray[np.int64]) -> pl.Series:
        """Return the date column of rows at these seconds."""
        parts = [self.days.gather(seconds // DAY).alias("d"), self.clock.gather(seconds % DAY).alias("c")]
        return pl.select(date=pl.concat_str([pl.lit(part) for part in parts], separator=" ")).to_series()
