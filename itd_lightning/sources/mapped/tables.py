"""The small tables beside the logs: whose account is whose, and who the people are."""

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.base import ATTRIBUTES, Directory
from itd_lightning.sources.mapped.mapping import Identity

ALWAYS = (date(1990, 1, 1), date(2100, 12, 1))  # months between which a table without dates holds
_DESCRIBE = ("role", "department", "team", "supervisor")  # people are known if one of these columns is there


def read_small_table(path: Path) -> pl.DataFrame:
    """Return a CSV or Parquet file as text, without blanks around it; "" is null.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path, glob=False).cast(pl.String)
        else:
            rows = pl.read_csv(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), infer_schema=False)
    except (PolarsError, OSError) as error:
        raise InputError(f"{path} cannot be read: {str(error).partition(chr(10))[0][:160]}") from error
    return rows.rename(str.strip).with_columns(pl.all().str.strip_chars().replace("", None))


def check_columns(rows: pl.DataFrame, path: Path, names: tuple[str, ...]) -> None:
    """Refuse a table that lacks columns."""
    if missing := [name for name in names if name not in rows.columns]:
        raise InputError(f"{path} lacks {', '.join(missing)}; it has {', '.join(rows.columns)[:300]}")


def read_accounts(identity: Identity) -> pl.DataFrame:
    """Return accounts, in lower case, and the user of each: columns ``account`` and ``user``.

    Raises:
        InputError: If the table cannot be read, or gives an account to two users.
    """
    return _accounts(identity, identity.table.stat().st_mtime_ns)


@cache
def _accounts(identity: Identity, _changed: int) -> pl.DataFrame:
    """Return accounts; read once for each state of the file."""
    rows = read_small_table(identity.table)
    check_columns(rows, identity.table, (identity.user, *identity.account))
    pairs = pl.concat(
        rows.select(pl.col(name).str.to_lowercase().alias("account"), pl.col(identity.user).alias("user"))
        for name in dict.fromkeys((*identity.account, identity.user))
    )
    accounts = pairs.drop_nulls().unique(maintain_order=True)
    twice = accounts.filter(pl.col("account").is_duplicated())
    if len(twice):
        account = twice["account"][0]
        users = " and ".join(twice.filter(pl.col("account") == account)["user"].to_list()[:2])
        raise InputError(
            f"{identity.table} gives the account {account!r} to {users}; an account has one user"
        )
    return accounts


def looked_up(name: str, table: Identity) -> pl.Expr:
    """Return whose account, or which PC's address, a column holds."""
    accounts = read_accounts(table)
    column = pl.col(name)
    known = column.str.to_lowercase().replace_strict(
        accounts["account"], accounts["user"], default=None, return_dtype=pl.String
    )
    return (pl.coalesce(known, column) if table.unknown == "keep" else known).alias(name)


def accounts_digest(identity: Identity) -> str:
    """Return the hash of a table."""
    return xxh3_128(identity.table.read_bytes()).hexdigest()


def read_people(identity: Identity) -> Directory | None:
    """Return the people in the identity table; None if it says nothing about them but their accounts.

    A supervisor may be named by name or by user.
    """
    rows = read_small_table(identity.table)
    if not set(_DESCRIBE) & set(rows.columns):
        return None
    check_columns(rows, identity.table, (identity.user,))
    named = {name: pl.col(name) for name in ATTRIBUTES if name in rows.columns} | {
        "user": pl.col(identity.user)
    }
    people = (
        rows.select(named.get(name, pl.lit(None, pl.String)).alias(name) for name in ATTRIBUTES)
        .drop_nulls("user")
        .unique("user", keep="first", maintain_order=True)
        .with_columns(pl.coalesce("name", "user"))
    )
    by_user = dict(people.select("user", "name").iter_rows())
    people = people.with_columns(pl.col("supervisor").replace(by_user))
    months = [people.with_columns(month=pl.lit(month)) for month in ALWAYS]
    return Directory(pl.concat(months), pl.DataFrame(schema={"user": pl.String}))
