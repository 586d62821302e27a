"""What the features of event times promise, against the definitions written out."""

from math import e, log, log2

import numpy as np
import pytest
import torch
from torch import Tensor

from itd_lightning.numerics.events_in_time import (
    DAY,
    EventFeatures,
    circadian_shift,
    circadian_strength,
    event_features,
    unusual_hours,
)


def plain_features(times: np.ndarray) -> list[float]:
    """The eleven features, word for word."""
    gaps = np.diff(times)
    mean, std = gaps.mean(), gaps.std()
    part = (gaps - gaps.min()) / np.ptp(gaps)
    share = np.bincount(np.minimum((part * 10).astype(int), 9), minlength=10) / len(gaps)
    counts, _ = np.histogram(times, bins=5)
    return [
        len(times),
        times[-1] - times[0],
        mean,
        std,
        (std - mean) / (std + mean),
        np.corrcoef(gaps[:-1], gaps[1:])[0, 1],
        -sum(p * log(p) for p in share if p > 0),
        np.polyfit(np.arange(5), counts, 1)[0],
        std / mean,
        gaps.max(),
        abs(np.exp(2j * np.pi * times / DAY).mean()),
    ]


def features(*users: list[float]) -> EventFeatures:
    """Features of users with different numbers of events."""
    lengths = torch.tensor([len(times) for times in users])
    padded = torch.full((len(users), int(lengths.max())), 7e9, dtype=torch.float64)
    for row, times in zip(padded, users, strict=True):
        row[: len(times)] = torch.tensor(times, dtype=torch.float64)
    return event_features(padded, lengths)


def dial(*hours: int) -> Tensor:
    """A day with one event in each of these hours."""
    return torch.zeros(24).index_fill(0, torch.tensor(hours), 1.0)


def test_features_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    users = [np.sort(rng.uniform(0, 20 * DAY, size)) for size in (5, 200, 33)]
    found = features(*(times.tolist() for times in users))
    for user, times in enumerate(users):
        np.testing.assert_allclose([value[user] for value in found], plain_features(times), rtol=1e-9)


def test_few_or_regular_events_have_defined_features() -> None:
    found = features([], [9 * 3600.0], [hour * 3600.0 for hour in range(48)], [5.0, 5.0])
    assert all(value.isfinite().all() for value in found)
    assert [value[0].item() for value in found] == [0.0] * 11
    assert [value[1].item() for value in found] == [1.0] + [0.0] * 10
    assert found.burstiness[2] == -1  # a clock
    assert found.memory[2] == 0
    assert found.circadian_strength[2] == pytest.approx(0, abs=1e-9)
    assert found.span[3] == found.gap_cv[3] == 0


def test_the_features_of_no_user_or_no_event_have_the_right_shape() -> None:
    assert features([], []).span.tolist() == [0, 0]


def test_strength_is_1_for_one_hour_and_0_for_all() -> None:
    strength = circadian_strength(torch.stack([dial(9), dial(*range(24)), torch.zeros(24), dial(9, 21)]))
    torch.testing.assert_close(strength, torch.tensor([1.0, 0, 0, 0]), atol=1e-6, rtol=0)


def test_midnight_is_no_border() -> None:
    torch.testing.assert_close(circadian_strength(dial(23, 0)), circadian_strength(dial(11, 12)))
    torch.testing.assert_close(circadian_shift(dial(23), dial(0)), circadian_shift(dial(11), dial(12)))


def test_a_shift_grows_with_the_hours() -> None:
    shifts = [circadian_shift(dial(9 + later), dial(9)).item() for later in (0, 1, 6, 12)]
    assert shifts == pytest.approx([0, 2 * np.sin(np.pi / 24), 2**0.5, 2], abs=1e-6)
    assert circadian_shift(dial(9), torch.zeros(24)) == circadian_shift(torch.zeros(24), dial(9)) == 0


def test_only_hours_that_are_unusual_surprise() -> None:
    usual, days = 62.0 * dial(9, 10, 11), torch.tensor(62.0)
    assert unusual_hours(dial(9, 10, 11), usual, days).item() == pytest.approx(3 * log(64 / 63), abs=1e-6)
    assert unusual_hours(dial(3), usual, days).item() / log(2) == pytest.approx(log2(64), abs=1e-5)
    assert unusual_hours(torch.zeros(24), usual, days) == 0
    assert unusual_hours(dial(3), torch.zeros(24), torch.tensor(0.0)).item() == pytest.approx(log(2) / log(e))
