"""Motion of a user through the space of daily features: speed, distance, and the features that move.

Axes: U users, T days that are looked at (any spacing), D features, N features that moved most.

Source:
    ChronosVector, research page on insider threat detection: velocity, drift from a 60-day anchor.
    Departure: time is counted in days, not in seconds or microseconds.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad


class _TrailingMoments(NamedTuple):
    """Moments of the points before each one.

    Attributes:
        points: Number of them, ``(T, 1)``.
        mean: Their mean, 0 of none, ``(U, T, D)``.
        squares: Sum of their squared distances to it, ``(U, T, D)``.
    """

    points: Tensor
    mean: Tensor
    squares: Tensor


class _Drift(NamedTuple):
    """Distance of two points, with the features that make it up.

    Attributes:
        distance: Euclidean distance, in the unit of the features, ``(*)``.
        cosine: One minus the cosine of the angle, 0 to 2, ``(*)``. Where one of the points is the origin,
            they have no direction in common and it is 1; where both are, nothing moved and it is 0.
        features: Numbers of the N features that moved most, first the most, int64 ``(*, N)``.
        differences: By how much each of them moved, never negative, ``(*, N)``.
    """

    distance: Tensor
    cosine: Tensor
    features: Tensor
    differences: Tensor


def velocity(
    values: Float[Tensor, "u t d"], days: Float[Tensor, "u t"], lengths: Int[Tensor, " u"] | None = None
) -> Float[Tensor, "u t d"]:
    """Return the change per day, by central differences: from the previous active day to the next.

    The first and the last one have one neighbour, and the difference to it. Where no time passes, as for a
    user with a single day, nothing moves. A day after a user's last one repeats the last velocity.

    Args:
        values: One point a day.
        days: When, in days from any origin, rising.
        lengths: Days of each user, at least 1; the rest is padding. All of them, if not given.
    """
    at = _within(values, lengths)
    last = at.amax(dim=1, keepdim=True)
    after, before = torch.minimum(at + 1, last), (at - 1).clamp(min=0)
    return _per_day(
        _points_at(values, after) - _points_at(values, before), days.gather(1, after) - days.gather(1, before)
    )


def acceleration(
    values: Float[Tensor, "u t d"], days: Float[Tensor, "u t"], lengths: Int[Tensor, " u"] | None = None
) -> Float[Tensor, "u t d"]:
    """Return the change of the velocity, per day and day: the second difference on a grid of any spacing.

    The first and the last day have the acceleration of their neighbour; with fewer than three days there is
    none. Arguments as in ``velocity``.
    """
    at = _within(values, lengths)
    last = at.amax(dim=1, keepdim=True)
    middle = torch.minimum(at, (last - 1).clamp(min=0)).clamp(min=1 if values.shape[1] > 1 else 0)
    after, before = torch.minimum(middle + 1, last), (middle - 1).clamp(min=0)
    day, day_before, day_after = (days.gather(1, place) for place in (middle, before, after))
    forward = _per_day(_points_at(values, after) - _points_at(values, middle), day_after - day)
    backward = _per_day(_points_at(values, middle) - _points_at(values, before), day - day_before)
    return _per_day(forward - backward, (day_after - day_before) / 2) * (last >= 2).unsqueeze(2)


def arriving_velocity(values: Float[Tensor, "u t d"], days: Float[Tensor, "u t"]) -> Float[Tensor, "u t d"]:
    """Return the ``velocity`` of each day while it is the last one known; 0 on the first day."""
    steps = _per_day(values[:, 1:] - values[:, :-1], days[:, 1:] - days[:, :-1])
    return torch.cat([torch.zeros_like(values[:, :1]), steps], dim=1)


def arriving_acceleration(
    values: Float[Tensor, "u t d"], days: Float[Tensor, "u t"]
) -> Float[Tensor, "u t d"]:
    """Return the ``acceleration`` of each day while it is the last one known; 0 on the first two days."""
    speed = arriving_velocity(values, days)
    changes = _per_day(speed[:, 2:] - speed[:, 1:-1], (days[:, 2:] - days[:, :-2]) / 2)
    return torch.cat([torch.zeros_like(values[:, :2]), changes], dim=1)


def drift(points: Float[Tensor, "*n d"], others: Float[Tensor, "*n d"], top: int = 5) -> _Drift:
    """Return the distance between points, and the features that make it up.

    Departure: the cosine distance of the origin from itself is 0, where the source says 1.

    Args:
        points: Points.
        others: As many.
        top: Number N of features to name; all of them, if there are fewer.
    """
    size, other = points.norm(dim=-1), others.norm(dim=-1)
    cosine = 1 - ((points * others).sum(dim=-1) / (size * other)).clamp(-1, 1)
    cosine = torch.where((size == 0) | (other == 0), (size != other).to(cosine.dtype), cosine)
    difference = (points - others).abs().topk(min(top, points.shape[-1]), dim=-1)
    return _Drift((points - others).norm(dim=-1), cosine, difference.indices, difference.values)


def anchors(
    values: Float[Tensor, "u t d"], active: Bool[Tensor, "u t"], days: int = 60
) -> Float[Tensor, "u d"]:
    """Return the mean of each user's first ``days`` active days, or of all; the origin without any."""
    is_anchor = (active & (active.cumsum(dim=1) <= days)).to(values.dtype)
    total = torch.einsum("utd,ut->ud", values, is_anchor)
    return total / is_anchor.sum(dim=1, keepdim=True).clamp(min=1)


