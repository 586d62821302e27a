"""Labels units as malicious, under a named policy; for splits, evaluation and audits."""

import polars as pl

from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.store.key import Key


def label_units(units: pl.DataFrame, key: Key, policy: LabelPolicy) -> pl.DataFrame:
    """Add ``malicious`` and ``scenario`` (null where not malicious) to units.

    Args:
        units: ``user``, ``start``, ``end``; a unit is [start, end).
        key: The answer key.
        policy: ``event``: the unit holds a malicious event of its own user; a behaviour, which ``event_id``
            names, is one. ``interval``: it overlaps the campaign's interval, even if nothing happened in it.
            ``user``: it belongs to an insider.
    """
    if policy == "event" and "event_id" in units and units["event_id"].count():
        hits = key.events.group_by("user", "event_id").agg(pl.col("scenario").min())
        rows = units.join(hits, on=["user", "event_id"], how="left", maintain_order="left")
        return rows.with_columns(malicious=pl.col("scenario").is_not_null())
    spans = {
        "event": key.events.select(
            "user", "scenario", pl.col("time").alias("from"), pl.col("time").alias("to")
        ),
        "interval": key.campaigns.select(
            "user", "scenario", pl.col("start").alias("from"), pl.col("end").alias("to")
        ),
        "user": key.campaigns.select(
            "user",
            "scenario",
            pl.lit(None, pl.Datetime("us")).alias("from"),
            pl.lit(None, pl.Datetime("us")).alias("to"),
        ),
    }[policy]
    rows = units.with_row_index("row")
    overlaps = pl.col("from").is_null() | (
        (pl.col("start") <= pl.col("to")) & (pl.col("end") > pl.col("from"))
    )
    hits = rows.join(spans, on="user").filter(overlaps).group_by("row").agg(pl.col("scenario").min())
    return (
        rows.join(hits, on="row", how="left", maintain_order="left")
        .with_columns(malicious=pl.col("scenario").is_not_null())
        .drop("row")
    )
