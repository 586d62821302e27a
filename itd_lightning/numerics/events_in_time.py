"""Features of a user's event times: bursts, memory of gaps, and the time of day.

Axes: U users, N events of a user in time order, H hours of a day (24), any further axes in front of H.
"""

from math import tau
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

DAY = 86_400.0  # seconds
_BINS = 10  # of gaps, for their entropy
_STRETCHES = 5  # of the time span, for the trend


class EventFeatures(NamedTuple):
    """Eleven features of each user's event times, float64 ``(U,)`` each.

    Of no event all are 0, of a single one all but the first and the last.

    Attributes:
        n_events: Number of events.
        span: Seconds from the first to the last.
        mean_gap: Mean time between events, in seconds.
        std_gap: Its standard deviation over all gaps (population), in seconds.
        burstiness: (std - mean) / (std + mean): -1 for a clock, 0 for chance, towards 1 for bursts.
        memory: Correlation of consecutive gaps, -1 to 1; 0 where they do not vary.
        temporal_entropy: Entropy of the gaps in ten equal bins from the least to the largest, in nats.
        intensity_trend: Slope of the number of events in five equal stretches of the span, events a stretch.
        gap_cv: std / mean.
        max_gap: Longest gap, in seconds.
        circadian_strength: How much the events keep to one time of day, 0 to 1.
    """

    n_events: Tensor
    span: Tensor
    mean_gap: Tensor
    std_gap: Tensor
    burstiness: Tensor
    memory: Tensor
    temporal_entropy: Tensor
    intensity_trend: Tensor
    gap_cv: Tensor
    max_gap: Tensor
    circadian_strength: Tensor


def event_features(times: Float[Tensor, "u n"], lengths: Int[Tensor, " u"]) -> EventFeatures:
    """Return the eleven features of each user's event times.

    Args:
        times: Seconds since any midnight, naive local time, rising within a user; float64.
        lengths: Events of each user, from 0; the rest is padding.

    Source:
        Goh and Barabasi, EPL 81, 2008, doi:10.1209/0295-5075/81/48002, for burstiness and memory, whose
        correlation has a mean for each of the two series of gaps. Departure from ChronosVector, which takes
        one mean for both; the last event counts in the trend, where it is left out there.
    """
    times = times.double()
    position = torch.arange(times.shape[1], device=times.device)
    valid = position < lengths[:, None]
    if not times.shape[1]:
        return event_features(times.new_zeros(len(times), 1), lengths)
    first = torch.where(valid, times, torch.inf).amin(dim=1).nan_to_num(posinf=0.0)
    last = torch.where(valid, times, -torch.inf).amax(dim=1).nan_to_num(neginf=0.0)
    is_gap = valid[:, 1:]  # whether a gap ends here
    gaps = torch.where(is_gap, times.diff(dim=1), 0.0)
    mean, std = _moments(gaps, is_gap)
    return EventFeatures(
        n_events=lengths.double(),
        span=last - first,
        mean_gap=mean,
        std_gap=std,
        burstiness=_ratio(std - mean, std + mean),
        memory=_correlation(gaps[:, :-1], gaps[:, 1:], is_gap[:, 1:]),
        temporal_entropy=_entropy(gaps, is_gap),
        intensity_trend=_trend(times, valid, first, last),
        gap_cv=_ratio(std, mean),
        max_gap=gaps.amax(dim=1) if gaps.shape[1] else torch.zeros_like(mean),
        circadian_strength=_strength_of_times(times, valid),
    )


