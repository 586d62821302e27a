"""Pooling of unit scores to coarser grains: sequences of windows (campaigns), sessions, user-days.

Every function keeps ``part`` apart: nothing of one part is pooled with another.
"""

from collections.abc import Iterable
from typing import Literal

import polars as pl

from itd_lightning.contracts.scores import SCORES

Pool = Literal["sum", "max", "top2", "top3"]
POOLS: dict[Pool, pl.Expr] = {
    "sum": pl.col("score").sum(),
    "max": pl.col("score").max(),
    "top2": pl.col("score").top_k(2).mean(),
    "top3": pl.col("score").top_k(3).mean(),
}


def pool_sequences(scores: pl.DataFrame, length: int = 6, stride: int = 3) -> pl.DataFrame:
    """Slide over each user's units in time order and pool ``length`` of them at a time, in every way.

    A user with fewer units gives none. A sequence spans from its first unit's start to its last unit's end.

    Returns:
        ``user``, ``part``, ``start``, ``end``, and a column of scores for each of ``POOLS``.

    Source:
        Cain and Beadles, Mask-Based Window-Level Insider Threat Detection, section VI-A: six windows, stride
        3.
    """
    position = pl.int_range(pl.len(), dtype=pl.Int64).over("user", "part")
    ordered = scores.sort("user", "start").with_columns(position=position)
    size = pl.len().over("user", "part").cast(pl.Int64)
    begins = pl.int_ranges((pl.col("position") - length + 1).clip(0), pl.col("position") + 1)
    member = (
        ordered.with_columns(size=size, begin=begins)
        .explode("begin", empty_as_null=False)
        .filter(pl.col("begin") % stride == 0, pl.col("begin") + length <= pl.col("size"))
    )
    return _pool_all_ways(member, ["user", "part", "begin"]).drop("begin")


def pool_sessions(scores: pl.DataFrame) -> pl.DataFrame:
    """Pool the behaviours of each sequence, a session or a day, in every way; those of none are left out.

    Returns:
        ``user``, ``part``, ``sequence``, ``start``, ``end``, and a column of scores for each of ``POOLS``.
    """
    return _pool_all_ways(scores.filter(pl.col("sequence").is_not_null()), ["user", "part", "sequence"])


def _pool_all_ways(member: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Pool each group to one row: its span, and a column of scores for each of ``POOLS``."""
    spans = member.group_by(by).agg(pl.col("start").min(), pl.col("end").max(), **POOLS)
    return spans.sort("user", "start", *by)


def pool_days(scores: pl.DataFrame, pool: Pool = "max") -> pl.DataFrame:
    """Bring scores to the user-day: each unit counts on every calendar day that it reaches into.

    A day is in warm-up if one of its units is.
    """
    first, last = (time.dt.truncate("1d") for time in (pl.col("start"), pl.col("end").dt.offset_by("-1us")))
    if scores.select((first == last).all()).item():  # as of all behaviours, which are many
        member = scores.with_columns(day=first)
    else:
        member = scores.with_columns(day=pl.datetime_ranges(first, last, "1d")).explode("day")
    return (
        member.with_columns(start=pl.col("day"), end=pl.col("day").dt.offset_by("1d"))
        .group_by("user", "part", "day")
        .agg(
            pl.col("start").min(),
            pl.col("end").max(),
            POOLS[pool],
            event_id=pl.lit(None, pl.String),
            sequence=pl.lit(None, pl.Int64),
            warm_up=pl.col("warm_up").any(ignore_nulls=False),
        )
        .sort("user", "start")
        .select(SCORES.names())
    )


def user_days(chunks: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the user-days of a table that comes in chunks of whole users, each as its highest unit."""
    return pl.concat([pool_days(chunk) for chunk in chunks])
