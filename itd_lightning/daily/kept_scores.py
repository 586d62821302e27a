"""The scores of the last weeks, in one table beside the exports, for the pages that draw them by day."""

import polars as pl

from itd_lightning.contracts.run_files import SCORE_FILE
from itd_lightning.contracts.scores import SCORES
from itd_lightning.daily.deployment import Deployment
from itd_lightning.scores.table import About, write_scores


def keep_scores(deployment: Deployment, days: pl.DataFrame, method: str, checkpoint: str) -> None:
    """Write user-days with their scores, in place of those of the morning before.

    So no score is older than the days that p-values compare with, and all are of the same weights.

    Args:
        deployment: Whose.
        days: ``user``, ``day``, ``score`` and ``warm_up``.
        method: What scored.
        checkpoint: Which weights.
    """
    start = pl.col("day").cast(pl.Datetime("us"))
    table = days.sort("user", "day").select(
        "user",
        start=start,
        end=start.dt.offset_by("1d"),
        event_id=pl.lit(None, pl.String),
        sequence=pl.lit(None, pl.Int64),
        score="score",
        part=pl.lit("test").cast(SCORES["part"]),
        warm_up="warm_up",
    )
    about = About(
        run=deployment.name,
        method=method,
        view="",
        grain="user-day",
        seed=0,
        split="",
        labels="event",
        leaks="",
        moved_days=0,
        store=str(deployment.store),
        store_fingerprint="",
        config="",
        checkpoint=checkpoint,
    )
    write_scores(deployment.out / SCORE_FILE, table, about)
