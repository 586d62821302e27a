"""Mathematics without learned parameters, as pure functions over batches."""

__all__ = [
    "calibration",
    "change_points",
    "events_in_time",
    "history",
    "mvmd",
    "persistence",
    "signature",
    "surprise",
    "trajectory",
    "weights",
]
