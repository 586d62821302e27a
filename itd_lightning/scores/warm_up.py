"""Marks the units of users whose own history is still too short to say what is usual for them."""

import polars as pl

from itd_lightning.contracts.history import WARM_UP_DAYS


def last_warm_up_days(presence: pl.DataFrame) -> pl.DataFrame:
    """Return the last day in warm-up of each user: the one that completes the active days it takes.

    Args:
        presence: ``user`` and ``day``, each active day of a user once, as ``Store.presence`` returns them.

    Returns:
        ``user`` and ``warm_up_until``; without the users who have not come that far.
    """
    last = pl.col("day").sort().slice(WARM_UP_DAYS - 1, 1).first()
    return presence.group_by("user").agg(warm_up_until=last).drop_nulls()


def mark_warm_up(units: pl.DataFrame, last_days: pl.DataFrame) -> pl.DataFrame:
    """Add ``warm_up``: whether the user had fewer than ``WARM_UP_DAYS`` active days before the first day.

    Only days before the unit's own count, so what comes later changes no mark.

    Args:
        units: ``user`` and ``start``.
        last_days: As ``last_warm_up_days`` returns them.
    """
    first = pl.col("start").dt.date()
    marked = units.join(last_days, on="user", how="left", maintain_order="left")
    warm_up = (first <= pl.col("warm_up_until")).fill_null(value=True)
    return marked.with_columns(warm_up=warm_up).drop("warm_up_until")
