"""Scores that need no method: chance, and how much happened."""

from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.events.store import Store

BASELINES = ("random", "events", "active_hours")


def baseline_scores(units: pl.DataFrame, store: Path, seed: int) -> dict[str, Float[np.ndarray, " n"]]:
    """Score units without a method.

    Args:
        units: ``user``, ``start``, ``end``.
        store: The event store.
        seed: Decides the random scores.

    Returns:
        By name: ``random``, uniform; ``events``, events in the unit; ``active_hours``, hours with any event.
    """
    times = (
        Store(store)
        .scan()
        .filter(pl.col("user").is_in(units["user"].unique().implode()))
        .select("user", "time")
        .collect()
    )
    hours = times.select("user", pl.col("time").dt.truncate("1h")).unique().sort("user", "time")
    return {
        "random": np.random.default_rng(seed).random(len(units)),
        "events": counts_within(units, times),
        "active_hours": counts_within(units, hours),
    }


def counts_within(units: pl.DataFrame, times: pl.DataFrame) -> Float[np.ndarray, " n"]:
    """Number of a user's times that lie within each unit, [start, end)."""
    users = pl.concat([units["user"], times["user"]]).unique().sort()
    number = {user: row for row, user in enumerate(users)}
    far = np.int64(1) << 52  # microseconds between users, beyond any time stamp
    at = np.sort(located(times["user"], times["time"], number, far))
    begin = located(units["user"], units["start"], number, far)
    end = located(units["user"], units["end"], number, far)
    return (np.searchsorted(at, end) - np.searchsorted(at, begin)).astype(float)


def located(user: pl.Series, time: pl.Series, number: dict[str, int], far: np.int64) -> np.ndarray:
    """One number for user and time, in the order of both."""
    rows = user.replace_strict(number, return_dtype=pl.Int64).to_numpy()
    return np.asarray(rows * far + time.dt.epoch("us").to_numpy())
