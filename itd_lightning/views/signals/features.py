"""Daily counts of what each user did, and their decomposition into rhythms.

Axes: N days of all users, U users, C channels, K modes.
"""

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int

from itd_lightning.numerics.mvmd import mvmd, mvmd_trailing

# Kinds of behaviour that are counted together.
CHANNELS = ("logon", "logoff", "connect", "disconnect", "file", "email", "http", "other")
KIND = pl.col("kind").cast(pl.String)
CHANNEL = (
    pl.when(KIND.is_in(CHANNELS)).then(KIND)
    .otherwise(pl.coalesce(KIND.str.extract("^(file|email|http)_"), pl.lit("other")))
)  # fmt: skip


def daily_counts(rows: pl.DataFrame) -> pl.DataFrame:
    """How often each user did what on each day with any activity.

    Args:
        rows: ``user``, ``time``, ``kind``.

    Returns:
        ``user``, ``day`` and one column a channel, sorted.
    """
    placed = rows.select("user", day=pl.col("time").dt.date(), channel=CHANNEL)
    return (
        placed.group_by("user", "day")
        .agg((pl.col("channel") == name).sum().cast(pl.Float64).alias(name) for name in CHANNELS)
        .sort("user", "day")
    )


def every_day(counts: pl.DataFrame) -> pl.DataFrame:
    """The same with a row for each day from a user's first to the last one; silent days hold zeros."""
    spans = counts.group_by("user").agg(first=pl.col("day").min(), last=pl.col("day").max())
    days = spans.select("user", day=pl.date_ranges("first", "last")).explode("day")
    return days.join(counts, on=["user", "day"], how="left").fill_null(0.0).sort("user", "day")


def moments_of(days: pl.DataFrame) -> pl.DataFrame:
    """Mean and deviation of each channel over these days of each user, of ``log(1 + count)``.

    The row without a user describes all of them together; it stands for users who are not among them. A
    channel that never varies has the deviation 1.
    """
    logs = days.with_columns(pl.col(CHANNELS).log1p())
    measured = [
        *(pl.col(name).mean().alias(f"{name}_mean") for name in CHANNELS),
        *(pl.col(name).std(ddof=0).alias(f"{name}_std") for name in CHANNELS),
    ]
    everyone = logs.select(*measured).select(pl.lit(None, pl.String).alias("user"), pl.all())
    found = pl.concat([everyone, logs.group_by("user").agg(*measured).sort("user")])
    stds = pl.col(f"{name}_std" for name in CHANNELS)
    return found.with_columns(pl.when(stds > 0).then(stds).otherwise(1.0))


def standardised(days: pl.DataFrame, moments: pl.DataFrame) -> Float[np.ndarray, "n c"]:
    """Counts of each day, as deviations from what is usual for the user; of everyone for unknown users."""
    everyone = moments.filter(pl.col("user").is_null()).drop("user")
    known = moments.drop_nulls("user")
    placed = days.join(known, on="user", how="left", maintain_order="left").with_columns(
        pl.col(name).fill_null(everyone[name].item()) for name in everyone.columns
    )
    values = [(pl.col(name).log1p() - pl.col(f"{name}_mean")) / pl.col(f"{name}_std") for name in CHANNELS]
    return placed.select(*values).to_numpy()


def decomposed(
    values: Float[np.ndarray, "n c"],
    lengths: Int[np.ndarray, " u"],
    modes: int,
    window: int | None,
    alpha: float,
    tol: float,
) -> Float[np.ndarray, "n k c"]:
    """Modes of each user's signal on each day. Equations 6 and 7.

    Args:
        values: Standardised counts, user after user, day after day.
        lengths: Days of each user; they sum to N. A user with fewer than ``2 K`` has modes of zero.
        modes: Number of modes K.
        window: Days up to and including each day that its modes may know; None for all days of the user,
            later ones too.
        alpha: Bandwidth penalty.
        tol: Change of energy at which the decomposition has converged.
    """
    found = np.zeros((len(values), modes, values.shape[1]))
    owner, day = np.repeat(np.arange(len(lengths)), lengths), np.concatenate([np.arange(n) for n in lengths])
    if not modes or not len(values):
        return found
    if window is not None:
        # Zeros after a user's last day change nothing before it, so that all fit in one batch.
        signals = torch.zeros(len(lengths), values.shape[1], int(lengths.max()), dtype=torch.float64)
        signals[owner, :, day] = torch.from_numpy(values)
        return mvmd_trailing(signals, modes, window, alpha=alpha, tau=0.0, tol=tol)[owner, day].numpy()
    for size in np.unique(lengths[lengths >= 2 * modes]):
        rows = np.flatnonzero(lengths[owner] == size).reshape(-1, size)
        signals = torch.from_numpy(values[rows]).transpose(1, 2).contiguous()
        found[rows] = mvmd(signals, modes, alpha=alpha, tol=tol).modes.permute(0, 3, 1, 2).numpy()
    return found
