"""Sequences of events: a user's acts in one session at a PC, or on one day."""

from typing import Literal

import polars as pl

Unit = Literal["session", "day"]
IDLE = 12.0  # hours; in genuine r4.2 no session that a logoff ends lasts longer than 12.5 hours in all


def by_session(events: pl.DataFrame, idle: float = IDLE) -> pl.DataFrame:
    """Return events by session: a user's acts at one PC from a logon to the logoff there.

    - A logon while the session is open is the unlocking of a screen, which CERT logs so, and goes on with it.
    - Sessions at several PCs run side by side; each event belongs to the session of its own PC.
    - Whatever happens at a PC without a session opens one, as if its logon were missing.
    - A session whose logoff is missing ends where ``idle`` hours pass without any event.
    - Nothing is cut at midnight or at a week's end, and nothing is left out.

    An event that names no PC belongs to a session of such events.

    Args:
        events: One shard: ``user``, ``time``, ``pc``, ``kind``; each user's in the order of the log.
        idle: Hours without any event at the PC after which a session is over.

    Returns:
        The rows, sorted by user, sequence and time, with ``sequence``, numbered from 0 in the order of user,
        first moment and PC.
    """
    rows = events.with_row_index("row").sort("user", "pc", "time", "row")
    key = pl.struct("user", "pc")
    gap = pl.col("time").diff().over(key) > pl.duration(seconds=idle * 3600)
    is_over = (pl.col("kind").shift().over(key) == "logoff") | gap
    starts = is_over.fill_null(value=True)
    return _number_sequences(rows.with_columns(run=starts.cum_sum()), ["user", "run"])


def by_day(events: pl.DataFrame) -> pl.DataFrame:
    """Return events by user-day: a user's acts on one calendar day, at any PC.

    Args:
        events: One shard: ``user``, ``time``; each user's in the order of the log.

    Returns:
        As ``by_session`` does.
    """
    rows = events.with_row_index("row").sort("user", "time", "row")
    return _number_sequences(rows.with_columns(run=pl.col("time").dt.date()), ["user", "run"])


def _number_sequences(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return the rows sorted by their group, numbered in the order of user and first moment."""
    groups = rows.group_by(by, maintain_order=True).agg(first=pl.col("time").min())
    numbers = groups.sort("user", "first", maintain_order=True).with_row_index("sequence").drop("first")
    return (
        rows.join(numbers, on=by, maintain_order="left")
        .sort("sequence", "time", "row")
        .with_columns(pl.col("sequence").cast(pl.Int64))
        .drop("run", "row")
    )
