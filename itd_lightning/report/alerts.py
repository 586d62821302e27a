"""The list for analysts: which user-days to look at first, and why."""

from pathlib import Path

import polars as pl

from itd_lightning.evaluation.evaluate import TESTED
from itd_lightning.report.numbers import signed
from itd_lightning.report.runs import read_table
from itd_lightning.scores.pool import pool_days
from itd_lightning.scores.table import read_scores

REASONS = 3


def top_days(run: Path, count: int = 10, daily: bool = False) -> pl.DataFrame:
    """The highest test user-days of a run; a user-day scores as its highest unit.

    Args:
        run: Folder of a run that was tested.
        count: How many user-days.
        daily: Take the ``count`` highest of each calendar day instead of all days together.

    Returns:
        ``rank``, ``user``, ``day``, ``score`` and ``reasons``: up to three features, highest contribution
        first, as "http_count +0.120"; null where no unit of the day was explained.

    Raises:
        InputError: If the run lacks its scores.
    """
    scores, _ = read_scores(run / "scores.parquet")
    return ranked_days(
        scores.filter(pl.col("part").is_in(TESTED)), read_table(run / "explanations.parquet"), count, daily
    )


def ranked_days(
    tested: pl.DataFrame,
    explanations: pl.DataFrame | None,
    count: int,
    daily: bool = False,
) -> pl.DataFrame:
    """The same from tables: test units, and cells of explained units if there are any.

    Equal scores are settled by user and day, so that the list is the same each time.
    """
    order = pl.struct(-pl.col("score"), pl.col("user"), pl.col("day")).rank("ordinal")
    days = (
        pool_days(tested)
        .select("user", pl.col("start").dt.date().alias("day"), "score")
        .with_columns(rank=(order.over("day") if daily else order).cast(pl.Int64))
        .filter(pl.col("rank") <= count)
        .sort(["day", "rank"] if daily else ["rank"])
    )
    if explanations is None:
        why = days.with_columns(reasons=pl.lit(None, pl.List(pl.String)))
    else:
        why = days.join(reasons(explanations), on=["user", "day"], how="left", maintain_order="left")
    return why.select("rank", "user", "day", "score", "reasons")


def reasons(explanations: pl.DataFrame) -> pl.DataFrame:
    """What contributed most on each explained user-day: ``user``, ``day``, ``reasons``.

    They are those of the unit with the day's highest score, which is the day's score.
    """
    last = pl.col("end").dt.offset_by("-1us").dt.date()
    by_feature = explanations.group_by("user", "start", "end", "feature").agg(
        pl.col("part").sum(), pl.col("score").first()
    )
    text = pl.col("part").map_elements(signed, return_dtype=pl.String)
    return (
        by_feature.with_columns(day=pl.date_ranges(pl.col("start").dt.date(), last))
        .explode("day")
        .filter(pl.col("score") == pl.col("score").max().over("user", "day"))
        .group_by("user", "day", "feature")
        .agg(pl.col("part").sum().cast(pl.Float64))
        .filter(pl.col("part") > 0)
        .sort(["part", "feature"], descending=[True, False])
        .group_by("user", "day", maintain_order=True)
        .head(REASONS)
        .group_by("user", "day", maintain_order=True)
        .agg(pl.concat_str("feature", pl.lit(" "), text).alias("reasons"))
    )
