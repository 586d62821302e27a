"""The same scores at coarser grains, where methods of different views can be compared."""

from typing import Any

import polars as pl

from itd_lightning.evaluation.measures import by_scenario, ranked
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.evaluation.survey import Survey
from itd_lightning.metrics.ranking import Ranking, rank
from itd_lightning.scores.pool import POOLS
from itd_lightning.splits.labels import label


def pooled(table: ScoreTable, seen: Survey, days: pl.DataFrame) -> dict[str, Any]:
    """Numbers of user-days, and of what lies between: campaigns (six windows in a row) or sessions.

    Args:
        table: The score table.
        seen: What was found in it.
        days: Its labelled user-days.
    """
    if table.behaviours:
        kind, rows = "sessions", labelled_sessions(table, seen)
    else:
        kind, rows = "sequences", label(seen.sequences, table.key, table.policy)
    return {
        kind: {pool: one_pool(rows, pool, table.about.seed) for pool in POOLS},
        "user_days": ranked(ranking_of(days, "score"), table.about.seed),
    }


def labelled_sessions(table: ScoreTable, seen: Survey) -> pl.DataFrame:
    """Sessions with ``malicious`` and ``scenario``: a session is malicious if one of its behaviours is."""
    hits = seen.hits[table.policy].drop_nulls("sequence").group_by("user", "sequence")
    known = hits.agg(pl.col("scenario").min())
    rows = seen.sequences.join(known, on=["user", "sequence"], how="left", maintain_order="left")
    return rows.with_columns(malicious=pl.col("scenario").is_not_null())


def one_pool(rows: pl.DataFrame, pool: str, seed: int) -> dict[str, Any]:
    """The numbers of one way to pool."""
    ranking = ranking_of(rows, pool)
    scenario = rows.filter("malicious")["scenario"].to_numpy()
    return {
        **ranked(ranking, seed),
        "units": len(rows),
        "scenarios": by_scenario(ranking, scenario, seed),
    }


def ranking_of(rows: pl.DataFrame, score: str) -> Ranking:
    """Ranking of labelled rows by a column."""
    user = rows["user"].rank("dense").to_numpy()
    return rank(rows[score].to_numpy(), rows["malicious"].to_numpy(), user)