def _ratio(above: Float[Tensor, "*n"], below: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return the quotient, 0 where the divisor is 0."""
    return torch.where(below > 0, above / below, 0.0)


def _moments(
    values: Float[Tensor, "u n"], valid: Bool[Tensor, "u n"]
) -> tuple[Float[Tensor, " u"], Float[Tensor, " u"]]:
    """Return the mean and standard deviation (population) of valid entries; 0 without any."""
    count = valid.sum(dim=1).clamp(min=1)
    mean = (values * valid).sum(dim=1) / count
    return mean, (((values - mean[:, None]) * valid).square().sum(dim=1) / count).sqrt()


def _correlation(
    left: Float[Tensor, "u n"], right: Float[Tensor, "u n"], valid: Bool[Tensor, "u n"]
) -> Float[Tensor, " u"]:
    """Return the correlation over valid pairs; 0 where one side does not vary."""
    (mean, std), (other, spread) = _moments(left, valid), _moments(right, valid)
    product = ((left - mean[:, None]) * (right - other[:, None]) * valid).sum(dim=1)
    count = valid.sum(dim=1).clamp(min=1)
    varies = (std > 1e-9 * mean.abs()) & (spread > 1e-9 * other.abs())
    return _ratio(product / count, std * spread).clamp(-1, 1) * varies


def _entropy(gaps: Float[Tensor, "u n"], valid: Bool[Tensor, "u n"]) -> Float[Tensor, " u"]:
    """Return the entropy of the gaps in ten equal bins, in nats."""
    if not gaps.shape[1]:
        return torch.zeros(len(gaps), dtype=gaps.dtype, device=gaps.device)
    least = torch.where(valid, gaps, torch.inf).amin(dim=1, keepdim=True)
    most = torch.where(valid, gaps, -torch.inf).amax(dim=1, keepdim=True)
    part = torch.where(most > least, (gaps - least) / (most - least), 0.0)
    cell = (part * _BINS).long().clamp(0, _BINS - 1)
    counts = gaps.new_zeros(len(gaps), _BINS).scatter_add_(1, cell, valid.to(gaps.dtype))
    share = _ratio(counts, counts.sum(dim=1, keepdim=True).expand_as(counts))
    summed: Tensor = torch.special.entr(share).sum(dim=1)
    return summed


def _trend(
    times: Float[Tensor, "u n"],
    valid: Bool[Tensor, "u n"],
    first: Float[Tensor, " u"],
    last: Float[Tensor, " u"],
) -> Float[Tensor, " u"]:
    """Return the slope of the number of events over five equal periods; 0 where no time passes."""
    span = (last - first)[:, None]
    part = torch.where(span > 0, (times - first[:, None]) / span, 0.0)
    cell = (part * _STRETCHES).long().clamp(0, _STRETCHES - 1)
    counts = times.new_zeros(len(times), _STRETCHES).scatter_add_(1, cell, valid.to(times.dtype))
    position = torch.arange(_STRETCHES, dtype=times.dtype, device=times.device) - (_STRETCHES - 1) / 2
    return counts @ position / position.square().sum() * (span[:, 0] > 0)


def _strength_of_times(times: Float[Tensor, "u n"], valid: Bool[Tensor, "u n"]) -> Float[Tensor, " u"]:
    """Return the resultant length of the times of day; 0 without any."""
    phase = times.remainder(DAY) * (tau / DAY)
    x, y = ((part * valid).sum(dim=1) for part in (phase.cos(), phase.sin()))
    return _ratio(torch.hypot(x, y), valid.sum(dim=1).to(times.dtype)) * (valid.sum(dim=1) > 1)


def _resultant(hours: Float[Tensor, "*n h"]) -> Float[Tensor, "*n 2"]:
    """Return the mean direction of a day's activity on the 24-hour dial, as x and y; (0, 0) for a silent day.

    An hour stands for its middle, so that the dial's error is at most half an hour.

    Args:
        hours: Events in each hour, or shares of them.
    """
    phase = (torch.arange(hours.shape[-1], dtype=hours.dtype, device=hours.device) + 0.5) * (
        tau / hours.shape[-1]
    )
    dial = torch.stack([phase.cos(), phase.sin()], dim=1)
    return _ratio(hours @ dial, hours.sum(dim=-1, keepdim=True).expand(*hours.shape[:-1], 2))


def circadian_strength(hours: Float[Tensor, "*n h"]) -> Float[Tensor, "*n"]:
    """Return how far activity keeps to one time of day: 1 for a single hour, 0 for all hours or none."""
    length: Tensor = _resultant(hours).norm(dim=-1)
    return length


def circadian_shift(hours: Float[Tensor, "*n h"], baseline: Float[Tensor, "*n h"]) -> Float[Tensor, "*n"]:
    """Return the distance of a day's mean direction from the baseline's, 0 to 2, with the change of strength.

    A day that is as concentrated as the baseline but h hours later has 2 sin(pi h / 24) times its strength.
    A silent day, or a silent baseline, has no direction and no shift.
    """
    is_gap: Tensor = (_resultant(hours) - _resultant(baseline)).norm(dim=-1)
    return is_gap * ((hours.sum(dim=-1) > 0) & (baseline.sum(dim=-1) > 0))


def unusual_hours(
    hours: Float[Tensor, "*n h"], usual: Float[Tensor, "*n h"], days: Float[Tensor, "*n"]
) -> Float[Tensor, "*n"]:
    """Return the surprise of the active hours, in nats: the sum of -log of each one's share of days.

    An hour in which nothing has happened on n days has the share 1 / (n + 2), by Laplace's rule of
    succession; one that is usual adds next to nothing, so that long days are not unusual for their length.

    Args:
        hours: Events in each hour of the day looked at.
        usual: On how many of the baseline's days something happened in the hour.
        days: Number of the baseline's days.
    """
    share = (usual + 1) / (days.unsqueeze(-1) + 2)
    return -(share.log() * (hours > 0)).sum(dim=-1)
