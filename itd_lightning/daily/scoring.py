"""One day of a deployment: scored on the trailing horizon alone, calibrated, and ranked.

The store is cut to the days that end with the scored one, so a morning costs the same whatever the history,
and its scores do not depend on what came after, nor on when it was run.
"""

import hashlib
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from itd_lightning.alerts.lists import alert_records, with_reasons
from itd_lightning.alerts.records import AlertRecord
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import private_folder
from itd_lightning.contracts.run_files import EXPLANATION_FILE, SCORE_FILE
from itd_lightning.metrics.conformal import Drift, drift, p_values
from itd_lightning.runs.arguments import FOLDER, STORE, score_arguments
from itd_lightning.runs.folder import read_table
from itd_lightning.runs.record import run_command
from itd_lightning.scores.chunks import user_chunks
from itd_lightning.scores.fuse import fusion
from itd_lightning.scores.pool import user_days
from itd_lightning.scores.table import scan_scores
from itd_lightning.store.truncate import derive_store

_WEEK = 7  # days that drift compares with those before: all days of the week, so that Sundays are no drift
_PERMUTATIONS = 100
_SETTINGS = {"trainer.enable_progress_bar": False, "trainer.logger": False}


class ScoredUsers(NamedTuple):
    """The users of one day.

    Attributes:
        alerts: The highest ones, with reasons.
        users: How many were scored.
        warm_up: How many of them are in warm-up.
        calibrated_on: User-days that the p-values compare with.
        drift: Of the last week from the days before; None where there are too few days.
        checkpoint: Hash of the weights that scored.
    """

    alerts: list[AlertRecord]
    users: int
    warm_up: int
    calibrated_on: int
    drift: Drift | None
    checkpoint: str


def score_day(
    store: Path,
    checkpoints: Sequence[Path],
    day: date,
    folder: Path,
    *,
    source: str,
    budget: int,
    horizon: int,
    calibrate_days: int,
) -> ScoredUsers:
    """Score the users of a day, and return the highest ones as alerts.

    Args:
        store: Event store; later days are not looked at.
        checkpoints: Weights; the scores of several are fused, each weighing the same.
        day: The day.
        folder: To work in; emptied before and removed afterwards.
        source: Name of the deployment.
        budget: Most alerts.
        horizon: Days that the methods see, the scored one included.
        calibrate_days: Days before it that p-values compare with.
    """
    shutil.rmtree(folder, ignore_errors=True)
    private_folder(folder)
    try:
        cut = folder / "store"
        derive_store(store, cut, _midnight(day, 1), since=_midnight(day, 1 - horizon))
        runs = [folder / f"run{number}" for number in range(len(checkpoints))]
        for run, checkpoint in zip(runs, checkpoints, strict=True):
            settings = {**_SETTINGS, FOLDER: str(run), STORE: str(cut)}
            run_command(score_arguments("predict", checkpoint, settings), explained_from=day)
        return _rank(runs, checkpoints, day, source, budget, calibrate_days)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _midnight(day: date, days: int) -> datetime:
    """Return the first moment of the day so many days later."""
    return datetime.combine(day + timedelta(days=days), time())


def _rank(
    runs: Sequence[Path],
    checkpoints: Sequence[Path],
    day: date,
    source: str,
    budget: int,
    calibrate_days: int,
) -> ScoredUsers:
    """Fuse and calibrate the scores of a day, and return the highest users."""
    table = _fused(runs, day, calibrate_days)
    is_today = (table["day"] == day).to_numpy()
    scores, history = table["score"].to_numpy(), table.filter(~is_today)
    today = table.filter(is_today)
    p = p_values(scores[is_today], scores[~is_today]) if len(history) else None
    order = pl.struct(-pl.col("score"), "user").rank("ordinal").cast(pl.Int64)
    ranked = today.with_columns(
        rank=order, p=pl.lit(None, pl.Float64) if p is None else pl.Series(p, dtype=pl.Float64)
    )
    best = ranked.filter(pl.col("rank") <= budget).sort("rank")
    methods = [scan_scores(run / SCORE_FILE)[1].method for run in runs]
    weights = _weights_hash(checkpoints)
    listed = _explained(best, runs)
    return ScoredUsers(
        alerts=alert_records(listed, source, " + ".join(methods), weights, datetime.now(UTC)),
        users=len(today),
        warm_up=int(today["warm_up"].sum()),
        calibrated_on=len(history),
        drift=_drift(table, day),
        checkpoint=weights,
    )


