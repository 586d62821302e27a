"""The hourly counts of mask/value windows, and how windows are cut from them and standardised.

Axes: N windows, T hours, F features.

Source:
    Cain and Beadles, Mask-Based Window-Level Insider Threat Detection, sections II and IV-B; the twelve
    features are those of the authors' code.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import FAMILIES, FAMILY_KINDS, further_kinds, is_recorded
from itd_lightning.events.hours import CAIN_BEADLES
from itd_lightning.events.mail import DIRECT, count_addresses, count_external

_BLOCK = 4096  # windows that are looked at together
_HOUR = 3600  # seconds

# The twelve of the paper.
FEATURES: dict[str, pl.Expr] = {
    "logon_count": (pl.col("kind") == "logon").sum(),
    "logoff_count": (pl.col("kind") == "logoff").sum(),
    "after_hours_logon": ((pl.col("kind") == "logon") & CAIN_BEADLES.after_hours(pl.col("time"))).sum(),
    "unique_pcs": pl.col("pc").filter(pl.col("kind").is_in(["logon", "logoff"])).drop_nulls().n_unique(),
    "device_connect": (pl.col("kind") == "connect").sum(),
    "device_disconnect": (pl.col("kind") == "disconnect").sum(),
    "http_count": (pl.col("kind") == "http_visit").sum(),
    "unique_urls": pl.col("object").filter(pl.col("kind") == "http_visit").drop_nulls().n_unique(),
    "email_sent": (pl.col("kind") == "email_send").sum(),
    # As in the authors' code, direct recipients only count; a message can be internal and external at once.
    "email_internal": ((pl.col("kind") == "email_send") & (pl.col("addresses") > pl.col("external"))).sum(),
    "email_external": ((pl.col("kind") == "email_send") & (pl.col("external") > 0)).sum(),
    "file_ops": (pl.col("kind") == "file_copy").sum(),
}
# Kinds without any of which a feature would be 0 for want of a log, not of an act.
_NEEDS: dict[str, tuple[str, ...]] = {
    "logon_count": ("logon",),
    "logoff_count": ("logoff",),
    "after_hours_logon": ("logon",),
    "unique_pcs": ("logon", "logoff"),
    "device_connect": ("connect",),
    "device_disconnect": ("disconnect",),
    "http_count": ("http_visit",),
    "unique_urls": ("http_visit",),
    "email_sent": ("email_send",),
    "email_internal": ("email_send",),
    "email_external": ("email_send",),
    "file_ops": ("file_copy",),
}


def features(records: Collection[str]) -> dict[str, pl.Expr]:
    """Return the features of a store: those of the twelve whose kinds it records, then further ones.

    A recorded kind that none of them stands for, nor for another kind of its family, is counted under its own
    name, on the whole and after hours.

    Args:
        records: Kinds that the store's sources can record.

    Example:
        >>> list(features({"logoff", "process"}))
        ['logoff_count', 'unique_pcs', 'process_count', 'after_hours_process']
    """
    result = {name: FEATURES[name] for name, kinds in _NEEDS.items() if is_recorded(kinds, records)}
    counted = {kind for name in result for kind in _NEEDS[name]}
    others = [
        kind for kinds in FAMILIES.values() if counted.isdisjoint(kinds) for kind in kinds if kind in records
    ]
    for kind in (*others, *further_kinds(records)):
        is_kind = pl.col("kind") == kind
        result[f"{kind}_count"] = is_kind.sum()
        result[f"after_hours_{kind}"] = (is_kind & CAIN_BEADLES.after_hours(pl.col("time"))).sum()
    return result


def build(
    events: pl.DataFrame, company: Sequence[str], records: Collection[str] = FAMILY_KINDS
) -> pl.DataFrame:
    """Count what each user did in each hour with any activity.

    Args:
        events: One shard of the store.
        company: Mail domains of the company, as ``events.mail.company_domains`` returns them.
        records: Kinds that the store's sources can record.

    Returns:
        ``user``, ``hour`` (its first moment) and the features, uint32, sorted.
    """
    return (
        events.with_columns(addresses=count_addresses(DIRECT), external=count_external(company, DIRECT))
        .group_by("user", pl.col("time").dt.truncate("1h").alias("hour"))
        .agg(feature.cast(pl.UInt32).alias(name) for name, feature in features(records).items())
        .sort("user", "hour")
    )


def calendar_starts(spans: pl.DataFrame, hours: int) -> pl.DataFrame:
    """Return the starts of windows on a grid that is the same for all users and passes through midnight.

    Args:
        spans: ``user``, ``first`` and ``last`` active hour.
        hours: Window length; divides 24 or is a multiple of it.

    Returns:
        ``user`` and ``start``: every window from a user's first active hour to the last one.
    """
    step = f"{hours}h"
    first, last = pl.col("first").dt.truncate(step), pl.col("last").dt.truncate(step)
    starts = spans.select("user", pl.datetime_ranges(first, last, step).alias("start"))
    return starts.explode("start").sort("user", "start")


def cut(cells: pl.DataFrame, starts: pl.DataFrame, hours: int) -> Int[np.ndarray, "n t f"]:
    """Fill windows with hourly counts.

    A window that does not start on the hour stays empty: its hours are none of the counted ones.

    Args:
        cells: As ``build`` returns them.
        starts: ``user`` and ``start`` of N windows, sorted, not overlapping within a user.
        hours: Window length T.
    """
    names = cells.columns[2:]
    counts = np.zeros((len(starts), hours, len(names)), dtype=np.int32)
    users = {user: number for number, user in enumerate(starts["user"].unique().sort())}
    own_cells = cells.filter(pl.col("user").is_in(list(users)))
    if not len(starts) or own_cells.is_empty():
        return counts
    cell_user, cell_time = _user_times(own_cells, "hour", users)
    window_user, window_time = _user_times(starts, "start", users)
    span = np.int64(1) << 40  # seconds between users: more than any time stamp
    window = np.searchsorted(window_user * span + window_time, cell_user * span + cell_time, side="right") - 1
    hour, rest = np.divmod(cell_time - window_time[window], _HOUR)
    inside = (window >= 0) & (window_user[window] == cell_user) & (hour < hours) & (rest == 0)
    counts[window[inside], hour[inside]] = own_cells.select(names).to_numpy()[inside]
    return counts


def _user_times(rows: pl.DataFrame, time: str, users: dict[str, int]) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the user numbers of rows, and their seconds since 1970-01-01."""
    user = rows["user"].replace_strict(users, return_dtype=pl.Int64).to_numpy()
    return user, rows[time].dt.epoch("s").to_numpy()


