"""Who worked where and when: monthly LDAP files and psychometric scores -> people with validity dates."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError

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
}
TRAITS = ("O", "C", "E", "A", "N")


def read_people(source: Path) -> pl.DataFrame | None:
    """Read the people of a release, or None where it has no LDAP folder.

    Returns:
        One row for each user and unbroken run of months with equal attributes: ``user``, ``valid_from`` and
        ``valid_to`` (days, the latter excluded), the LDAP columns, ``left_on`` (first day of the first month
        whose file lacks the user for good, else null) and the five traits where known. ``supervisor`` is a
        name.

    Raises:
        InputError: If an LDAP file cannot be read or lacks a column.
    """
    files = sorted((source / "LDAP").glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].csv"))
    if not files:
        return None
    months = [month_of(file) for file in files]
    following = dict(pairwise([*months, next_month(months[-1])]))
    rows = pl.concat([read_month(file, month) for file, month in zip(files, months, strict=True)])
    columns = list(PEOPLE.values())
    runs = (
        rows.sort("user", "month", maintain_order=True)
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
    traits = read_traits(source / "psychometric.csv")
    return people if traits is None else people.join(traits, on="user", how="left", maintain_order="left")


def month_of(path: Path) -> date:
    """First day of the month that an LDAP file is named after."""
    try:
        return date.fromisoformat(f"{path.stem}-01")
    except ValueError as error:
        raise InputError(f"{path} is not named after a month, such as 2010-01.csv") from error


def next_month(month: date) -> date:
    """First day of the month after.

    Example:
        >>> next_month(date(2010, 12, 1))
        datetime.date(2011, 1, 1)
    """
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def read_month(path: Path, month: date) -> pl.DataFrame:
    """Read one LDAP file; a user that stands in it twice counts once."""
    rows = read_text_csv(path)
    if lacking := [name for name in PEOPLE if name not in rows.columns]:
        raise InputError(f"{path} lacks the column {', '.join(map(repr, lacking))}")
    kept = rows.select(pl.col(raw).alias(name) for raw, name in PEOPLE.items())
    return (
        kept.drop_nulls("user")
        .unique("user", keep="first", maintain_order=True)
        .with_columns(month=pl.lit(month))
    )


def read_traits(path: Path) -> pl.DataFrame | None:
    """Read the Big Five scores, columns ``user``, O, C, E, A, N; None where the release has none."""
    if not path.is_file():
        return None
    rows = read_text_csv(path)
    if lacking := [name for name in ("user_id", *TRAITS) if name not in rows.columns]:
        raise InputError(f"{path} lacks the column {', '.join(map(repr, lacking))}")
    traits = (pl.col(name).cast(pl.Int32, strict=False) for name in TRAITS)
    return rows.select(pl.col("user_id").alias("user"), *traits).unique(
        "user", keep="first", maintain_order=True
    )


def read_text_csv(path: Path) -> pl.DataFrame:
    """Read a small CSV as text."""
    try:
        return pl.read_csv(
            path, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True, glob=False
        )
    except (pl.exceptions.ComputeError, pl.exceptions.NoDataError, OSError) as error:
        raise InputError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from error
