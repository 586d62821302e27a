"""The people of a store: monthly entries of a directory become one row for each period without a change."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import polars as pl

from itd_lightning.sources.base import ATTRIBUTES, Directory


def join_directories(directories: Sequence[Directory]) -> Directory:
    """Join directories into one; of a month, and of a user's scores, the first counts."""
    entries: list[pl.DataFrame] = []
    for directory in directories:
        months = pl.concat([*entries, directory.entries.clear()])["month"].unique()
        entries.append(directory.entries.filter(~pl.col("month").is_in(months.implode())))
    traits = pl.concat([directory.traits for directory in directories])
    return Directory(pl.concat(entries), traits.unique("user", keep="first", maintain_order=True))


def update_directory(old: Directory, now: Directory, since: date) -> Directory:
    """Return a directory in which everybody is, from a month on, as they are now.

    What earlier months say stays. Whoever is no longer there has left in that month, who is new came in it.

    Args:
        old: The months so far.
        now: The people now; its last month tells how long that holds.
        since: First day of the month.
    """
    last = now.entries["month"].max()
    table = now.entries.filter(pl.col("month") == last)
    kept = old.entries.filter(pl.col("month") < since)
    entries = [kept, *(table.with_columns(month=pl.lit(month)) for month in (since, last))]
    traits = pl.concat([old.traits, now.traits.match_to_schema(old.traits.schema, missing_columns="insert")])
    return Directory(pl.concat(entries), traits.unique("user", keep="first", maintain_order=True))


def validity_periods(directory: Directory) -> pl.DataFrame:
    """Return one row for each user and unbroken run of months with equal attributes.

    Returns:
        ``user``, ``valid_from`` and ``valid_to`` (days, the latter excluded), the attributes, ``left_on``
        (first day of the first month whose file lacks the user for good, else null) and the traits where
        known. ``supervisor`` is a name.
    """
    months = directory.entries["month"].unique().sort().to_list()
    following = dict(pairwise([*months, _next_month(months[-1])]))
    runs = (
        directory.entries.sort("user", "month", maintain_order=True)
        .with_columns(
            attributes=pl.struct(ATTRIBUTES),
            until=pl.col("month").replace_strict(following, return_dtype=pl.Date),
        )
        .with_columns(changed=pl.col("attributes") != pl.col("attributes").shift().over("user"))
        .with_columns(absent=pl.col("month") != pl.col("until").shift().over("user"))
        .with_columns(run=(pl.col("changed") | pl.col("absent")).fill_null(value=True).cum_sum().over("user"))
        .group_by("user", "run", maintain_order=True)
        .agg(
            pl.col("month").first().alias("valid_from"),
            pl.col("until").last().alias("valid_to"),
            *(pl.col(name).first() for name in ATTRIBUTES if name != "user"),
        )
    )
    last = pl.col("valid_to").max().over("user")
    people = runs.drop("run").with_columns(left_on=pl.when(last < _next_month(months[-1])).then(last))
    return people.join(directory.traits, on="user", how="left", maintain_order="left")


def _next_month(month: date) -> date:
    """Return the first day of the month after.

    Example:
        >>> _next_month(date(2010, 12, 1))
        datetime.date(2011, 1, 1)
    """
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
