"""The five logs of r4.2: their columns, and CSV files that grow block by block.

A frame of rows has the log's own columns in order, but ``t`` (seconds since the first midnight) for ``date``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl

from itd_lightning.cert.synth.calendar import DAY, DateText
from itd_lightning.cert.synth.people import Ints, People
from itd_lightning.cert.synth.texts import event_ids


class Logs(NamedTuple):
    """One frame of rows for each log."""

    logon: pl.DataFrame
    device: pl.DataFrame
    file: pl.DataFrame
    email: pl.DataFrame
    http: pl.DataFrame


COLUMNS = (
    ("activity",),
    ("activity",),
    ("filename", "content"),
    ("to", "cc", "bcc", "from", "size", "attachments", "content"),
    ("url", "content"),
)
"""What follows id, date, user and pc, in the order of ``Logs``."""


def frame(
    people: People, t: Ints, user: Ints, pc: Ints, rng: np.random.Generator, **rest: pl.Series
) -> pl.DataFrame:
    """Put rows together and give them ids."""
    common = {
        "t": pl.Series(t),
        "id": event_ids(len(t), rng),
        "user": people.user.gather(user),
        "pc": people.places.pcs.gather(pc),
    }
    return pl.DataFrame({**common, **rest})


def no_rows() -> Logs:
    """Five empty frames."""
    common = {"t": pl.Int64, "id": pl.String, "user": pl.String, "pc": pl.String}
    return Logs(*(pl.DataFrame(schema={**common, **dict.fromkeys(rest, pl.String)}) for rest in COLUMNS))


class Release:
    """The five CSV files, open for appending; rows come out in global time order.

    Rows beyond the end of their block, such as the Logoff of a session past midnight, wait for the next one.
    """

    def __init__(self, files: Sequence[BinaryIO], date_text: DateText) -> None:
        self.files = files
        self.date_text = date_text
        self.waiting = no_rows()
        self.rows = [0] * len(files)
        for file, rest in zip(files, COLUMNS, strict=True):
            file.write((",".join(("id", "date", "user", "pc", *rest)) + "\n").encode())

    def append(self, drawn: list[Logs], end_day: int) -> None:
        """Write what happened before midnight of ``end_day``, keep the rest."""
        left = []
        for i, file in enumerate(self.files):
            rows = pl.concat([self.waiting[i], *(logs[i] for logs in drawn)]).sort("t", maintain_order=True)
            cut = int(rows["t"].search_sorted(end_day * DAY))
            now = rows[:cut]
            self.rows[i] += cut
            left.append(rows[cut:])
            dated = now.with_columns(t=self.date_text(now["t"].to_numpy())).select(
                "id", "t", pl.exclude("id", "t")
            )
            dated.write_csv(file, include_header=False, quote_style="never")
        self.waiting = Logs(*left)


@contextmanager
def open_release(folder: Path, date_text: DateText) -> Iterator[Release]:
    """Open ``logon.csv`` and its four siblings in a folder."""
    files = [(folder / f"{name}.csv").open("wb") for name in Logs._fields]
    try:
        yield Release(files, date_text)
    finally:
        for file in files:
            file.close()
