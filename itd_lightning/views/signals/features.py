"""Daily counts of each user's actions, and their decomposition into rhythms.

Axes: N days of all users, U users, C channels, K modes.
"""

from collections.abc import Callable, Collection
from typing import Literal

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int

from itd_lightning.contracts.events import FAMILIES, FAMILY_KINDS, KINDS, further_kinds, is_recorded
from itd_lightning.contracts.history import LEAST_WORK_DAYS
from itd_lightning.events.calendar import fill_days, is_weekend
from itd_lightning.numerics.history import OwnHistory, own_deviations
from itd_lightning.numerics.mvmd import mvmd, mvmd_trailing

# Kinds of behaviour that are counted together; all else is the last one.
CHANNELS = ("logon", "logoff", "connect", "disconnect", "file", "email", "http", "other")
Counts = Literal["own_median", "log_z"]
_MOST = 10.0  # deviations
_FAMILY_OF = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}


def channels(records: Collection[str]) -> tuple[str, ...]:
    """Return the channels of a store: published ones that it records, and each recorded kind of no family.

    ``other`` is what no channel names, so that it is always there, as published.

    Example:
        >>> channels({"logon", "http_visit", "process"})
        ('logon', 'http', 'other', 'process')
    """
    published = [name for name in CHANNELS if is_recorded(FAMILIES.get(name, ()), records)]
    return (*published, *(kind for kind in further_kinds(records) if kind not in CHANNELS))


def daily_counts(rows: pl.DataFrame, records: Collection[str] = FAMILY_KINDS) -> pl.DataFrame:
    """Count each user's actions on each day with any activity.

    Args:
        rows: ``user``, ``time``, ``kind``.
        records: Kinds of events that the store's sources can record.

    Returns:
        ``user``, ``day`` and one column a channel, sorted.
    """
    names = channels(records)
    channel_of = {kind: name for kind in KINDS if (name := _FAMILY_OF.get(kind, kind)) in names}
    channel = pl.col("kind").cast(pl.String).replace_strict(channel_of, default="other")
    days = rows.select("user", day=pl.col("time").dt.date(), channel=channel)
    return (
        days.group_by("user", "day")
        .agg((pl.col("channel") == name).sum().cast(pl.Float64).alias(name) for name in names)
        .sort("user", "day")
    )


def _names(days: pl.DataFrame) -> list[str]:
    """Return the channels of a table of days."""
    return [name for name in days.columns if name in CHANNELS or name in KINDS]


