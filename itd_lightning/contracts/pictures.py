"""Tables behind the report's pictures of single users: a view makes them when a run is tested.

They hold what a reader sees, computed with the run's own settings, so that the report computes nothing again.
"""

import polars as pl

# One row an active day of each user with a high score.
TRAJECTORIES = pl.Schema(
    {
        "user": pl.String(),
        "day": pl.Date(),
        "x": pl.Float64(),  # the day's three principal components, over the user's days
        "y": pl.Float64(),
        "z": pl.Float64(),
        "distance": pl.Float64(),  # to the mean of the baseline
        "hours": pl.List(pl.Int64()),  # events in each of the 24 hours
        "unusual": pl.Boolean(),  # whether the hours are among the most unusual ones
        "baseline": pl.Boolean(),  # whether the day is part of the baseline
        "regime": pl.Int64(),  # number of the segment between two change points
        "severity": pl.Float64(),  # of the change that begins on the day, else null
    }
)

# One row an active day of every user: the signature of the days that end there, in two components.
PATHS = pl.Schema(
    {
        "user": pl.String(),
        "day": pl.Date(),
        "x": pl.Float64(),
        "y": pl.Float64(),
        "regular": pl.Boolean(),  # whether it is one of the evenly spaced windows that all users are shown by
        "window": pl.Int64(),  # active days of a window
    }
)

# One row a day and signal of each user with a high score; beside these, one column a channel.
MODES = pl.Schema({"user": pl.String(), "day": pl.Date(), "mode": pl.Int64()})  # mode 0: the counts

TRAJECTORY_FILE, PATH_FILE, MODE_FILE = "trajectories.parquet", "paths.parquet", "modes.parquet"
PICTURES = {TRAJECTORY_FILE: TRAJECTORIES, PATH_FILE: PATHS, MODE_FILE: MODES}  # of a run's folder
