"""Tables for the report's pictures of signals: daily counts and their modes.

Axes: N days of some users, K modes, C channels.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float


def mode_table(
    days: pl.DataFrame, signals: Float[np.ndarray, "n j c"], channels: Sequence[str]
) -> pl.DataFrame:
    """Return counts and modes as rows: the columns of ``contracts.pictures.MODES``, and one a channel.

    Args:
        days: ``user`` and ``day`` of each row of the signals.
        signals: Standardised counts, then the K modes.
        channels: Names of the C channels.
    """
    keys = days.select("user", "day")
    tables = [
        keys.with_columns(
            pl.lit(mode, pl.Int64).alias("mode"),
            *(pl.Series(name, signals[:, mode, at]) for at, name in enumerate(channels)),
        )
        for mode in range(signals.shape[1])
    ]
    return pl.concat(tables).sort("user", "day", "mode")
