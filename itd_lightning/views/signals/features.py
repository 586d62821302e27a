"""Daily counts of each user's actions, and their decomposition into rhythms.

Axes: N days of all users, U users, C channels, K modes.
"""

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int

from itd_lightning.events.calendar import fill_days
from itd_lightning.numerics.mvmd import mvmd, mvmd_trailing

# Kinds of behaviour that are counted together.
CHANNELS = ("logon", "logoff", "connect", "disconnect", "file", "email", "http", "other")
_KIND = pl.col("kind").cast(pl.String)
_CHANNEL = (
    pl.when(_KIND.is_in(CHANNELS)).then(_KIND)
    .otherwise(pl.coalesce(_KIND.str.extract("^(file|email|http)_"), pl.lit("other")))
)  # fmt: skip


def daily_counts(rows: pl.DataFrame) -> pl.DataFrame:
    """Count each user's actions on each day with any activity.

    Args:
        rows: ``user``, ``time``, ``kind``.

    Returns:
        ``user``, ``day`` and one column a channel, sorted.
    """
    channels = rows.select("user", day=pl.col("time").dt.date(), channel=_CHANNEL)
    return (
        channels.group_by("user", "day")
        .agg((pl.col("channel") == name).sum().cast(pl.Float64).alias(name) for name in CHANNELS)
        .sort("user", "day")
    )


def every_day(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with a row for each day between a user's first and last one; silent days hold 0."""
    days = fill_days(counts)
    return days.join(counts, on=["user", "day"], how="left").fill_null(0.0).sort("user", "day")


def moments_of(days: pl.DataFrame) -> pl.DataFrame:
    """Return mean and deviation of each channel over these days of each user, of ``log(1 + count)``.

    The row without a user describes all of them together; it stands for users who are not among them. A
    channel that never varies has the deviation 1.
    """
    logs = days.with_columns(pl.col(CHANNELS).log1p())
    moments = [
        *(pl.col(name).mean().alias(f"{name}_mean") for name in CHANNELS),
        *(pl.col(name).std(ddof=0).alias(f"{name}_std") for name in CHANNELS),
    ]
    everyone = logs.select(*moments).select(pl.lit(None, pl.String).alias("user"), pl.all())
    table = pl.concat([everyone, logs.group_by("user").agg(*moments).sort("user")])
    stds = pl.col(f"{name}_std" for name in CHANNELS)
    return table.with_columns(pl.when(stds > 0).then(stds).otherwise(1.0))


def standardise(days: pl.DataFrame, moments: pl.DataFrame) -> Float[np.ndarray, "n c"]:
    """Return counts as deviations from the user's usual ones, or from everyone's for unknown users."""
    everyone = moments.filter(pl.col("user").is_null()).drop("user")
    of_users = moments.drop_nulls("user")
    rows = days.join(of_users, on="user", how="left", maintain_order="left").with_columns(
        pl.col(name).fill_null(everyone[name].item()) for name in everyone.columns
    )
    values = [(pl.col(name).log1p() - pl.col(f"{name}_mean")) / pl.col(f"{name}_std") for name in CHANNELS]
    # Without a copy the array is read-only wherever the columns happen to lie side by side in memory.
    return rows.select(*values).to_numpy(writable=True)


def decompose_days(
    values: Float[np.ndarray, "n c"],
    lengths: Int[np.ndarray, " u"],
    modes: int,
    window: int | None,
    alpha: float,
    tol: float,
) -> Float[np.ndarray, "n k c"]:
    """Return the modes of each user's signal on each day. Equations 6 and 7.

    Args:
        values: Standardised counts, user after user, day after day.
        lengths: Days of each user; they sum to N. A user with fewer than ``2 K`` has modes of zero.
        modes: Number of modes K.
        window: Days up to and including each day that its modes may know; None for all days of the user,
            later ones too.
        alpha: Bandwidth penalty.
        tol: Change of energy at which the decomposition has converged.
    """
    modes_of_days = np.zeros((len(values), modes, values.shape[1]))
    owner, day = np.repeat(np.arange(len(lengths)), lengths), np.concatenate([np.arange(n) for n in lengths])
    if not modes or not len(values):
        return modes_of_days
    if window is not None:
        # Zeros after a user's last day change nothing before it, so that all fit in one batch.
        signals = torch.zeros(len(lengths), values.shape[1], int(lengths.max()), dtype=torch.float64)
        signals[owner, :, day] = torch.from_numpy(values)
        return mvmd_trailing(signals, modes, window, alpha=alpha, tau=0.0, tol=tol)[owner, day].numpy()
    for size in np.unique(lengths[lengths >= 2 * modes]):
        rows = np.flatnonzero(lengths[owner] == size).reshape(-1, size)
        signals = torch.from_numpy(values[rows]).transpose(1, 2).contiguous()
        modes_of_days[rows] = mvmd(signals, modes, alpha=alpha, tol=tol).modes.permute(0, 3, 1, 2).numpy()
    return modes_of_days
