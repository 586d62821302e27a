"""The signals of ChronosVector: distance, speed and change of a user's day, before any calibration.

Axes: U users, P active days of a user (pack_days to the left), D features, S signals, K coordinates of a
signature.

Source:
    ChronosVector, research page on insider threat detection, methodology.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.numerics.change_points import bic_penalty, last_changes, severity
from itd_lightning.numerics.events_in_time import unusual_hours
from itd_lightning.numerics.persistence import hurst_rs
from itd_lightning.numerics.signature import sliding_with_time
from itd_lightning.numerics.trajectory import (
    anchors,
    arriving_acceleration,
    arriving_velocity,
    running_anchors,
    trailing_moments,
)

Signal = Literal["velocity", "drift", "acceleration", "change", "circadian", "signature", "persistence"]
SIGNALS: tuple[Signal, ...] = get_args(Signal)
Anchor = Literal["active", "calendar", "trailing"]

_YEAR = 365  # days in the penalty of a change
_PERSISTENCE = 30  # active days of a Hurst exponent, as the page has it
_BLOCK = 64  # users whose signatures are in memory together


class PackedDays(NamedTuple):
    """Active days of each user, without the gaps between them.

    Attributes:
        values: Daily features, float32 ``(U, P, D)``.
        hours: Events in each hour, float32 ``(U, P, 24)``.
        day: Days since any origin, float32 ``(U, P)``, rising, in padding too.
        mask: Whether the place holds a day, bool ``(U, P)``.
        column: Column of each day on the calendar, int64 ``(U, P)``.
    """

    values: Tensor
    hours: Tensor
    day: Tensor
    mask: Tensor
    column: Tensor

    def first(self, days: int) -> "PackedDays":
        """Return the first so many days of each user."""
        return PackedDays(*(part[:, :days] for part in self))


def pack_days(batch: TrajectoryBatch) -> PackedDays:
    """Move the active days of each user to the left, in their order."""
    active = batch.active
    longest = int(active.sum(dim=1).max()) if active.numel() else 0
    order = (~active).to(torch.int8).argsort(dim=1, stable=True)[:, :longest]
    mask = active.gather(1, order)
    rank = torch.arange(longest, device=active.device)
    # Padding goes on from the last day, so that no time is negative.
    day = torch.where(mask, batch.day.to(torch.float32)[order], 0.0).cummax(dim=1).values + ~mask * rank
    return PackedDays(
        values=batch.values.gather(1, _widen(order, batch.values)) * mask.unsqueeze(2),
        hours=batch.hours.gather(1, _widen(order, batch.hours)) * mask.unsqueeze(2).to(batch.values.dtype),
        day=day,
        mask=mask,
        column=order,
    )


def _widen(column: Int[Tensor, "u p"], like: Tensor) -> Int[Tensor, "u p k"]:
    """Return columns repeated along the last axis."""
    return column.unsqueeze(2).expand(-1, -1, like.shape[2])


def baseline_days(days: PackedDays, baseline: int, anchor: Anchor) -> Bool[Tensor, "u p"]:
    """Return which days are a user's baseline: the first active ones, or those of so many calendar days."""
    first = torch.arange(days.mask.shape[1], device=days.mask.device) < baseline
    if anchor == "calendar":
        return days.mask & (days.day - days.day[:, :1] < baseline)
    return days.mask & first


def _own_spread(first: PackedDays, prior: float) -> Float[Tensor, "u d"]:
    """Return the deviation of each feature over a baseline, shrunk towards the company's, which is 1.

    Args:
        first: Days of the baseline, by their mask.
        prior: Weight of the company's spread, in days. Without it, the first day on which somebody uses a
            device would be infinitely far away.
    """
    mask = first.mask.to(first.values.dtype).unsqueeze(2)
    count = mask.sum(dim=1)
    mean = (first.values * mask).sum(dim=1, keepdim=True) / count.clamp(min=1).unsqueeze(1)
    squares = ((first.values - mean).square() * mask).sum(dim=1)
    return ((squares + prior) / (count + prior)).sqrt()


class _Usual(NamedTuple):
    """What is expected of each day, one row for all days of a user where it stands still.

    Attributes:
        anchor: Position, in the unit of the features, ``(U, _, D)``.
        spread: Deviation about it, ``(U, _, D)``.
        hours: Number of days with activity in each hour, ``(U, _, 24)``.
        days: Number of days, ``(U, _)``.
        moves: Whether it is another one each day.
    """

    anchor: Tensor
    spread: Tensor
    hours: Tensor
    days: Tensor
    moves: bool


