"""Frames of rows, and their CSV text.

A frame has the columns of its log, but ``t``, seconds since the first midnight, stands for ``date``.
"""

from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl

from itd_lightning.sources.cert.releases import Log
from itd_lightning.synth.company.calendar import DateText
from itd_lightning.synth.company.people import Ints, People
from itd_lightning.synth.company.texts import event_ids


class Logs(NamedTuple):
    """One frame of rows for each log, in the order of ``Release.logs``."""

    logon: pl.DataFrame
    device: pl.DataFrame
    file: pl.DataFrame
    email: pl.DataFrame
    http: pl.DataFrame


def frame(
    people: People, t: Ints, user: Ints, pc: Ints, rng: np.random.Generator, **rest: pl.Series
) -> pl.DataFrame:
    """Return rows as a frame, with new ids."""
    common = {
        "t": pl.Series(t),
        "id": event_ids(len(t), rng),
        "user": people.user.gather(user),
        "pc": people.places.pcs.gather(pc),
    }
    return pl.DataFrame({**common, **rest})


def header(log: Log) -> bytes:
    """Return the first line of a log."""
    return (",".join(log.columns) + "\n").encode()


def write_rows(file: BinaryIO, log: Log, rows: pl.DataFrame, date_text: DateText) -> None:
    """Append rows to an open file, without a header."""
    table = rows.with_columns(date=date_text(rows["t"].to_numpy())).select(log.columns)
    if log.quoted:
        # Polars writes an empty text as two quotes, but null as nothing.
        table = table.with_columns(pl.col(log.columns[4:]).replace("", None))
    table.write_csv(file, include_header=False, quote_style="necessary" if log.quoted else "never")


def rows_between(rows: pl.DataFrame, first: int, end: int) -> pl.DataFrame:
    """Return the rows at ``first`` .. ``end`` seconds, the end left out; the rows are in time order."""
    cut: Ints = np.searchsorted(rows["t"].to_numpy(), (first, end))
    return rows[int(cut[0]) : int(cut[1])]
