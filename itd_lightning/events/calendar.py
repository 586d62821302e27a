"""Days: the work calendar of a company, read off its logs, weekends, and days without any event."""

import polars as pl

_DayKind = pl.Enum(["work", "weekend", "holiday"])
CALENDAR = pl.Schema({"day": pl.Date(), "active": pl.Int64(), "staff": pl.Int64(), "kind": _DayKind})

_SATURDAY = 6
WINDOW = 14  # days without any trace of a user until they count as gone; a shutdown over Christmas is shorter
_FEW = 0.3  # of the staff: with fewer, a Monday to Friday is off
_MOST = 0.5  # of the staff: with more, a Saturday or Sunday is a work day


def is_weekend(moment: pl.Expr) -> pl.Expr:
    """Return whether a date or a time is on a Saturday or Sunday."""
    return moment.dt.weekday() >= _SATURDAY


def fill_days(days: pl.DataFrame) -> pl.DataFrame:
    """Return each user's days from the first to the last one; days after it would show who left.

    Args:
        days: ``user``, ``day``; further columns are ignored.

    Returns:
        ``user``, ``day``, sorted.
    """
    spans = days.group_by("user").agg(day=pl.date_range(pl.col("day").min(), pl.col("day").max()))
    return spans.explode("day").sort("user", "day")


def work_calendar(presence: pl.DataFrame) -> pl.DataFrame:
    """Return every day from the first to the last one, and whether it was a work day.

    ``staff`` counts the users who were there on any of the 14 days up to and including this one, ``active``
    those on the day itself. Monday to Friday is a work day if at least 30 % of the staff are active, else a
    holiday. Saturday and Sunday are weekend, unless more than half of the staff are active. A day without any
    event is off. The kind of a day is known when the day ends: nothing later enters.

    All of genuine r4.2 has about 98 % of the staff active on work days and 5 % on weekends, so that any
    threshold in between would do. The two were set on random slices of 3 to 20 of its users, where somebody
    who has left counts as staff for another two weeks, and one who works on holidays is a large share.

    While no Monday to Friday with any event lies in the 14 days, nobody knows the staff, and a Saturday or
    Sunday stays weekend: so begin all CERT releases. A holiday on which the logs begin looks like a work day.

    Args:
        presence: Partials of ``store.presence.days_present``, merged.

    Returns:
        ``day``, ``active``, ``staff``, ``kind``, sorted.
    """
    if presence.is_empty():
        return pl.DataFrame(schema=CALENDAR)
    following = pl.col("day").shift(-1).over("user", order_by="day")
    # Each day of presence makes its user staff until the next one takes over, or the window ends.
    spans = presence.select(
        "day", until=pl.min_horizontal(following, pl.col("day").dt.offset_by(f"{WINDOW}d"))
    )
    arrivals = spans.group_by("day").agg(active=pl.len().cast(pl.Int64))
    departures = spans.group_by(day="until").agg(left=pl.len().cast(pl.Int64))
    all_days = presence.select(pl.date_range(pl.col("day").min(), pl.col("day").max()))
    weekend = is_weekend(pl.col("day"))
    office = (~weekend & (pl.col("active") > 0)).cast(pl.Int8)
    work = (
        pl.when(weekend)
        .then((pl.col("active") > _MOST * pl.col("staff")) & (office.rolling_max(WINDOW, min_samples=1) > 0))
        .otherwise((pl.col("active") >= _FEW * pl.col("staff")) & (pl.col("active") > 0))
    )
    kind = (
        pl.when(work).then(pl.lit("work")).when(weekend).then(pl.lit("weekend")).otherwise(pl.lit("holiday"))
    )
    return (
        all_days.join(arrivals, on="day", how="left", maintain_order="left")
        .join(departures, on="day", how="left", maintain_order="left")
        .with_columns(pl.col("active", "left").fill_null(0))
        .with_columns(staff=(pl.col("active") - pl.col("left")).cum_sum())
        .select("day", "active", "staff", kind=kind.cast(_DayKind))
    )
