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
from itd_lightning.numerics.signature import sliding_with_time
from itd_lightning.numerics.trajectory import (
    anchors,
    arriving_acceleration,
    arriving_velocity,
    running_anchors,
)

Signal = Literal["velocity", "drift", "acceleration", "change", "circadian", "signature"]
SIGNALS: tuple[Signal, ...] = get_args(Signal)

_YEAR = 365  # days in the penalty of a change
_PRIOR = 10.0  # weight of the company's spread, in baseline days of the user
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


def _own_spread(days: PackedDays, baseline: int) -> Float[Tensor, "u d"]:
    """Return the deviation of each feature over a baseline, shrunk towards the company's, which is 1.

    Without the prior, the first day on which somebody uses a device would outweigh everything else.
    """
    mask = (days.mask[:, :baseline]).to(days.values.dtype).unsqueeze(2)
    count = mask.sum(dim=1)
    first = days.values[:, :baseline]
    mean = (first * mask).sum(dim=1, keepdim=True) / count.clamp(min=1).unsqueeze(1)
    squares = ((first - mean).square() * mask).sum(dim=1)
    return ((squares + _PRIOR) / (count + _PRIOR)).sqrt()


class TrajectorySignals(nn.Module):
    """The signals of active days.

    - ``velocity``, ``acceleration``: norm of the newest one-sided differences, per day.
    - ``drift``: distance to the anchor, the mean of a user's first ``baseline`` active days.
    - ``change``: severity of the newest change point, until it is ``recent`` days old; it is known after
      ``shortest`` days. One pass of exact optimal partitioning gives it for all days.
    - ``circadian``: surprise of the day's active hours beside those of the baseline.
    - ``signature``: distance of the last ``window`` days' signature to its mean over the baseline.

    Features are divided by the user's own spread first, shrunk towards the company's; not against the days so
    far, of which there are too few for a spread.

    Args:
        width: Features a day, D.
        signals: Which signals, in order.
        baseline: Active days of the anchor.
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
        window: int,
        depth: int,
        recent: int,
        shortest: int,
        prefix: bool,
    ) -> None:
        super().__init__()
        self.signals, self.baseline, self.window, self.depth = tuple(signals), baseline, window, depth
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
        first = days.first(self.baseline)
        spread = _own_spread(days, self.baseline)[:, None]
        own = days._replace(values=days.values / spread)
        anchor = anchors(own.values, own.mask, self.baseline)[:, None]
        usual = (first.hours > 0).to(own.values.dtype).sum(dim=1, keepdim=True)
        count = first.mask.sum(dim=1, keepdim=True).to(own.values.dtype)
        signals = self.signals_of(own, anchor, usual, count)
        so_far = (first.hours > 0).to(own.values.dtype).cumsum(dim=1)
        usual = torch.cat([torch.zeros_like(so_far[:, :1]), so_far[:, :-1]], dim=1)
        count = torch.arange(first.mask.shape[1], device=count.device).to(count.dtype)[None]
        anchor = running_anchors(first.values, first.mask, self.baseline)
        early = self.signals_of(first, anchor, usual, count.expand(len(usual), -1))
        return signals, pad(early, (0, 0, 0, signals.shape[1] - early.shape[1]))

    def signals_of(
        self,
        days: PackedDays,
        anchor: Float[Tensor, "u _ d"],
        usual: Float[Tensor, "u _ h"],
        count: Float[Tensor, "u _"],
    ) -> Float[Tensor, "u p s"]:
        """Return all signals of some days.

        Args:
            days: Active days.
            anchor: Expected position of each day.
            usual: Number of days so far, or of the baseline, with activity in each hour.
            count: Number of these days.
        """
        columns = []
        for signal in self.signals:
            if signal == "velocity":
                columns.append(arriving_velocity(days.values, days.day).norm(dim=2))
            elif signal == "acceleration":
                columns.append(arriving_acceleration(days.values, days.day).norm(dim=2))
            elif signal == "drift":
                columns.append((days.values - anchor).norm(dim=2))
            elif signal == "change":
                columns.append(self.change(days.values))
            elif signal == "circadian":
                columns.append(
                    unusual_hours(days.hours, usual.expand_as(days.hours), count.expand_as(days.day))
                )
            else:
                columns.append(self.signature_distance(days, so_far=anchor.shape[1] > 1))
        return torch.stack(columns, dim=2)

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
        first = days.first(self.baseline)
        spread = _own_spread(days, self.baseline)[:, None]
        for block in _blocks(first._replace(values=first.values / spread)):
            values, mask = self.signatures(block), block.mask.unsqueeze(2)
            distance = (values - _masked_mean(values, block.mask)) * mask
            squares += distance.double().square().sum(dim=(0, 1))
            count += int(block.mask.sum())
        deviation = (squares / max(count, 1)).sqrt().to(self.scale.dtype)
        return torch.where(deviation > 0, deviation, 1.0)

    def signature_distance(self, days: PackedDays, *, so_far: bool) -> Float[Tensor, "u p"]:
        """Return the root mean square distance to the baseline's mean signature, in standard deviations.

        Args:
            days: Active days.
            so_far: Whether the mean is that of the days before each day instead.
        """
        distances = []
        for block in _blocks(days):
            every = self.signatures(block)
            usual = (
                running_anchors(every, block.mask, self.baseline)
                if so_far
                else _masked_mean(every[:, : self.baseline], block.mask[:, : self.baseline])
            )
            distances.append(((every - usual) / self.scale).square().mean(dim=2).sqrt())
        return torch.cat(distances)


def _masked_mean(values: Float[Tensor, "u p k"], mask: Bool[Tensor, "u p"]) -> Float[Tensor, "u 1 k"]:
    """Return the mean over each user's days in the mask."""
    total = torch.einsum("upk,up->uk", values, mask.to(values.dtype))
    return (total / mask.sum(dim=1, keepdim=True).clamp(min=1)).unsqueeze(1)


def _blocks(days: PackedDays) -> list[PackedDays]:
    """Return the users in blocks whose signatures fit in memory."""
    return [PackedDays(*parts) for parts in zip(*(part.split(_BLOCK) for part in days), strict=True)]
