"""Work-hour profiles: when a user's day usually begins and ends, and which moments lie outside."""

import polars as pl

from itd_lightning.events.calendar import SATURDAY

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
LATE, EARLY = 0.8, 0.2
MIN_DAYS = 10  # two weeks of work
SLACK = 1.0  # hours; the first logon of half of the users of r4.2 has a standard deviation below 0.12


def hour_of(time: str, day: pl.Expr) -> pl.Expr:
    """Hours from the midnight that begins ``day`` to the moment in column ``time``."""
    return (pl.col(time) - day.cast(pl.Datetime("us"))).dt.total_microseconds() / 3.6e9


def work_hours(presence: pl.DataFrame, calendar: pl.DataFrame, days: pl.Series) -> pl.DataFrame:
    """Usual start and end of each user's working day, learned from training days only.

    ``start`` is the 80 % quantile of the first event of a day, ``end`` the 20 % quantile of the last one (the
    nearest rank), over work days. They stand although nearly four of five days hold work at night, or one of
    five begins late or ends early. A shift past midnight is not described: its days begin at 0 and end at 24,
    and nothing lies outside.

    A user with fewer than 10 work days, or whose start would not lie before the end, gets the median over all
    other users, and ``own`` says so. Where nobody has a profile, it is null.

    Args:
        presence: Partials of ``calendar.days_present``, merged.
        calendar: As ``calendar.work_calendar`` returns it; it must hold the training days.
        days: Training days, as dates.

    Returns:
        One row for each user in ``presence``, sorted: ``user``, ``days`` (work days used), ``start`` and
        ``end`` (hours since midnight), ``own``.
    """
    used = calendar.filter(pl.col("kind") == "work", pl.col("day").is_in(days.unique().implode()))
    first = hour_of("first", pl.col("day")).quantile(LATE, "nearest")
    last = hour_of("last", pl.col("day")).quantile(EARLY, "nearest")
    profiles = (
        presence.join(used.select("day"), on="day", how="semi")
        .group_by("user")
        .agg(days=pl.len(), start=first, end=last)
    )
    own = ((pl.col("days") >= MIN_DAYS) & (pl.col("start") < pl.col("end"))).fill_null(value=False)
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


def after_hours(
    rows: pl.DataFrame, hours: pl.DataFrame, calendar: pl.DataFrame, slack: float = SLACK
) -> pl.Series:
    """Whether each moment lies outside its user's working day, or on a day off.

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
    usual = hours.filter("own").select(pl.col("start", "end").median())
    placed = (
        rows.select("user", "time", day=day)
        .join(hours.select("user", "start", "end"), on="user", how="left", maintain_order="left")
        .join(calendar.select("day", "kind"), on="day", how="left", maintain_order="left")
    )
    hour = hour_of("time", pl.col("day"))
    start, end = (pl.coalesce(name, pl.lit(usual[name].item(), pl.Float64)) for name in ("start", "end"))
    off = pl.coalesce(pl.col("kind") != "work", pl.col("day").dt.weekday() >= SATURDAY)
    outside = (hour < start - slack) | (hour > end + slack)
    return placed.select(after_hours=off | outside).to_series()
