"""The behaviours behind a score: from the score table, with details from the event store."""

from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.evaluation.score_table import select_test_units
from itd_lightning.scores.chunks import reduce_chunks, user_chunks
from itd_lightning.scores.pool import user_days
from itd_lightning.store.read import Store

_EVENT_DETAILS = ("pc", "kind", "object")
OBJECT = 80  # letters of a file name or an address
_IN_LISTS = 40


def select_test_days(rows: pl.LazyFrame) -> pl.DataFrame:
    """Return the test user-days of a score table, by user and day."""
    return user_days(map(select_test_units, user_chunks(rows))).sort("user", "start")


def highest_behaviours(rows: pl.LazyFrame, count: int) -> pl.DataFrame:
    """Return the highest test behaviours, highest first; ties go to the earlier time, then by user."""
    return reduce_chunks(rows, lambda units: _best_first(select_test_units(units)).head(count))


def _highest_behaviours_of_days(rows: pl.LazyFrame, days: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return the highest test behaviours of some user-days, highest first; adds ``day``.

    Args:
        rows: The score table.
        days: ``user`` and ``day``.
        count: Behaviours a user-day.
    """
    selection = days.select("user", "day").unique()

    def keep(units: pl.DataFrame) -> pl.DataFrame:
        units_by_day = select_test_units(units).with_columns(day=pl.col("start").dt.date())
        of_days = units_by_day.join(selection, on=["user", "day"], how="semi")
        return _best_first(of_days).group_by("user", "day", maintain_order=True).head(count)

    return reduce_chunks(rows, keep)


def _best_first(units: pl.DataFrame) -> pl.DataFrame:
    """Sort units in the order in which an analyst looks at them."""
    order = ["score", "start", "user", "event_id"]
    return units.sort(order, descending=[True, False, False, False], nulls_last=True)


def add_event_details(behaviours: pl.DataFrame, store: Path) -> pl.DataFrame:
    """Add ``pc``, ``kind`` and ``object`` from the event store; null where there is no store."""
    ids = behaviours["event_id"].drop_nulls().unique()
    try:
        shards = Store(store).shards
    except InputError:
        shards = []
    selection = pl.col("user").is_in(behaviours["user"].unique().implode()) & pl.col("event_id").is_in(
        ids.implode()
    )
    rows = [
        pl.scan_parquet(shard, glob=False)
        .filter(selection)
        .select("user", "event_id", *_EVENT_DETAILS)
        .collect()
        for shard in shards
        if len(ids)
    ]
    empty = pl.DataFrame(schema={name: EVENTS[name] for name in ("user", "event_id", *_EVENT_DETAILS)})
    events = pl.concat([empty, *rows]).unique(["user", "event_id"])
    return behaviours.join(events, on=["user", "event_id"], how="left", maintain_order="left")


def behaviour_reasons(rows: pl.LazyFrame, days: pl.DataFrame, store: Path, count: int) -> pl.DataFrame:
    """Return the reasons why a user-day is listed: its highest behaviours, in words and by their ids.

    Args:
        rows: The score table.
        days: ``user`` and ``day``.
        store: Event store.
        count: Behaviours a user-day.

    Returns:
        ``user``, ``day``, ``reasons``, as "file_copy plans.doc at 22:14", and ``event_ids``.
    """
    behaviours = add_event_details(_highest_behaviours_of_days(rows, days, count), store)
    kind = pl.col("kind").cast(pl.String).fill_null("behaviour")
    name = pl.col("object").map_elements(lambda text: f" {shorten(text, _IN_LISTS)}", return_dtype=pl.String)
    text = pl.concat_str(kind, name.fill_null(""), pl.col("start").dt.strftime(" at %H:%M"))
    return (
        behaviours.with_columns(reason=text)
        .group_by("user", "day", maintain_order=True)
        .agg(pl.col("reason").alias("reasons"), pl.col("event_id").alias("event_ids"))
    )


def shorten(text: str, longest: int) -> str:
    """Shorten a text to so many letters, in the middle, since both ends of a name matter.

    Example:
        >>> shorten("http://example.org/a/long/path.html", 15)
        'http://…th.html'
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"
