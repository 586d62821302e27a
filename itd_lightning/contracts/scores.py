"""Columns and types of the table of units that a split makes, and of the score table that a run writes."""

import polars as pl

from itd_lightning.contracts.parts import PARTS

UNITS = pl.Schema(
    {"user": pl.String(), "start": pl.Datetime("us"), "end": pl.Datetime("us"), "part": pl.Enum(PARTS)}
)

# One row a unit, [start, end); a behaviour lasts a microsecond. No label inside.
SCORES = pl.Schema(
    {
        "user": pl.String(),
        "start": pl.Datetime("us"),
        "end": pl.Datetime("us"),
        "event_id": pl.String(),  # behaviours only, else null
        "sequence": pl.Int64(),  # which session or day a behaviour is part of; behaviours only, else null
        "score": pl.Float64(),  # higher is more anomalous; the scale is the method's own
        "part": pl.Enum(PARTS),
        "warm_up": pl.Boolean(),  # too few active days of the user before it; null in tables that do not say
    }
)
