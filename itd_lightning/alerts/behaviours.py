"""The behaviours behind a score: found in the score table, told by the event store."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.evaluation.score_table import of_test
from itd_lightning.scores.chunks import pieces, user_pieces
from itd_lightning.scores.pool import pool_days
from itd_lightning.store.read import Store

TOLD = ("pc", "kind", "object")
OBJECT = 80  # letters of a file name or an address
IN_LISTS = 40
Kept = Callable[[pl.DataFrame], pl.DataFrame]


def user_days(rows: pl.LazyFrame) -> pl.DataFrame:
    """The test user-days of a score table, each as its highest unit, by user and day."""
    days = [pool_days(of_test(piece)) for piece in user_pieces(rows)]
    return pl.concat([pool_days(rows.head(0).collect()), *days]).sort("user", "start")


def highest(rows: pl.LazyFrame, count: int) -> pl.DataFrame:
    """The highest test behaviours, highest first; ties go to the earlier time, then to the user's name."""
    return kept_of(rows, lambda found: best_first(found).head(count))


def highest_of_days(rows: pl.LazyFrame, days: pl.DataFrame, count: int) -> pl.DataFrame:
    """The highest test behaviours of some user-days, highest first; adds ``day``.

    Args:
        rows: The score table.
        days: ``user`` and ``day``.
        count: Behaviours a user-day.
    """
    wanted = days.select("user", "day").unique()

    def kept(found: pl.DataFrame) -> pl.DataFrame:
        dated = found.with_columns(day=pl.col("start").dt.date()).join(wanted, on=["user", "day"], how="semi")
        return best_first(dated).group_by("user", "day", maintain_order=True).head(count)

    return kept_of(rows, kept)


def kept_of(rows: pl.LazyFrame, kept: Kept) -> pl.DataFrame:
    """What is kept of the test units, where the kept ones of two pieces are those kept of both together."""
    best = kept(rows.head(0).collect())
    for piece in pieces(rows):
        best = kept(pl.concat([best.select(piece.columns), of_test(piece)]))
    return best


def best_first(units: pl.DataFrame) -> pl.DataFrame:
    """Units in the order in which an analyst looks at them."""
    order = ["score", "start", "user", "event_id"]
    return units.sort(order, descending=[True, False, False, False], nulls_last=True)


def told(behaviours: pl.DataFrame, store: Path) -> pl.DataFrame:
    """Add what the event store says: ``pc``, ``kind`` and ``object``; null where it is not at hand."""
    ids = behaviours["event_id"].drop_nulls().unique()
    try:
        shards = Store(store).shards
    except InputError:
        shards = []
    wanted = pl.col("user").is_in(behaviours["user"].unique().implode()) & pl.col("event_id").is_in(
        ids.implode()
    )
    found = [
        pl.scan_parquet(shard, glob=False).filter(wanted).select("user", "event_id", *TOLD).collect()
        for shard in shards
        if len(ids)
    ]
    nothing = pl.DataFrame(schema={name: EVENTS[name] for name in ("user", "event_id", *TOLD)})
    events = pl.concat([nothing, *found]).unique(["user", "event_id"])
    return behaviours.join(events, on=["user", "event_id"], how="left", maintain_order="left")


def reasons(rows: pl.LazyFrame, days: pl.DataFrame, store: Path, count: int) -> pl.DataFrame:
    """Why a user-day is listed: its highest behaviours, in words and by their ids.

    Args:
        rows: The score table.
        days: ``user`` and ``day``.
        store: Event store.
        count: Behaviours a user-day.

    Returns:
        ``user``, ``day``, ``reasons``, as "file_copy plans.doc at 22:14", and ``event_ids``.
    """
    known = told(highest_of_days(rows, days, count), store)
    what = pl.col("kind").cast(pl.String).fill_null("behaviour")
    thing = pl.col("object").map_elements(
        lambda text: f" {shortened(text, IN_LISTS)}", return_dtype=pl.String
    )
    text = pl.concat_str(what, thing.fill_null(""), pl.col("start").dt.strftime(" at %H:%M"))
    return (
        known.with_columns(reason=text)
        .group_by("user", "day", maintain_order=True)
        .agg(pl.col("reason").alias("reasons"), pl.col("event_id").alias("event_ids"))
    )


def shortened(text: str, longest: int) -> str:
    """Text of so many letters at most; what is cut stands in the middle, since names tell by both ends.

    Example:
        >>> shortened("http://example.org/a/long/path.html", 15)
        'http://…th.html'
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"
