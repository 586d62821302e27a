"""Reading a score table chunk by chunk: one of behaviours holds up to a hundred million rows."""

from collections.abc import Callable, Iterator

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.scores.table import ROWS_AT_ONCE

_REQUIRED = ("user", "part", "start", "end", "score")  # no row may lack one of them


def row_chunks(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows of a table in order, in chunks; of an empty one, one chunk without rows.

    Raises:
        InputError: If a row lacks what every row has.
    """
    for first in range(0, max(count_rows(table), 1), ROWS_AT_ONCE):
        chunk = table.slice(first, ROWS_AT_ONCE).collect()
        for name in _REQUIRED:
            if name in chunk.columns and (missing := chunk[name].null_count()):
                raise InputError(
                    f"{missing} rows of the score table have no {name}; write it again with `itd test`"
                )
        yield chunk


def user_chunks(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows of a table in order, in chunks that hold whole users.

    Raises:
        InputError: If a table of several chunks does not keep the rows of a user together.
    """
    if count_rows(table) <= ROWS_AT_ONCE:
        yield from row_chunks(table)
        return
    remainder = table.head(0).collect()
    users: set[str] = set()
    for chunk in row_chunks(table):
        rows = pl.concat([remainder, chunk])
        whole = len(rows) - rows["user"].rle().struct.field("len")[-1]
        remainder = rows[whole:]
        if whole:
            yield _check_new_users(rows[:whole], users)
    if len(remainder):
        yield _check_new_users(remainder, users)


def count_rows(table: pl.LazyFrame) -> int:
    """Return the number of rows."""
    return int(table.select(pl.len()).collect().item())


def _check_new_users(chunk: pl.DataFrame, users: set[str]) -> pl.DataFrame:
    """Return the chunk, whose users must not be among those before, and add them."""
    new = set(chunk["user"].unique())
    if new & users:
        raise InputError(
            "the score table does not keep a user's rows together; write it again with `itd test`"
        )
    users |= new
    return chunk


def reduce_chunks(rows: pl.LazyFrame, keep: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Reduce a table chunk by chunk; ``keep`` must be associative.

    Args:
        rows: The table.
        keep: Keeps some rows, and may add columns. Of two tables together it must keep what it keeps of the
            rows that it kept of each.
    """
    best = keep(rows.head(0).collect())
    for chunk in row_chunks(rows):
        best = keep(pl.concat([best.select(chunk.columns), chunk]))
    return best
