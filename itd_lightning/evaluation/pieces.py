"""A score table piece by piece: one of behaviours holds up to a hundred million rows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.scores import SCORES
from itd_lightning.scores.table import METADATA, About

ROWS = 250_000  # of a piece, as of a row group


def scan_scores(path: Path) -> tuple[pl.LazyFrame, About]:
    """Open a score table without reading its rows.

    Raises:
        InputError: If there is none, or it is none of ours.
    """
    if not path.is_file():
        raise InputError(
            f"no scores at {path}; write them with `itd test --ckpt_path RUN/checkpoints/best.ckpt`"
        )
    try:
        about = About(**json.loads(pl.read_parquet_metadata(path)[METADATA]))
        table = pl.scan_parquet(path, glob=False).match_to_schema(SCORES)
        table.head(1).collect()
    except (KeyError, TypeError, json.JSONDecodeError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path} is no score table of this program: {str(error).splitlines()[0]}") from error
    if about.labels not in get_args(LabelPolicy) or {type(about.seed), type(about.moved_days)} != {int}:
        raise InputError(f"{path} is no score table of this program: its metadata hold other values")
    return table, about


def pieces(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows of a table in order, so many at a time."""
    for first in range(0, length(table), ROWS):
        yield table.slice(first, ROWS).collect()


def user_pieces(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows of a table in order, and in no piece but one the rows of any user.

    Raises:
        InputError: If a table of several pieces does not keep the rows of a user together.
    """
    if length(table) <= ROWS:
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
