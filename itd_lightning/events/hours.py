"""Working hours: usual ones of each user, fixed ones of publications, and moments outside of them."""

from datetime import time
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.events.calendar import is_weekend

HOURS = pl.Schema(
    {
        "user": pl.String(),
        "days": pl.UInt32(),
        "start": pl.Float64(),
        "end": pl.Float64(),
        "own": pl.Boolean(),
    }
)

# Work at night makes a day's first event earlier and its last one later, never the other way round: so the
# late quantile of the first and the early quantile of the last hold although most days begin or end at night.
LATE_QUANTILE, EARLY_QUANTILE = 0.8, 0.2
_MIN_DAYS = 10  # two weeks of work
SLACK = 1.0  # hours; the first logon of half of the users of r4.2 has a standard deviation below 0.12


class FixedHours(NamedTuple):
    """Working hours that are the same for everybody, on every day of the week.

    Attributes:
        start: Of the working day, which includes it.
        end: Of the working day.
        closed: Whether the working day includes its end: ``both``, or ``left`` if not.
    """

    start: time
    end: time
    closed: Literal["both", "left"]

    def after_hours(self, moment: pl.Expr) -> pl.Expr:
        """Return whether a moment lies outside these hours."""
        return ~moment.dt.time().is_between(self.start, self.end, self.closed)


LE_2020 = FixedHours(
    time(7, 30), time(17, 30), "both"
)  # Le, Zincir-Heywood and Heywood, TNSM 2020: their code
CAIN_BEADLES = FixedHours(time(8), time(17), "left")  # mask/value windows: the authors' code
CHRONOS_VECTOR = FixedHours(time(7), time(19), "left")  # ChronosVector: page and notebook


def _hour_of(time: str, day: pl.Expr) -> pl.Expr:
    """Return the hours from the midnight that begins ``day`` to the moment in column ``time``."""
    return (pl.col(time) - day.cast(pl.Datetime("us"))).dt.total_microseconds() / 3.6e9


def work_hours(presence: pl.DataFrame, calendar: pl.DataFrame, days: pl.Series) -> pl.DataFrame:
    """Return the usual start and end of each user's working day, learned from training days only.

    ``start`` is the 80 % quantile of the first event of a day, ``end`` the 20 % quantile of the last one (the
    nearest rank), over work days. They stand although nearly four of five days hold work at night, or one of
    five begins late or ends early. A shift past midnight is not described: its days begin at 0 and end at 24,
    and nothing lies outside.

    A user with fewer than 10 work days, or whose start would not lie before the end, gets the median over all
    other users, and ``own`` says so. Where nobody has a profile, it is null.

    Args:
        presence: Partials of ``store.presence.days_present``, merged.
        calendar: As ``calendar.work_calendar`` returns it; it must hold the training days.
        days: Training days, as dates.

    Returns:
        One row for each user in ``presence``, sorted: ``user``, ``days`` (work days used), ``start`` and
        ``end`` (hours since midnight), ``own``.
    """
    work_days = calendar.filter(pl.col("kind") == "work", pl.col("day").is_in(days.unique().implode()))
    first = _hour_of("first", pl.col("day")).quantile(LATE_QUANTILE, "nearest")
    last = _hour_of("last", pl.col("day")).quantile(EARLY_QUANTILE, "nearest")
    profiles = (
        presence.join(work_days.select("day"), on="day", how="semi")
        .group_by("user")
        .agg(days=pl.len(), start=first, end=last)
    )
    own = ((pl.col("days") >= _MIN_DAYS) & (pl.col("start") < pl.col("end"))).fill_null(value=False)
    return (
        presence.select(pl.col("user").unique())
        .join(profiles, on="user", how="left")
        .with_columns(pl.col("days").fill_null(0), own=own)
        .with_columns(
            pl.when("own").then(name).otherwise(pl.col(name).filter("own").median()).alias(name)
            for name in ("start", "end")
        )
        .select(HOURS.names())
        .sort("user")
    )


def training_hours(presence: pl.DataFrame, calendar: pl.DataFrame, train: pl.DataFrame) -> pl.DataFrame:
    """Return the working hours of each user, from the days on which their own training units lie.

    Args:
        presence: Who was there, when, as ``Store.presence`` returns it.
        calendar: As ``calendar.work_calendar`` returns it.
        train: ``user`` and ``day`` of training units, each pair once.

    Returns:
        As ``work_hours`` does, for the users in ``train`` who were there.
    """
    return work_hours(presence.join(train, on=["user", "day"], how="semi"), calendar, train["day"])


def after_hours(
    rows: pl.DataFrame, hours: pl.DataFrame, calendar: pl.DataFrame, slack: float = SLACK
) -> pl.Series:
    """Return whether each moment lies outside its user's working day, or on a day off.

    A user whom ``hours`` lacks is measured by the median over the others. A day that the calendar lacks is
    off if it is a Saturday or Sunday.

    Args:
        rows: ``user``, ``time``; further columns are ignored.
        hours: As ``work_hours`` returns them.
        calendar: As ``calendar.work_calendar`` returns it.
        slack: Hours before the start and after the end that still count as the working day.

    Returns:
        ``after_hours``, one value a row in the order of the rows; null on a work day if nobody has a profile.
    """
    day = pl.col("time").dt.date()
    median = hours.filter("own").select(pl.col("start", "end").median())
    moments = (
        rows.select("user", "time", day=day)
        .join(hours.select("user", "start", "end"), on="user", how="left", maintain_order="left")
        .join(calendar.select("day", "kind"), on="day", how="left", maintain_order="left")
    )
    hour = _hour_of("time", pl.col("day"))
    start, end = (pl.coalesce(name, pl.lit(median[name].item(), pl.Float64)) for name in ("start", "end"))
    day_off = pl.coalesce(pl.col("kind") != "work", is_weekend(pl.col("day")))
    outside_hours = (hour < start - slack) | (hour > end + slack)
    return moments.select(after_hours=day_off | outside_hours).to_series()