def moments(
    counts: Int[np.ndarray, "n t f"], train: Int[np.ndarray, " m"]
) -> tuple[Float[Tensor, " f"], Float[Tensor, " f"]]:
    """Return mean and standard deviation of each feature over all cells of training windows.

    Zeros are counted, as in the authors' code: the mask, not the value, says whether something happened.
    Departure: a feature that never varies in training gets the deviation 1. The authors divide by 1e-10, so
    that its first occurrence outweighs everything else.

    Args:
        counts: All windows of the view.
        train: Numbers of the training windows.

    Raises:
        InputError: If nothing at all happened in the training windows.
    """
    cells = max(len(train) * counts.shape[1], 1)
    total, squares = np.zeros(counts.shape[2]), np.zeros(counts.shape[2])
    for first in range(0, len(train), _BLOCK):
        # Block by block: a copy in float64 would be many times the counts.
        block = counts[train[first : first + _BLOCK]].astype(np.float64)
        total += block.sum(axis=(0, 1))
        squares += np.square(block).sum(axis=(0, 1))
    if not total.any():
        raise InputError("the training part holds no activity: the split leaves nothing to learn from")
    mean = total / cells
    std = np.sqrt(np.maximum(squares / cells - mean**2, 0))
    return torch.from_numpy(mean).float(), torch.from_numpy(np.where(std > 0, std, 1.0)).float()
