"""What is usual for a user: moments of the user's own earlier days, and how far a day lies from them.

Everything is causal: a day is compared with the days before it, in the store that is scored. So people whom
training never saw have a history, and nothing of anybody has to lie in a checkpoint.

Axes: N days of all users, M rows of one series, F features.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.signal import lfilter

from itd_lightning.contracts.history import MOST_DAYS, WARM_UP_DAYS

_MOST = 20.0  # deviations: beyond, a day is as unusual as it can be
_HALF_LIVES = 32  # rows that are older weigh less than one in four billion, and count as nothing


@dataclass(frozen=True)
class OwnHistory:
    """Which of a user's own earlier days tell what is usual.

    Attributes:
        horizon: At most so many active days back, counted within workdays or weekends; 0 for all of them.
        half_life: Active days after which a day counts half; 0 counts all of them alike.
        weekends_apart: Compare weekends with weekends and other days with other days.
        warm_up: Active days after which own history alone counts. Before, the usual day of peers fades out
            evenly, as own days come in.
    """

    horizon: int = 60
    half_life: float = 0.0
    weekends_apart: bool = True
    warm_up: int = WARM_UP_DAYS

    def __post_init__(self) -> None:
        whole = 0 <= self.horizon <= MOST_DAYS and 1 <= self.warm_up <= MOST_DAYS
        if not (whole and 0 <= self.half_life <= MOST_DAYS):
            raise ValueError(
                f"horizon and half_life must be at least 0 and warm_up 1, and none above {MOST_DAYS:,}, "
                f"got {self.horizon}, {self.half_life} and {self.warm_up}"
            )


def earlier_moments(
    rows: Float[np.ndarray, "m f"], horizon: int = 0, half_life: float = 0.0
) -> tuple[Float[np.ndarray, "m f"], Float[np.ndarray, "m f"]]:
    """Return mean and standard deviation of the rows before each row.

    A row that is added at the end changes nothing before it, not even by rounding; a row beyond the horizon
    changes nothing either, however large it is.

    Args:
        rows: One series, the earliest first.
        horizon: At most so many rows back; 0 for all.
        half_life: Rows after which a row counts half, and after 32 of which it no longer counts; 0 counts all
            alike.

    Returns:
        Mean and deviation ``(M, F)``, 0 with no row before.

    Example:
        >>> mean, std = earlier_moments(np.array([[1.0], [3.0], [9.0]]))
        >>> mean.ravel().tolist(), std.ravel().tolist()
        ([0.0, 1.0, 2.0], [0.0, 0.0, 1.0])
    """
    if not len(rows):
        return rows, rows
    reach = min(horizon or len(rows), len(rows))
    if half_life:
        reach = ceil(min(reach, _HALF_LIVES * half_life))
    decay = 0.5 ** (1 / half_life) if half_life else 1.0
    own, before, centre = _centred_blocks(rows, reach)
    weight = _block_sums(np.ones((*own.shape[:2], 1)), np.ones((*before.shape[:2], 1)), decay)
    weight[0, :1] = 1.0  # no row lies before the first one
    mean = _block_sums(own, before, decay) / weight
    squares = _block_sums(np.square(own, out=own), np.square(before, out=before), decay) / weight
    squares -= np.square(mean)
    std = np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)
    mean += centre[:, None]
    mean[0, :1] = 0.0
    mean, std = (part.reshape(len(own) * reach, rows.shape[1])[: len(rows)] for part in (mean, std))
    return mean, std


def _centred_blocks(
    rows: Float[np.ndarray, "m f"], reach: int
) -> tuple[Float[np.ndarray, "k r f"], Float[np.ndarray, "j r f"], Float[np.ndarray, "k f"]]:
    """Return the rows as K blocks, the block before each but the first, and the row subtracted from both.

    It is one of the ``reach`` rows before each row of the block, the last one of the block before: so their
    sums of squares are about as large as their variance, whatever lies further back.
    """
    blocks = -(-len(rows) // reach)
    padded = np.zeros((blocks * reach, rows.shape[1]))
    padded[: len(rows)] = rows
    own = padded.reshape(blocks, reach, rows.shape[1])
    centre = np.concatenate([rows[:1], own[:-1, -1]])
    return own - centre[:, None], own[:-1] - centre[1:, None], centre


def _block_sums(
    own: Float[np.ndarray, "k r f"], before: Float[np.ndarray, "j r f"], decay: float
) -> Float[np.ndarray, "k r f"]:
    """Return the decayed sum of the R rows before each row: of its block, and of the end of the one before.

    Sums are added only. If rows that are too old were subtracted, a large one would leave its rounding error.
    """
    sums = np.zeros(own.shape)
    head = own[:, :-1]
    sums[:, 1:] = np.cumsum(head, axis=1) if decay == 1.0 else lfilter([1.0], [1.0, -decay], head, axis=1)
    ages = decay ** np.arange(own.shape[1])[:, None]
    sums[1:] += ages * np.cumsum((before * ages[::-1])[:, ::-1], axis=1)[:, ::-1]
    return sums


def own_deviations(
    values: Float[np.ndarray, "n f"],
    user: Shaped[np.ndarray, " n"],
    is_weekend: Bool[np.ndarray, " n"],
    usual: tuple[Float[np.ndarray, "g f"], Float[np.ndarray, "g f"], Int[np.ndarray, " n"]],
    floor: Float[np.ndarray, " f"],
    own: OwnHistory,
) -> Float[np.ndarray, "n f"]:
    """Return how far each day lies from the user's earlier ones, in their standard deviations.

    ::

        deviation = (value - mean) / (std + floor),  at most 20 either way

    Mean and deviation fade from those of peers to the user's own over the warm-up: after n of its w days,
    own history has the weight n / w.

    Args:
        values: Days, user after user, each user's in time order.
        user: User of each day.
        is_weekend: Whether the day is on a weekend.
        usual: Mean and standard deviation of groups of peers, and the group of each day.
        floor: Smallest deviation of each feature: without it the first event of a kind is infinitely far out.
        own: Which earlier days count.

    Returns:
        float32 ``(N, F)``.
    """
    means, stds, group = usual
    deviations = np.zeros(values.shape, dtype=np.float32)
    for rows in user_series(user, is_weekend if own.weekends_apart else None):
        series = values[rows].astype(np.float64)
        first, early = series[: own.warm_up], rows[: own.warm_up]
        mean, std = earlier_moments(first, own.horizon, own.half_life)
        weight = (np.arange(len(first)) / own.warm_up)[:, None]
        mean = weight * mean + (1 - weight) * means[group[early]]
        std = weight * std + (1 - weight) * stds[group[early]]
        deviations[early] = _deviate(first, mean, std, floor)
        used = series.any(axis=0)  # of what a user never did, later days deviate by 0: most features are such
        mean, std = earlier_moments(series[:, used], own.horizon, own.half_life)
        late = slice(own.warm_up, None)
        deviations[np.ix_(rows[late], used)] = _deviate(
            series[late, used], mean[late], std[late], floor[used]
        )
    return deviations


def _deviate(
    values: Float[np.ndarray, "m f"],
    mean: Float[np.ndarray, "m f"],
    std: Float[np.ndarray, "m f"],
    floor: Float[np.ndarray, " f"],
) -> Float[np.ndarray, "m f"]:
    """Return bounded deviations; the moments are used up."""
    np.subtract(values, mean, out=mean)
    std += floor
    mean /= std
    bounded: Float[np.ndarray, "m f"] = np.clip(mean, -_MOST, _MOST, out=mean)
    return bounded


def user_series(
    user: Shaped[np.ndarray, " n"], is_weekend: Bool[np.ndarray, " n"] | None
) -> list[Int[np.ndarray, " m"]]:
    """Return the rows of each user; those of weekends apart from the others, where weekends are given."""
    if not len(user):
        return []
    starts = np.flatnonzero(np.concatenate([[True], user[1:] != user[:-1]]))
    spans = zip(starts, [*starts[1:], len(user)], strict=True)
    if is_weekend is None:
        return [np.arange(first, last) for first, last in spans]
    kinds = (False, True)
    return [first + np.flatnonzero(is_weekend[first:last] == kind) for first, last in spans for kind in kinds]
