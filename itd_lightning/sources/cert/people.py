"""Who worked where and when: monthly LDAP files and psychometric scores -> people with validity dates."""

from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.releases import YEARS
from itd_lightning.sources.cert.tables import read_table

PEOPLE = {
    "user_id": "user",
    "employee_name": "name",
    "email": "email",
    "role": "role",
    "business_unit": "business_unit",
    "functional_unit": "unit",
    "department": "department",
    "team": "team",
    "supervisor": "supervisor",
    "projects": "projects",
}
LATER = {"projects"}  # columns that only some releases have
TRAITS = ("O", "C", "E", "A", "N")


class Directory(NamedTuple):
    """Who stood in LDAP in which month, and the psychometric scores.

    Attributes:
        entries: One row a user and month: ``month`` (its first day) and the columns of ``PEOPLE``.
        traits: One row a user: ``user`` and the columns of ``TRAITS``; empty where the release has none.
    """

    entries: pl.DataFrame
    traits: pl.DataFrame


def read_directory(source: Path) -> Directory | None:
    """Read the people of a release, or None where it has no LDAP folder.

    Raises:
        InputError: If an LDAP file cannot be read, lacks a column, or is not named after a month.
    """
    files = sorted((source / "LDAP").glob("[0-9]*.csv"))
    if not files:
        return None
    entries = pl.concat([read_month(file, month_of(file)) for file in files])
    return Directory(entries, read_traits(source / "psychometric.csv"))


def join_directories(directories: list[Directory]) -> Directory:
    """One directory; of a month, and of a user's scores, what comes first counts."""
    entries: list[pl.DataFrame] = []
    for directory in directories:
        known = pl.concat([*entries, directory.entries.clear()])["month"].unique()
        entries.append(directory.entries.filter(~pl.col("month").is_in(known.implode())))
    traits = pl.concat([directory.traits for directory in directories])
    return Directory(pl.concat(entries), traits.unique("user", keep="first", maintain_order=True))


def people_of(directory: Directory) -> pl.DataFrame:
    """One row for each user and unbroken run of months with equal attributes.

    Returns:
        ``user``, ``valid_from`` and ``valid_to`` (days, the latter excluded), the LDAP columns, ``left_on``
        (first day of the first month whose file lacks the user for good, else null) and the five traits where
        known. ``supervisor`` is a name.
    """
    months = directory.entries["month"].unique().sort().to_list()
    following = dict(pairwise([*months, next_month(months[-1])]))
    columns = list(PEOPLE.values())
    runs = (
        directory.entries.sort("user", "month", maintain_order=True)
        .with_columns(
            attributes=pl.struct(columns),
            until=pl.col("month").replace_strict(following, return_dtype=pl.Date),
        )
        .with_columns(changed=pl.col("attributes") != pl.col("attributes").shift().over("user"))
        .with_columns(absent=pl.col("month") != pl.col("until").shift().over("user"))
        .with_columns(run=(pl.col("changed") | pl.col("absent")).fill_null(value=True).cum_sum().over("user"))
        .group_by("user", "run", maintain_order=True)
        .agg(
            pl.col("month").first().alias("valid_from"),
            pl.col("until").last().alias("valid_to"),
            *(pl.col(name).first() for name in columns if name != "user"),
        )
    )
    last = pl.col("valid_to").max().over("user")
    people = runs.drop("run").with_columns(left_on=pl.when(last < next_month(months[-1])).then(last))
    return people.join(directory.traits, on="user", how="left", maintain_order="left")


def month_of(path: Path) -> date:
    """First day of the month that an LDAP file is named after."""
    try:
        month = datetime.strptime(path.stem, "%Y-%m").date()
    except ValueError:
        month = date.min
    if f"{month:%Y-%m}" != path.stem or not YEARS[0] <= month.year <= YEARS[1]:
        raise InputError(f"{path} is not named after a month, such as 2010-01.csv")
    return month


def next_month(month: date) -> date:
    """First day of the month after.

    Example:
        >>> next_month(date(2010, 12, 1))
        datetime.date(2011, 1, 1)
    """
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def read_month(path: Path, month: date) -> pl.DataFrame:
    """Read one LDAP file; a user that stands in it twice counts once."""
    rows = read_table(path, (name for name in PEOPLE if name not in LATER))
    empty = [pl.lit(None, pl.String).alias(name) for name in LATER if name not in rows.columns]
    kept = rows.with_columns(empty).select(pl.col(raw).alias(name) for raw, name in PEOPLE.items())
    return (
        kept.drop_nulls("user")
        .unique("user", keep="first", maintain_order=True)
        .with_columns(month=pl.lit(month))
    )


def read_traits(path: Path) -> pl.DataFrame:
    """Read the Big Five scores: ``user``, O, C, E, A, N; no row where the release has none."""
    if not path.is_file():
        return pl.DataFrame(schema={"user": pl.String, **dict.fromkeys(TRAITS, pl.Int32)})
    rows = read_table(path, ("user_id", *TRAITS))
    traits = (pl.col(name).cast(pl.Int32, strict=False) for name in TRAITS)
    return rows.select(pl.col("user_id").alias("user"), *traits).unique(
        "user", keep="first", maintain_order=True
    )
