"""Tables for the report's pictures of trajectories: path, distance, hours, regimes and signatures.

Axes: U users, P active days of a user, D features, N points, C components, K coordinates of a signature.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.pictures import PATHS, TRAJECTORIES
from itd_lightning.numerics.change_points import SHORTEST, change_points, severities
from itd_lightning.numerics.events_in_time import unusual_hours
from itd_lightning.numerics.signature import sliding_with_time
from itd_lightning.numerics.trajectory import anchors, drift, trailing_moments

_STEP = 20  # active days between the windows by which all users are shown
_DISRUPTED = 0.02  # of a user's days, whose hours are marked as unusual
_AFTER = 10  # days after a change that are compared, where it is compared with all days before it


class _Settings(NamedTuple):
    """Hyper-parameters of the scoring method; defaults stand for those that it lacks.

    Attributes:
        baseline: Days of the anchor.
        anchor: Which days these are: active or calendar ones that come first, or trailing ones.
        window: Active days of a signature.
        depth: Levels of a signature.
        shortest: Active days of a segment between changes.
        prefix: Whether a change is measured against all days before it.
    """

    baseline: int = 60
    anchor: str = "active"
    window: int = 14
    depth: int = 2
    shortest: int = SHORTEST
    prefix: bool = False


class _ActiveDays(NamedTuple):
    """The days on which one user did anything.

    Attributes:
        day: Days since 1970-01-01 ``(P,)``.
        values: Standardised features ``(P, D)``.
        hours: Events in each hour ``(P, 24)``.
    """

    day: Int[Tensor, " p"]
    values: Float[Tensor, "p d"]
    hours: Float[Tensor, "p h"]


def settings_of(hyperparameters: Mapping[str, Any]) -> _Settings:
    """Return a method's hyper-parameters that the pictures depend on."""
    return _Settings(**{name: hyperparameters[name] for name in _Settings._fields if name in hyperparameters})


def _active_days(batch: TrajectoryBatch, row: int) -> _ActiveDays:
    """Return the active days of one user."""
    active = batch.active[row]
    return _ActiveDays(batch.day[active], batch.values[row][active], batch.hours[row][active].float())


def trajectories(
    batch: TrajectoryBatch, users: Sequence[str], selected: Sequence[str], settings: _Settings
) -> pl.DataFrame:
    """Return the trajectories of some users, with the columns of ``contracts.pictures.TRAJECTORIES``.

    Args:
        batch: The company.
        users: Who its rows are.
        selected: Users whose trajectories are returned.
        settings: Of the method that scored.
    """
    rows = {user: row for row, user in enumerate(users)}
    tables = [
        _trajectory(user, _active_days(batch, rows[user]), settings) for user in selected if user in rows
    ]
    return pl.concat([TRAJECTORIES.to_frame(), *tables])


def _trajectory(user: str, days: _ActiveDays, settings: _Settings) -> pl.DataFrame:
    """Return the trajectory of one user."""
    if not len(days.day):
        return TRAJECTORIES.to_frame()
    points = days.values.double().numpy()
    centre, axes = _principal_axes(points, 3)
    place = (points - centre) @ axes
    cuts = change_points(days.values, shortest=settings.shortest)
    after = _AFTER if settings.prefix else None
    severity: list[float | None] = [None] * len(points)
    sizes = severities(days.values, cuts, after, prefix=settings.prefix)
    for cut, size in zip(cuts.tolist(), sizes.tolist(), strict=True):
        severity[cut] = size
    number, is_baseline = torch.arange(len(points)), _is_baseline(days, settings)
    return pl.DataFrame(
        {
            "user": [user] * len(points),
            "day": _as_dates(days.day),
            **{axis: place[:, at] for at, axis in enumerate("xyz")},
            "distance": _distance(days, settings).double().numpy(),
            "hours": days.hours.long().tolist(),
            "unusual": _unusual_days(days.hours, is_baseline).numpy(),
            "baseline": is_baseline.numpy(),
            "regime": (number[:, None] >= cuts).sum(dim=1).numpy(),
            "severity": severity,
        },
        schema=TRAJECTORIES,
    )


