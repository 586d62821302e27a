"""A score table of the slice's single behaviours, made by hand."""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from itd_lightning.contracts.scores import SCORES
from itd_lightning.scores.table import About, write_scores
from itd_lightning.scores.warm_up import last_warm_up_days, mark_warm_up
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store

VALIDATED_UNTIL = datetime(2010, 1, 20)


def behaviour_scores(store: Path, seed: int = 0) -> pl.DataFrame:
    """Every event of a store as a behaviour, in the order of the file; a user-day is a sequence.

    Scores are whole 64ths, so many tie and sums are exact; malicious ones are raised.
    The days before 20 January 2010 validate.
    """
    events = Store(store).scan().select("user", "event_id", start=pl.col("time")).collect()
    draw = np.random.default_rng(seed)
    malicious = pl.col("event_id").is_in(read_key(store).events["event_id"].implode())
    day = pl.struct("user", pl.col("start").dt.date())
    return mark_warm_up(
        events.with_columns(
            noise=pl.Series(np.round(64 * draw.gamma(2.0, size=len(events))) / 64)
        ).with_columns(
            score=pl.col("noise") + 3 * malicious.cast(pl.Float64),
            end=pl.col("start").dt.offset_by("1us"),
            sequence=day.rank("dense").cast(pl.Int64),
            part=pl.when(pl.col("start") < VALIDATED_UNTIL)
            .then(pl.lit("val"))
            .otherwise(pl.lit("test"))
            .cast(SCORES["part"]),
        ),
        last_warm_up_days(Store(store).presence()),
    ).select(SCORES.names())


def user_day_scores(store: Path, seed: int = 0, raised: float = 20.0) -> pl.DataFrame:
    """Every user-day of a store on which anything happened; malicious ones are raised."""
    days = behaviour_scores(store, seed).with_columns(start=pl.col("start").dt.truncate("1d"))
    malicious = pl.col("event_id").is_in(read_key(store).events["event_id"].implode()).any()
    return (
        days.group_by("user", "start", "part")
        .agg(
            score=pl.col("score").max() % 1 + raised * malicious.cast(pl.Float64),
            warm_up=pl.col("warm_up").first(),
        )
        .with_columns(
            end=pl.col("start").dt.offset_by("1d"),
            event_id=pl.lit(None, pl.String),
            sequence=pl.lit(None, pl.Int64),
        )
        .sort("user", "start")
        .select(SCORES.names())
    )


def write_behaviours(
    folder: Path, store: Path, scores: pl.DataFrame, moved_days: int = 0, grain: str = "behaviour"
) -> Path:
    """Write a table of behaviours, or of another grain, as a run does; its path."""
    about = About(
        run=folder.name,
        method="ByHand",
        view="sequences",
        grain=grain,
        seed=3,
        split="Dates",
        labels="event",
        leaks="nothing",
        moved_days=moved_days,
        store=str(store),
        store_fingerprint=Store(store).fingerprint,
        config="c0ffee",
        checkpoint="best.ckpt",
    )
    write_scores(folder / "scores.parquet", scores, about)
    return folder / "scores.parquet"