def _fused(runs: Sequence[Path], day: date, calibrate_days: int) -> pl.DataFrame:
    """Return user-days of the day and of those before it: ``user``, ``day``, ``score``, ``warm_up``.

    Raises:
        InputError: If a score is no number.
    """
    tables = [_read_days(run, day, calibrate_days) for run in runs]
    if len(tables) == 1:
        return tables[0]
    # A user-day that a method has no unit for is as usual as can be for that method.
    keys = pl.concat([table.select("user", "day", "warm_up") for table in tables])
    units = keys.group_by("user", "day").agg(pl.col("warm_up").any()).sort("user", "day")
    columns = [
        units.join(table, on=["user", "day"], how="left", maintain_order="left")["score"] for table in tables
    ]
    is_history: Bool[np.ndarray, " n"] = (units["day"] < day).to_numpy()
    filled = [_fill(column.to_numpy()) for column in columns]
    fused, _ = fusion(filled, is_history, np.zeros(len(units), dtype=bool))
    return units.with_columns(score=pl.Series(fused, dtype=pl.Float64)).select(tables[0].columns)


def _fill(scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return scores in which missing ones are the lowest."""
    lowest = np.nanmin(scores) if np.isfinite(scores).any() else 0.0
    filled: Float[np.ndarray, " n"] = np.nan_to_num(scores.astype(np.float64), nan=lowest)
    return filled


def _read_days(run: Path, day: date, calibrate_days: int) -> pl.DataFrame:
    """Return the user-days of a run that count.

    Raises:
        InputError: If a score is no number.
    """
    rows, about = scan_scores(run / SCORE_FILE)
    days = user_days(user_chunks(rows)).select(
        "user", pl.col("start").dt.date().alias("day"), pl.col("score").cast(pl.Float64), "warm_up"
    )
    days = days.filter(pl.col("day").is_between(day - timedelta(days=calibrate_days), day))
    if invalid := int((~days["score"].is_finite()).sum()):
        raise InputError(f"{invalid} of {len(days)} scores of {about.method} are no numbers: fit it again")
    return days.sort("user", "day")


def _explained(best: pl.DataFrame, runs: Sequence[Path]) -> pl.DataFrame:
    """Return user-days with the reasons of the first checkpoint that has any."""
    columns = ("reasons", "event_ids", "evidence")
    listed = best
    for number, run in enumerate(runs):
        rows, about = scan_scores(run / SCORE_FILE)
        one = with_reasons(best, rows, about, read_table(run / EXPLANATION_FILE))
        if number == 0:
            listed = one
            continue
        has_none = listed["reasons"].list.len().fill_null(0) == 0
        listed = listed.with_columns(
            pl.when(has_none).then(one[name]).otherwise(listed[name]).alias(name) for name in columns
        )
    return listed


def _drift(table: pl.DataFrame, day: date) -> Drift | None:
    """Return how far the scores of the last week lie from those before."""
    is_new = (table["day"] > day - timedelta(days=_WEEK)).to_numpy()
    if is_new.all() or not is_new.any():
        return None
    user = table["user"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return drift(table["score"].to_numpy(), is_new, user, seed=0, permutations=_PERMUTATIONS)


def _weights_hash(checkpoints: Sequence[Path]) -> str:
    """Return a hash of the content of checkpoints."""
    whole = hashlib.blake2b(digest_size=8)
    for checkpoint in checkpoints:
        with checkpoint.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