def running_anchors(
    values: Float[Tensor, "u t d"], active: Bool[Tensor, "u t"], days: int = 60
) -> Float[Tensor, "u t d"]:
    """Return the ``anchors`` of the days before each day; they stand still after ``days`` active ones."""
    is_anchor = (active & (active.cumsum(dim=1) <= days)).to(values.dtype).unsqueeze(2)
    total, count = (values * is_anchor).cumsum(dim=1), is_anchor.cumsum(dim=1)
    earlier = total[:, :-1] / count[:, :-1].clamp(min=1)
    return torch.cat([torch.zeros_like(values[:, :1]), earlier], dim=1)


def trailing_moments(values: Float[Tensor, "u t d"], days: int = 60) -> _TrailingMoments:
    """Return the moments of up to ``days`` points before each one, float64.

    Args:
        values: One point a day, without gaps.
        days: How far back they reach.
    """
    wide = values.double()
    total, squares = (pad(part.cumsum(dim=1), (0, 0, 1, 0)) for part in (wide, wide.square()))
    place = torch.arange(values.shape[1], device=values.device)
    begin = (place - days).clamp(min=0)
    count = (place - begin).double()[:, None]
    mean = (total[:, place] - total[:, begin]) / count.clamp(min=1)
    spread = squares[:, place] - squares[:, begin] - count * mean.square()
    return _TrailingMoments(count, mean, spread.clamp(min=0))


def _within(values: Float[Tensor, "u t d"], lengths: Int[Tensor, " u"] | None) -> Int[Tensor, "u t"]:
    """Return the number of each day; padding stands for the last one."""
    users, count, _ = values.shape
    at = torch.arange(count, device=values.device).expand(users, count)
    return at if lengths is None else torch.minimum(at, lengths[:, None] - 1)


def _points_at(values: Float[Tensor, "u t d"], at: Int[Tensor, "u t"]) -> Float[Tensor, "u t d"]:
    """Return each user's points at these places."""
    return values.gather(1, at.unsqueeze(2).expand_as(values))


def _per_day(change: Float[Tensor, "u t d"], elapsed: Float[Tensor, "u t"]) -> Float[Tensor, "u t d"]:
    """Return the change divided by the days it took, 0 where none passed."""
    return torch.where(elapsed > 0, 1 / elapsed, 0.0).unsqueeze(2) * change
