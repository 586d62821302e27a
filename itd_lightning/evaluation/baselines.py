"""Baselines: scores that need no method, such as chance and the number of events; and an oracle's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.store.read import Store

BASELINES = ("random", "events", "active_hours", "day_events", "oracle")
NO_COUNTS = frozenset({"random", "oracle"})


def baseline_scores(table: ScoreTable) -> Iterator[dict[str, Float[np.ndarray, " n"]]]:
    """Score the test units without a method, chunk by chunk.

    Yields:
        By name: ``random``, uniform by the run's seed; then how much happened. For windows: ``events`` in the
        unit, and ``active_hours``, those with any event. For a behaviour, in which a single event happens:
        ``events``, test behaviours of its sequence, and ``day_events``, those of its user-day.

        Unless labels are by ``event``, also ``oracle``, the ceiling of what events can show: units with a
        malicious event first, all others in random order, since quiet units of a campaign look like any.
    """
    draw = np.random.default_rng(table.about.seed)
    has_ceiling = table.policy != "event"
    for unit in table.test_chunks("user", "start", "end", "sequence", *(["event_id"] * has_ceiling)):
        volume = _volume_around(unit) if table.behaviours else _volume_within(unit, table.store.path)
        scores = {"random": draw.random(len(unit)), **volume}
        if has_ceiling:
            scores["oracle"] = table.label(unit, "event")["malicious"].to_numpy() + scores["random"]
        yield scores


def _volume_around(behaviours: pl.DataFrame) -> dict[str, Float[np.ndarray, " n"]]:
    """Count the behaviours in the sequence and on the day of each behaviour; without one, of its day."""
    day = pl.len().over("user", pl.col("start").dt.truncate("1d"))
    sequence = pl.when(pl.col("sequence").is_null()).then(day).otherwise(pl.len().over("user", "sequence"))
    counts = behaviours.select(events=sequence.cast(pl.Float64), day_events=day.cast(pl.Float64))
    return {name: counts[name].to_numpy() for name in counts.columns}


def _volume_within(units: pl.DataFrame, store: Path) -> dict[str, Float[np.ndarray, " n"]]:
    """Count the events and active hours of each unit: ``user``, ``start``, ``end``."""
    times = (
        Store(store)
        .scan()
        .filter(pl.col("user").is_in(units["user"].unique().implode()))
        .select("user", "time")
        .collect()
    )
    hours = times.select("user", pl.col("time").dt.truncate("1h")).unique().sort("user", "time")
    return {"events": counts_within(units, times), "active_hours": counts_within(units, hours)}


def counts_within(units: pl.DataFrame, times: pl.DataFrame) -> Float[np.ndarray, " n"]:
    """Count a user's times that lie within each unit, [start, end)."""
    users = pl.concat([units["user"], times["user"]]).unique().sort()
    number = {user: row for row, user in enumerate(users)}
    far = np.int64(1) << 52  # microseconds between users, beyond any time stamp
    at = np.sort(_time_keys(times["user"], times["time"], number, far))
    begin = _time_keys(units["user"], units["start"], number, far)
    end = _time_keys(units["user"], units["end"], number, far)
    return (np.searchsorted(at, end) - np.searchsorted(at, begin)).astype(float)


def _time_keys(user: pl.Series, time: pl.Series, number: dict[str, int], far: np.int64) -> np.ndarray:
    """Return one number for user and time, in the order of both."""
    rows = user.replace_strict(number, return_dtype=pl.Int64).to_numpy()
    return np.asarray(rows * far + time.dt.epoch("us").to_numpy())


def count_daily_events(table: ScoreTable) -> pl.DataFrame:
    """Count the events of each kind on each user-day of a table's store, and how many are malicious."""
    keys = ["user", "time", "event_id"]
    malicious = table.true.events.select(keys).unique().with_columns(malicious=pl.lit(1))
    return pl.concat([_count_shard(shard, malicious) for shard in table.store.shards])


def _count_shard(shard: Path, malicious: pl.DataFrame) -> pl.DataFrame:
    """Count the events of each kind on each user-day of a shard, and those among ``malicious``."""
    events = pl.read_parquet(shard, columns=["user", "time", "kind", "event_id"], glob=False)
    rows = events.join(malicious, on=["user", "time", "event_id"], how="left")
    return rows.group_by("user", pl.col("time").dt.date().alias("day"), "kind").agg(
        events=pl.len().cast(pl.Int64), malicious=pl.col("malicious").sum().cast(pl.Int64)
    )
