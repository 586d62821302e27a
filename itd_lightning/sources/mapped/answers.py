"""Campaigns that an organisation knows of, as an answer key."""

from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.base import CAMPAIGN_ORDER, CAMPAIGNS, KEY_ROWS, Answers
from itd_lightning.sources.mapped.mapping import Identity
from itd_lightning.sources.mapped.tables import check_columns, looked_up, read_small_table


def read_campaigns(path: Path, identity: Identity | None) -> Answers:
    """Return known campaigns as an answer key that names no single event.

    Args:
        path: Table with ``user`` and ``day``, or ``user``, ``start`` and ``end``; ``scenario`` is a number.
        identity: Whose account is whose; the table may name accounts.

    Raises:
        InputError: If the table cannot be read, or a row of it is none.
    """
    rows = read_small_table(path)
    if "day" in rows.columns and "start" not in rows.columns:
        rows = rows.with_columns(start="day", end="day")
    check_columns(rows, path, ("user", "start", "end"))
    scenario = pl.col("scenario") if "scenario" in rows.columns else pl.lit("0")
    campaigns = rows.select(
        pl.col("user") if identity is None else looked_up("user", identity),
        scenario.cast(pl.Int32, strict=False).fill_null(0).alias("scenario"),
        *(_moment(name) for name in ("start", "end")),
    )
    bad = campaigns.with_row_index("line", offset=2).filter(
        pl.any_horizontal(pl.all().is_null()) | (pl.col("end") < pl.col("start"))
    )
    if len(bad):
        words = "user, start and end (2026-03-02, or 2026-03-02 08:00:00) must be there, in order"
        if identity is not None and rows["user"][bad["line"][0] - 2] is not None and bad["user"][0] is None:
            words = f"{identity.table.name} does not know {rows['user'][bad['line'][0] - 2]}"
        raise InputError(f"{path}, line {bad['line'][0]}: {words}")
    return Answers(
        campaigns.match_to_schema(CAMPAIGNS).unique().sort(CAMPAIGN_ORDER), KEY_ROWS.to_frame(), []
    )


def _moment(name: str) -> pl.Expr:
    """Return a time in local time, or a day; a day of an end is its last moment."""
    text = pl.col(name).str.replace("T", " ")
    day = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    last = day.dt.offset_by("1d") - pl.duration(microseconds=1) if name == "end" else day
    return pl.coalesce(text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"), last).alias(
        name
    )
