"""Working hours: usual ones of each user, fixed ones of publications, and moments outside of them.

The usual hours of a user are those of the user's own earlier days in the store that is scored. Nothing of a
user is fitted; training days give the hours of everybody, for those whose own are not known yet.
"""

from datetime import time
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.history import EARLIER_VERSION, LEAST_WORK_DAYS
from itd_lightning.events.calendar import is_weekend

OWN_HOURS = pl.Schema({"user": pl.String(), "after": pl.Date(), "start": pl.Float64(), "end": pl.Float64()})

# Work at night makes a day's first event earlier and its last one later, never the other way round: so the
# late quantile of the first and the early quantile of the last hold although most days begin or end at night.
LATE_QUANTILE, EARLY_QUANTILE = 0.8, 0.2
_MAX_DAYS = 60  # work days: a quarter of a year
SLACK = 1.0  # hours; the first logon of half of the users of r4.2 has a standard deviation below 0.12


class WorkingDay(NamedTuple):
    """Start and end of a working day, in hours since midnight; None where nobody's hours are known."""

    start: float | None
    end: float | None

    @classmethod
    def from_state(cls, state: object) -> "WorkingDay":
        """Restore from the list of both that a checkpoint holds.

        Raises:
            InputError: If the checkpoint holds the hours of users, as those of earlier versions do.
        """
        if not isinstance(state, list):
            raise InputError(EARLIER_VERSION)
        return cls(*state)


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


def _on_work_days(presence: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """Return the first and last hour of each user's work days: ``user``, ``day``, ``start``, ``end``."""
    work_days = calendar.filter(kind="work").select("day")
    return presence.join(work_days, on="day", how="semi").select(
        "user", "day", start=_hour_of("first", pl.col("day")), end=_hour_of("last", pl.col("day"))
    )


def own_hours(presence: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """Return the usual start and end of each user's working day, as known after each of their work days.

    ``start`` is the 80 % quantile of the first event of a day, ``end`` the 20 % quantile of the last one (the
    nearest rank), over the last 60 work days. They stand although nearly four of five days hold work at
    night, or one of five begins late or ends early. A shift past midnight is not described: its days begin at
    0 and end at 24, and nothing lies outside.

    Args:
        presence: Partials of ``store.presence.days_present``, merged.
        calendar: As ``calendar.work_calendar`` returns it for this presence.

    Returns:
        One row for each work day of each user, sorted: ``user``; ``after``, the work day, for the hours hold
        on the days after it; ``start`` and ``end`` (hours since midnight), null with fewer than 10 work days
        so far, or where the start would not lie before the end.
    """

    def usual(name: str, quantile: float) -> pl.Expr:
        rolling = pl.col(name).rolling_quantile(
            quantile, "nearest", window_size=_MAX_DAYS, min_samples=LEAST_WORK_DAYS
        )
        return rolling.over("user")

    return (
        _on_work_days(presence, calendar)
        .sort("user", "day")
        .select("user", after="day", start=usual("start", LATE_QUANTILE), end=usual("end", EARLY_QUANTILE))
        .with_columns(pl.when(pl.col("start") < pl.col("end")).then(pl.col("start", "end")))
    )


def everybodys_hours(presence: pl.DataFrame, calendar: pl.DataFrame, train: pl.DataFrame) -> WorkingDay:
    """Return the usual hours of everybody: the median over users of their hours on training days.

    A user with fewer than 10 training days that are work days, or whose start would not lie before the end,
    has no say.

    Args:
        presence: Partials of ``store.presence.days_present``, merged.
        calendar: As ``calendar.work_calendar`` returns it for this presence.
        train: ``user`` and ``day`` of training units.
    """
    hours = (
        _on_work_days(presence.join(train, on=["user", "day"], how="semi"), calendar)
        .group_by("user")
        .agg(
            pl.col("start").quantile(LATE_QUANTILE, "nearest"),
            pl.col("end").quantile(EARLY_QUANTILE, "nearest"),
            days=pl.len(),
        )
        .filter(pl.col("days") >= LEAST_WORK_DAYS, pl.col("start") < pl.col("end"))
    )
    return WorkingDay(*hours.select(pl.col("start", "end").median()).row(0))


def _hours_of_days(days: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """Return each ``user`` and ``day``, with ``start`` and ``end`` as earlier days show them, or null."""
    return (
        days.unique()
        .sort("day")
        .join_asof(
            own.sort("after"),
            left_on="day",
            right_on="after",
            by="user",
            allow_exact_matches=False,  # a day says nothing of its own usual hours
            check_sortedness=False,  # both are sorted above; with ``by`` it cannot be checked
        )
        .select("user", "day", "start", "end")
    )


def after_hours(
    rows: pl.DataFrame,
    own: pl.DataFrame,
    everybody: WorkingDay,
    calendar: pl.DataFrame,
    slack: float = SLACK,
) -> pl.Series:
    """Return whether each moment lies outside its user's working day, or on a day off.

    The working day is what the user's own work days before the moment's day tell; with too few of them, it is
    that of everybody. A day that the calendar lacks is off if it is a Saturday or Sunday.

    Args:
        rows: ``user``, ``time``; further columns are ignored.
        own: As ``own_hours`` returns it.
        everybody: As ``everybodys_hours`` returns it.
        calendar: As ``calendar.work_calendar`` returns it.
        slack: Hours before the start and after the end that still count as the working day.

    Returns:
        ``after_hours``, one value a row in the order of the rows; null on a work day if nobody's hours are
        known.
    """
    moments = rows.select("user", "time", day=pl.col("time").dt.date())
    hours = _hours_of_days(moments.select("user", "day"), own)
    moments = moments.join(hours, on=["user", "day"], how="left", maintain_order="left").join(
        calendar.select("day", "kind"), on="day", how="left", maintain_order="left"
    )
    hour = _hour_of("time", pl.col("day"))
    start, end = (
        pl.coalesce(name, pl.lit(usual, pl.Float64))
        for name, usual in zip(("start", "end"), everybody, strict=True)
    )
    day_off = pl.coalesce(pl.col("kind") != "work", is_weekend(pl.col("day")))
    outside_hours = (hour < start - slack) | (hour > end + slack)
    return moments.select(after_hours=day_off | outside_hours).to_series()