def _as_dates(day: Int[Tensor, " p"]) -> pl.Series:
    """Return days since 1970-01-01 as dates."""
    return pl.Series(day.numpy()).cast(pl.Int32).cast(pl.Date)


def _is_baseline(days: _ActiveDays, settings: _Settings) -> Bool[Tensor, " p"]:
    """Return which days are a user's baseline; before a trailing anchor is whole, the first ones are."""
    if settings.anchor == "calendar":
        return days.day - days.day[0] < settings.baseline
    return torch.arange(len(days.day)) < settings.baseline


def _distance(days: _ActiveDays, settings: _Settings) -> Float[Tensor, " p"]:
    """Return the distance of each day to the mean of the baseline, or of the days before it."""
    if settings.anchor == "trailing":
        anchor = trailing_moments(days.values[None], settings.baseline).mean[0].to(days.values.dtype)
    else:
        is_baseline = _is_baseline(days, settings)[None]
        anchor = anchors(days.values[None], is_baseline, settings.baseline)
    return drift(days.values, anchor.expand_as(days.values)).distance


def _unusual_days(hours: Float[Tensor, "p h"], is_baseline: Bool[Tensor, " p"]) -> Bool[Tensor, " p"]:
    """Return which days are the most unusual ones by the hours of their activity."""
    first = (hours[is_baseline] > 0).float()
    hour_days, count = first.sum(dim=0), torch.full((len(hours),), float(len(first)))
    surprise = unusual_hours(hours, hour_days.expand_as(hours), count)
    return (surprise >= surprise.quantile(1 - _DISRUPTED)) & (surprise > 0)


def paths(batch: TrajectoryBatch, users: Sequence[str], settings: _Settings) -> pl.DataFrame:
    """Return the signatures of all users' last days, with the columns of ``contracts.pictures.PATHS``.

    The components are those of evenly spaced windows, so that no answer key is needed to choose them. Users
    with fewer active days than a window are left out.
    """
    samples = [
        points[settings.window - 1 :: _STEP].copy() for *_, points in _signatures(batch, users, settings)
    ]
    if not samples:
        return PATHS.to_frame()
    centre, axes = _principal_axes(np.concatenate(samples), 2)
    tables = []
    for user, day, points in _signatures(batch, users, settings):  # a second pass, to save memory
        place, number = (points - centre) @ axes, np.arange(len(points)) - settings.window + 1
        tables.append(
            pl.DataFrame(
                {
                    "user": [user] * len(place),
                    "day": day,
                    "x": place[:, 0],
                    "y": place[:, 1],
                    "regular": (number >= 0) & (number % _STEP == 0),
                    "window": [settings.window] * len(place),
                },
                schema=PATHS,
            )
        )
    return pl.concat(tables)


def _signatures(
    batch: TrajectoryBatch, users: Sequence[str], settings: _Settings
) -> Iterator[tuple[str, pl.Series, Float[np.ndarray, "p k"]]]:
    """Yield each user with enough active days: the days, and the signature of the window up to each.

    Coordinates are on a logarithmic scale: squared ones have long tails, and a few would set the axes.
    """
    for row, user in enumerate(users):
        days = _active_days(batch, row)
        if len(days.day) < settings.window:
            continue
        path, time = days.values[None].double(), days.day[None].double()
        points = sliding_with_time(path, time, settings.window, settings.depth)[0].numpy()
        yield user, _as_dates(days.day), np.sign(points) * np.log1p(np.abs(points))


def _principal_axes(
    points: Float[np.ndarray, "n d"], count: int
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d c"]]:
    """Return centre and principal axes of points; where they span fewer dimensions, the rest is 0."""
    centre = points.mean(axis=0)
    _, size, directions = np.linalg.svd(points - centre, full_matrices=False)
    axes = np.zeros((points.shape[1], count))
    axes[:, : min(count, len(size))] = directions[:count].T
    return centre, axes