class TrajectorySignals(nn.Module):
    """The signals of active days.

    - ``velocity``, ``acceleration``: norm of the newest one-sided differences, per day.
    - ``drift``: distance to the anchor, the mean of the baseline.
    - ``change``: severity of the newest change point, until it is ``recent`` days old; it is known after
      ``shortest`` days. One pass of exact optimal partitioning gives it for all days.
    - ``circadian``: surprise of the day's active hours beside those of the baseline.
    - ``signature``: distance of the last ``window`` days' signature to its mean over the baseline.
    - ``persistence``: distance of the Hurst exponent of the last 30 active days' level, the mean of the
      features, to its mean over the baseline; 0 while there are fewer days.

    Features are divided by the user's own spread first, shrunk towards the company's; not against the days so
    far, of which there are too few for a spread.

    Args:
        width: Features a day, D.
        signals: Which signals, in order.
        baseline: Days of the anchor.
        anchor: The ``active`` days, or ``calendar`` days, that come first, or the ``trailing`` active ones.
        prior: Weight of the company's spread in a user's own one, in days.
        window: Active days of a signature.
        depth: Its levels.
        recent: Active days for which a change counts.
        shortest: Active days of a segment between changes.
        prefix: Measure a change against all days before it, as the original does.
    """

    def __init__(
        self,
        width: int,
        signals: Sequence[Signal],
        baseline: int,
        anchor: Anchor,
        prior: float,
        window: int,
        depth: int,
        recent: int,
        shortest: int,
        prefix: bool,
    ) -> None:
        super().__init__()
        self.signals, self.baseline, self.window, self.depth = tuple(signals), baseline, window, depth
        self.anchor, self.prior = anchor, prior
        self.recent, self.shortest, self.prefix = recent, shortest, prefix
        coordinates = sum((width + 1) ** level for level in range(1, depth + 1))
        self.register_buffer("scale", torch.ones(coordinates))
        self.scale: Tensor

    def fit(self, days: PackedDays) -> None:
        """Fit the scale of each coordinate of a signature."""
        if "signature" in self.signals:
            self.scale.copy_(self.signature_scale(days))

    def forward(self, days: PackedDays) -> tuple[Float[Tensor, "u p s"], Float[Tensor, "u p s"]]:
        """Return signals against the baseline, and for days within it against those so far (0 later)."""
        first = self.baseline_of(days)
        own = days._replace(values=days.values / _own_spread(first, self.prior)[:, None])
        signals = self.signals_of(own, days, self.usual(days))
        so_far = days.first(self.baseline)
        early = self.signals_of(so_far, so_far, self.usual_so_far(first))
        return signals, pad(early, (0, 0, 0, signals.shape[1] - early.shape[1]))

    def baseline_of(self, days: PackedDays) -> PackedDays:
        """Return the days of each user's baseline."""
        mask = baseline_days(days, self.baseline, self.anchor)
        return days._replace(mask=mask).first(self.baseline)

    def usual(self, days: PackedDays) -> _Usual:
        """Return what the baseline says of each day, or the days just before it if the anchor trails."""
        if self.anchor == "trailing":
            return self.usual_lately(days)
        first = self.baseline_of(days)
        active_hours = (first.hours > 0) & first.mask.unsqueeze(2)
        return _Usual(
            anchor=anchors(first.values, first.mask, self.baseline)[:, None],
            spread=_own_spread(first, self.prior)[:, None],
            hours=active_hours.to(days.values.dtype).sum(dim=1, keepdim=True),
            days=first.mask.sum(dim=1, keepdim=True).to(days.values.dtype),
            moves=False,
        )

    def usual_lately(self, days: PackedDays) -> _Usual:
        """Return what the last ``baseline`` active days say of each day."""
        count, mean, squares = trailing_moments(days.values, self.baseline)
        hours = trailing_moments((days.hours > 0).to(days.values.dtype), self.baseline)
        spread = ((squares + self.prior) / (count + self.prior)).sqrt()
        return _Usual(
            anchor=mean.to(days.values.dtype),
            spread=spread.to(days.values.dtype),
            hours=(hours.mean * hours.points).to(days.values.dtype),
            days=count[:, 0].to(days.values.dtype).expand(len(days.values), -1),
            moves=True,
        )

    def usual_so_far(self, first: PackedDays) -> _Usual:
        """Return what the days so far say of each day of a baseline, in the company's spread."""
        so_far = (first.hours > 0).to(first.values.dtype).cumsum(dim=1)
        count = torch.arange(first.mask.shape[1], device=so_far.device).to(so_far.dtype)
        return _Usual(
            anchor=running_anchors(first.values, first.mask, self.baseline),
            spread=torch.ones_like(first.values[:, :1]),
            hours=torch.cat([torch.zeros_like(so_far[:, :1]), so_far[:, :-1]], dim=1),
            days=count.expand(len(so_far), -1),
            moves=True,
        )

    def signals_of(self, own: PackedDays, days: PackedDays, usual: _Usual) -> Float[Tensor, "u p s"]:
        """Return all signals of some days.

        Args:
            own: Active days, divided by the user's own spread.
            days: The same in the unit of the features.
            usual: What is expected of them.
        """
        columns = []
        for signal in self.signals:
            if signal == "velocity":
                columns.append(arriving_velocity(own.values, own.day).norm(dim=2))
            elif signal == "acceleration":
                columns.append(arriving_acceleration(own.values, own.day).norm(dim=2))
            elif signal == "drift":
                columns.append(((days.values - usual.anchor) / usual.spread).norm(dim=2))
            elif signal == "change":
                columns.append(self.change(own.values))
            elif signal == "circadian":
                hours, count = usual.hours.expand_as(own.hours), usual.days.expand_as(own.day)
                columns.append(unusual_hours(own.hours, hours, count))
            elif signal == "signature":
                columns.append(self.signature_distance(own, moves=usual.moves))
            else:
                columns.append(self.persistence(own, moves=usual.moves))
        return torch.stack(columns, dim=2)

    def persistence(self, days: PackedDays, *, moves: bool) -> Float[Tensor, "u p"]:
        """Return how far the exponent of the last days lies from the usual one; as ``signature_distance``."""
        distance = torch.zeros_like(days.day)
        if days.mask.shape[1] < _PERSISTENCE:
            return distance
        windows = days.values.mean(dim=2).unfold(1, _PERSISTENCE, 1)
        exponent = hurst_rs(windows.reshape(-1, _PERSISTENCE)).view(windows.shape[:2])
        if moves:
            usual = trailing_moments(exponent.unsqueeze(2), self.baseline).mean[..., 0].to(exponent.dtype)
            usual[:, 0] = exponent[:, 0]  # the first one has none before it
        else:
            size = max(self.baseline - _PERSISTENCE + 1, 1)
            usual = exponent[:, :size].mean(dim=1, keepdim=True)
        distance[:, _PERSISTENCE - 1 :] = (exponent - usual).abs()
        return distance

    def drift_shares(self, days: PackedDays) -> tuple[Float[Tensor, "u p d"], Float[Tensor, "u p d"]]:
        """Return the share of each feature in the squared drift of each day, and the anchor of the day."""
        first, usual = self.baseline_of(days), self.usual(days)
        so_far, early = self.usual_so_far(first), first.mask.unsqueeze(2)
        size = first.mask.shape[1]
        anchor = usual.anchor.expand_as(days.values).clone()
        spread = usual.spread.expand_as(days.values).clone()
        anchor[:, :size] = torch.where(early, so_far.anchor, anchor[:, :size])
        spread[:, :size] = torch.where(early, so_far.spread, spread[:, :size])
        squares = ((days.values - anchor) / spread).square()
        total = squares.sum(dim=2, keepdim=True)
        return torch.where(total > 0, squares / total, 1 / squares.shape[2]), anchor

    def change(self, values: Float[Tensor, "u p d"]) -> Float[Tensor, "u p"]:
        """Return the severity of the newest change, while it is recent."""
        changes = last_changes(values, bic_penalty(_YEAR, values.shape[2]), self.shortest)
        age = torch.arange(values.shape[1], device=values.device) - changes.change
        newest = severity(values, changes, 10 if self.prefix else None, prefix=self.prefix)
        return newest * (age < self.recent)

    def signatures(self, days: PackedDays) -> Float[Tensor, "u p k"]:
        """Return the signature of the window that ends on each day."""
        return sliding_with_time(days.values.double(), days.day.double(), self.window, self.depth).float()

    def signature_scale(self, days: PackedDays) -> Float[Tensor, " k"]:
        """Return the standard deviation of each coordinate about the users' own baseline means."""
        squares, count = torch.zeros_like(self.scale, dtype=torch.float64), 0
        first = self.baseline_of(days)
        spread = _own_spread(first, self.prior)[:, None]
        for block in _blocks(first._replace(values=first.values / spread)):
            values, mask = self.signatures(block), block.mask.unsqueeze(2)
            distance = (values - _masked_mean(values, block.mask)) * mask
            squares += distance.double().square().sum(dim=(0, 1))
            count += int(block.mask.sum())
        deviation = (squares / max(count, 1)).sqrt().to(self.scale.dtype)
        return torch.where(deviation > 0, deviation, 1.0)

    def signature_distance(self, days: PackedDays, *, moves: bool) -> Float[Tensor, "u p"]:
        """Return the root mean square distance to the usual signature, in standard deviations.

        Args:
            days: Active days.
            moves: Whether the usual one is the mean of the days before each day, and not of the baseline.
        """
        distances = []
        for block in _blocks(days):
            every = self.signatures(block)
            if moves:
                usual = trailing_moments(every, self.baseline).mean.to(every.dtype)
            else:
                first = baseline_days(block, self.baseline, self.anchor)[:, : self.baseline]
                usual = _masked_mean(every[:, : self.baseline], first)
            distances.append(((every - usual) / self.scale).square().mean(dim=2).sqrt())
        return torch.cat(distances)


def _masked_mean(values: Float[Tensor, "u p k"], mask: Bool[Tensor, "u p"]) -> Float[Tensor, "u 1 k"]:
    """Return the mean over each user's days in the mask."""
    total = torch.einsum("upk,up->uk", values, mask.to(values.dtype))
    return (total / mask.sum(dim=1, keepdim=True).clamp(min=1)).unsqueeze(1)


def _blocks(days: PackedDays) -> list[PackedDays]:
    """Return the users in blocks whose signatures fit in memory."""
    return [PackedDays(*parts) for parts in zip(*(part.split(_BLOCK) for part in days), strict=True)]