def every_day(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with a row for each day between a user's first and last one; silent days hold 0."""
    days = fill_days(counts)
    return days.join(counts, on=["user", "day"], how="left").fill_null(0.0).sort("user", "day")


def fit_usual(days: pl.DataFrame) -> pl.DataFrame:
    """Return what is usual on these days of everybody: a row that stands for people without a history.

    Returns:
        Of each channel: ``NAME_mean`` and ``NAME_std`` of ``log(1 + count)``, and ``NAME_median`` and
        ``NAME_spread`` (mean absolute deviation from the median) of counts on working days.
    """
    names = _names(days)
    logs = days.select(pl.col(names).log1p())
    working = days.filter(_is_working_day(names))
    return pl.concat(
        [
            logs.select(pl.col(name).mean().alias(f"{name}_mean") for name in names),
            logs.select(pl.col(name).std(ddof=0).alias(f"{name}_std") for name in names),
            working.select(pl.col(name).median().alias(f"{name}_median") for name in names),
            working.select(
                (pl.col(name) - pl.col(name).median()).abs().mean().alias(f"{name}_spread") for name in names
            ),
        ],
        how="horizontal",
    ).fill_null(0.0)


def scale_counts(
    days: pl.DataFrame, usual: pl.DataFrame, counts: Counts, horizon: int
) -> Float[np.ndarray, "n c"]:
    """Return counts as deviations from what was usual for the user before; nothing later is known.

    ``own_median``: minus the median of the user's earlier working days, divided by their mean absolute
    deviation plus one event, at most 10 either way. ``log_z``: ``log(1 + count)`` in standard deviations from
    the mean of the user's earlier days, silent ones and weekends included.

    Args:
        days: Every day of whole users, sorted.
        usual: As ``fit_usual`` returns it; it stands in where a user has no history yet.
        counts: Which of the two.
        horizon: At most so many earlier days count; 0 for all.
    """
    names = _names(days)
    if counts == "log_z":
        return _log_deviations(days, usual, horizon)
    rows = _with_earlier(days, usual, "median", horizon, pl.col)
    rows = _with_earlier(
        rows, usual, "spread", horizon, lambda name: (pl.col(name) - pl.col(f"{name}_median")).abs()
    )
    deviations = [
        ((pl.col(name) - pl.col(f"{name}_median")) / (pl.col(f"{name}_spread") + 1)).clip(-_MOST, _MOST)
        for name in names
    ]
    # Without a copy the array is read-only wherever the columns happen to lie side by side in memory.
    return rows.select(*deviations).to_numpy(writable=True)


def _is_working_day(names: list[str]) -> pl.Expr:
    """Return whether a user did anything on a day that is no Saturday or Sunday."""
    return ~is_weekend(pl.col("day")) & (pl.sum_horizontal(names) > 0)


def _with_earlier(
    days: pl.DataFrame,
    usual: pl.DataFrame,
    statistic: Literal["median", "spread"],
    horizon: int,
    value: Callable[[str], pl.Expr],
) -> pl.DataFrame:
    """Add ``NAME_STATISTIC`` of each channel over the user's earlier working days.

    The median of a value, or its mean, which of absolute deviations is their spread.
    """
    names = _names(days)
    columns = [f"{name}_{statistic}" for name in names]
    working = days.filter(_is_working_day(names))
    size = horizon or max(len(working), 1)
    rolled = [
        (
            value(name).rolling_median(size, min_samples=LEAST_WORK_DAYS)
            if statistic == "median"
            else value(name).rolling_mean(size, min_samples=LEAST_WORK_DAYS)
        )
        .over("user")
        .alias(column)
        for name, column in zip(names, columns, strict=True)
    ]
    known = working.select("user", "day", *rolled)
    rows = days.sort("day").join_asof(
        known.sort("day"), on="day", by="user", allow_exact_matches=False, check_sortedness=False
    )
    filled = [pl.col(column).fill_null(usual[column].item()) for column in columns]
    return rows.with_columns(filled).sort("user", "day")


def _log_deviations(days: pl.DataFrame, usual: pl.DataFrame, horizon: int) -> Float[np.ndarray, "n c"]:
    """Return ``log(1 + count)`` in standard deviations from the mean of the user's earlier days."""
    names = _names(days)
    mean, std = (
        usual.select(f"{name}_{statistic}" for name in names).to_numpy() for statistic in ("mean", "std")
    )
    std = np.where(std > 0, std, 1.0)
    values = days.select(pl.col(names).log1p()).to_numpy()
    user, same = days["user"].rle_id().to_numpy(), np.zeros(len(days), dtype=np.int64)
    own = OwnHistory(horizon=horizon, weekends_apart=False)
    deviations = own_deviations(
        values, user, np.zeros(len(days), dtype=bool), (mean, std, same), 0.1 * std[0], own
    )
    return deviations.astype(np.float64)


def decompose_days(
    values: Float[np.ndarray, "n c"],
    lengths: Int[np.ndarray, " u"],
    modes: int,
    window: int | None,
    alpha: float,
    tol: float,
) -> Float[np.ndarray, "n k c"]:
    """Return the modes of each user's signal on each day. Equations 6 and 7.

    All centre frequencies start at 0, the paper's "Initialization: 0".

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
        return mvmd_trailing(signals, modes, window, alpha=alpha, tau=0.0, tol=tol, init="zero")[
            owner, day
        ].numpy()
    for size in np.unique(lengths[lengths >= 2 * modes]):
        rows = np.flatnonzero(lengths[owner] == size).reshape(-1, size)
        signals = torch.from_numpy(values[rows]).transpose(1, 2).contiguous()
        modes_of_days[rows] = (
            mvmd(signals, modes, alpha=alpha, tol=tol, init="zero").modes.permute(0, 3, 1, 2).numpy()
        )
    return modes_of_days
