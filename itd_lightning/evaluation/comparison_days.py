"""The user-days on which all methods can be compared, and the scores of each method on them.

They are those of the validation and test parts on which their user did anything. A method that has no score
for one of them, as one of sessions has none for a day without a logon, ranks it below all others.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.parts import TEST, VAL
from itd_lightning.evaluation.baselines import count_daily_events
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.scores.pool import user_days


def common_days(runs: Mapping[str, list[Path]]) -> tuple[pl.DataFrame, dict[str, list[pl.Series]]]:
    """Return the common user-days, and the scores of every run on them.

    Args:
        runs: By name of the method, the score tables of its seeds.

    Returns:
        User-days, labelled by ``event``: ``user``, ``start``, ``end``, ``part``, ``malicious``, ``scenario``,
        ``events`` (how much happened) and ``left`` (days to the user's last one); and by method, for each
        seed, a score a row, null where there is none.

    Raises:
        InputError: If there is no run, or the runs stand on different stores or dates.
    """
    tables = {name: [ScoreTable(path, labels="event") for path in paths] for name, paths in runs.items()}
    all_tables = [table for seeds in tables.values() for table in seeds]
    if not all_tables:
        raise InputError("there is no run to compare")
    if len({table.store.fingerprint for table in all_tables}) > 1:
        raise InputError("the runs stand on different stores, so their user-days are not the same")
    days_by_method = {
        name: [user_days(table.user_chunks()) for table in seeds] for name, seeds in tables.items()
    }
    days = _active_days(all_tables[0])
    val_from, test_from = _first_days([run for seeds in days_by_method.values() for run in seeds])
    part = pl.when(pl.col("start") >= test_from).then(pl.lit(TEST)).otherwise(pl.lit(VAL))
    days = days.with_columns(part=part).filter(pl.col("start") >= val_from)
    scores = {name: [_scores_on(days, run) for run in seeds] for name, seeds in days_by_method.items()}
    for name, seeds in scores.items():
        if any(run.is_null().all() for run in seeds):
            raise InputError(f"{name} has no score for any of the common user-days")
    return all_tables[0].label(days, "event"), scores


def _first_days(runs: list[pl.DataFrame]) -> tuple[datetime, datetime]:
    """Return the first days of validation and test that all runs share.

    Views differ by a few days, where the first ones are silent.

    Raises:
        InputError: If a run has no test days, or a day validates in one run and tests in another.
    """
    tests = [days.filter(pl.col("part") != VAL)["start"] for days in runs]
    if any(start.is_empty() for start in tests):
        raise InputError("a run holds no test units; its split leaves none")
    vals = [days.filter(part=VAL)["start"] for days in runs]
    test_from = max(start.min() for start in tests)  # type: ignore[type-var]  # dates
    first = min(start.min() for start in tests)  # type: ignore[type-var]
    if max((start.max() for start in vals if len(start)), default=datetime.min) >= first:  # type: ignore[operator, type-var]
        raise InputError("a day validates in one run and tests in another: the runs have different splits")
    val_from = max((start.min() for start in vals if len(start)), default=test_from)  # type: ignore[type-var]
    return val_from, test_from  # type: ignore[return-value]


def _active_days(table: ScoreTable) -> pl.DataFrame:
    """Return all user-days of a store with an event, but for logoffs after midnight alone."""
    events = count_daily_events(table).group_by("user", "day").agg(pl.col("events").sum())
    present = table.store.presence().select("user", "day")
    days = present.join(events, on=["user", "day"], how="left").sort("user", "day")
    start = pl.col("day").cast(pl.Datetime("us"))
    last = pl.col("day").max().over("user")
    return days.select(
        "user",
        start=start,
        end=start.dt.offset_by("1d"),
        events=pl.col("events").cast(pl.Float64),
        left=(last - pl.col("day")).dt.total_days().cast(pl.Float64),
        event_id=pl.lit(None, pl.String),
    )


def _scores_on(days: pl.DataFrame, run_days: pl.DataFrame) -> pl.Series:
    """Return the score of each user-day; null where a run has none."""
    rows = days.join(run_days.select("user", "start", "score"), on=["user", "start"], how="left")
    return rows["score"]


def fill_missing(scores: pl.Series) -> np.ndarray:
    """Fill missing scores with one below all others."""
    return scores.fill_null(scores.min() - 1).to_numpy()  # type: ignore[operator]  # a float
