"""User-days of a run, to which scores of every grain can be brought; most audits look at them."""

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.parts import TRAIN
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.metrics.bootstrap import REPLICATES
from itd_lightning.scores.pool import user_days
from itd_lightning.splits.labels import label_units


def label_quiet_days(table: ScoreTable) -> pl.DataFrame:
    """Return validation and test user-days with ``malicious`` and ``quiet``, which is outside campaigns."""
    units = (chunk.filter(pl.col("part") != TRAIN) for chunk in table.user_chunks())
    days = table.label(user_days(units), "event").drop("scenario")
    busy = label_units(days.drop("malicious"), table.key, "interval")["malicious"]
    return days.with_columns(quiet=~(busy | days["malicious"]))


def resample_means(values: Float[np.ndarray, " u"], seed: int) -> Float[np.ndarray, " r"]:
    """Return means of one value a user, over R draws of users."""
    draws = np.random.default_rng(seed).integers(len(values), size=(REPLICATES, len(values)))
    means: Float[np.ndarray, " r"] = values[draws].mean(axis=1)
    return means
