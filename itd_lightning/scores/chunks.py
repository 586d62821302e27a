"""A score table piece by piece: one of behaviours holds up to a hundred million rows."""

from collections.abc import Iterator

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.scores.table import ROWS_AT_ONCE

WHOLE = ("user", "part", "start", "end", "score")  # no row may lack one of them


def pieces(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows of a table in order, so many at a time; of an empty one, one piece without rows.

    Raises:
        InputError: If a row lacks what every row has.
    """
    for first in range(0, max(length(table), 1), ROWS_AT_ONCE):
        piece = table.slice(first, ROWS_AT_ONCE).collect()
        for name in WHOLE:
            if name in piece.columns and (lacking := piece[name].null_count()):
                raise InputError(
                    f"{lacking} rows of the score table have no {name}; write it again with `itd test`"
                )
        yield piece


def user_pieces(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows of a table in order, and in no piece but one the rows of any user.

    Raises:
        InputError: If a table of several pieces does not keep the rows of a user together.
    """
    if length(table) <= ROWS_AT_ONCE:
        yield from pieces(table)
        return
    held = table.head(0).collect()
    seen: set[str] = set()
    for piece in pieces(table):
        begun = pl.concat([held, piece])
        whole = len(begun) - begun["user"].rle().struct.field("len")[-1]
        held = begun[whole:]
        if whole:
            yield unseen(begun[:whole], seen)
    if len(held):
        yield unseen(held, seen)


def length(table: pl.LazyFrame) -> int:
    """Number of rows."""
    return int(table.select(pl.len()).collect().item())


def unseen(piece: pl.DataFrame, seen: set[str]) -> pl.DataFrame:
    """The piece, whose users must be new; they are no longer."""
    users = set(piece["user"].unique())
    if users & seen:
        raise InputError(
            "the score table does not keep a user's rows together; write it again with `itd test`"
        )
    seen |= users
    return piece
