"""The people of a CERT release: monthly LDAP files and psychometric scores."""

from datetime import date, datetime
from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.base import Directory
from itd_lightning.sources.cert.releases import YEARS
from itd_lightning.sources.cert.tables import read_table

_PEOPLE = {  # column of an LDAP file -> one of ``ATTRIBUTES``
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
_ONLY_LATER = {"projects"}  # columns that only some releases have
_TRAITS = ("O", "C", "E", "A", "N")


def read_directory(source: Path) -> Directory | None:
    """Return the people of a release, or None where it has no LDAP folder.

    Raises:
        InputError: If an LDAP file cannot be read, lacks a column, or is not named after a month.
    """
    files = sorted((source / "LDAP").glob("[0-9]*.csv"))
    if not files:
        return None
    entries = pl.concat([_read_month(file, _month_of(file)) for file in files])
    return Directory(entries, _read_traits(source / "psychometric.csv"))


def _month_of(path: Path) -> date:
    """Return the first day of the month that an LDAP file is named after."""
    try:
        month = datetime.strptime(path.stem, "%Y-%m").date()
    except ValueError:
        month = date.min
    if f"{month:%Y-%m}" != path.stem or not YEARS[0] <= month.year <= YEARS[1]:
        raise InputError(f"{path} is not named after a month, such as 2010-01.csv")
    return month


def _read_month(path: Path, month: date) -> pl.DataFrame:
    """Return the rows of one LDAP file; a user that stands in it twice counts once."""
    rows = read_table(path, (name for name in _PEOPLE if name not in _ONLY_LATER))
    empty = [pl.lit(None, pl.String).alias(name) for name in _ONLY_LATER if name not in rows.columns]
    entries = rows.with_columns(empty).select(pl.col(raw).alias(name) for raw, name in _PEOPLE.items())
    return (
        entries.drop_nulls("user")
        .unique("user", keep="first", maintain_order=True)
        .with_columns(month=pl.lit(month))
    )


def _read_traits(path: Path) -> pl.DataFrame:
    """Return the Big Five scores: ``user``, O, C, E, A, N; no row where the release has none."""
    if not path.is_file():
        return pl.DataFrame(schema={"user": pl.String, **dict.fromkeys(_TRAITS, pl.Int32)})
    rows = read_table(path, ("user_id", *_TRAITS))
    traits = (pl.col(name).cast(pl.Int32, strict=False) for name in _TRAITS)
    return rows.select(pl.col("user_id").alias("user"), *traits).unique(
        "user", keep="first", maintain_order=True
    )
