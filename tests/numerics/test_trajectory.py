"""What velocity, acceleration, drift and anchors promise, against the definitions written out."""

import pytest
import torch
from torch import Tensor

from itd_lightning.numerics.trajectory import (
    acceleration,
    anchors,
    arriving_acceleration,
    arriving_velocity,
    drift,
    running_anchors,
    trailing_moments,
    velocity,
)


@pytest.fixture
def paths() -> tuple[Tensor, Tensor, Tensor]:
    """Four users, up to nine irregular days, three features; the last user has one day."""
    draw = torch.Generator().manual_seed(0)
    days = torch.randint(1, 5, (4, 9), generator=draw).double().cumsum(dim=1)
    return torch.randn(4, 9, 3, generator=draw, dtype=torch.float64), days, torch.tensor([9, 5, 3, 1])


def plain_velocity(x: Tensor, t: Tensor, i: int) -> Tensor:
    """One point's velocity, word for word."""
    before, after = max(i - 1, 0), min(i + 1, len(x) - 1)
    return (x[after] - x[before]) / (t[after] - t[before]) if after > before else torch.zeros_like(x[0])


def plain_acceleration(x: Tensor, t: Tensor, i: int) -> Tensor:
    """One point's acceleration, word for word."""
    if len(x) < 3:
        return torch.zeros_like(x[0])
    i = min(max(i, 1), len(x) - 2)
    ahead, behind = (x[i + 1] - x[i]) / (t[i + 1] - t[i]), (x[i] - x[i - 1]) / (t[i] - t[i - 1])
    return (ahead - behind) / ((t[i + 1] - t[i - 1]) / 2)


def test_velocity_and_acceleration_are_those_of_the_definition(paths: tuple[Tensor, Tensor, Tensor]) -> None:
    values, days, lengths = paths
    fast, change = velocity(values, days, lengths), acceleration(values, days, lengths)
    for user, length in enumerate(lengths.tolist()):
        x, t = values[user, :length], days[user, :length]
        for i in range(length):
            torch.testing.assert_close(fast[user, i], plain_velocity(x, t, i))
            torch.testing.assert_close(change[user, i], plain_acceleration(x, t, i))


def test_arriving_differences_are_those_of_the_last_day_known(paths: tuple[Tensor, Tensor, Tensor]) -> None:
    values, days, _ = paths
    fast, change = arriving_velocity(values, days), arriving_acceleration(values, days)
    for i in range(9):
        torch.testing.assert_close(fast[0, i], plain_velocity(values[0, : i + 1], days[0], i))
        torch.testing.assert_close(change[0, i], plain_acceleration(values[0, : i + 1], days[0], i))


def test_a_parabola_has_its_own_acceleration_at_any_spacing() -> None:
    days = torch.tensor([[0.0, 1, 3, 4, 8, 9]], dtype=torch.float64)
    values = (3 * days.square()).unsqueeze(2)
    torch.testing.assert_close(acceleration(values, days), torch.full_like(values, 6.0))


def test_padding_changes_nothing(paths: tuple[Tensor, Tensor, Tensor]) -> None:
    values, days, lengths = paths
    spoilt = values.clone()
    spoilt[1, 5:] = 1e9
    torch.testing.assert_close(velocity(values, days, lengths)[1, :5], velocity(spoilt, days, lengths)[1, :5])


def test_drift_measures_distance_angle_and_features() -> None:
    here = torch.tensor([[3.0, 0, 4], [1, 0, 0], [0, 0, 0], [0, 0, 0]])
    there = torch.tensor([[0.0, 0, 0], [-1, 0, 0], [0, 2, 0], [0, 0, 0]])
    found = drift(here, there, top=2)
    assert found.distance.tolist() == [5, 2, 2, 0]
    assert found.cosine.tolist() == [1, 2, 1, 0]  # no direction, opposite, no direction, nothing moved
    assert found.features[0].tolist() == [2, 0]
    assert found.differences[0].tolist() == [4, 3]
    torch.testing.assert_close(drift(7 * here[:1], here[:1]).cosine, torch.zeros(1))


def test_an_anchor_is_the_mean_of_the_first_active_days(paths: tuple[Tensor, Tensor, Tensor]) -> None:
    values, _, _ = paths
    active = torch.rand(4, 9, generator=torch.Generator().manual_seed(1)) < 0.6
    active[3] = False
    found, running = anchors(values, active, days=3), running_anchors(values, active, days=3)
    for user in range(4):
        days = values[user][active[user]]
        mean = days[:3].mean(dim=0) if len(days) else torch.zeros(3, dtype=torch.float64)
        torch.testing.assert_close(found[user], mean)
        for i in range(9):
            before = values[user, :i][active[user, :i]][:3]
            expected = before.mean(dim=0) if len(before) else torch.zeros(3, dtype=torch.float64)
            torch.testing.assert_close(running[user, i], expected)


def test_trailing_moments_are_those_of_the_points_before_each_one() -> None:
    points = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0))
    number, mean, squares = trailing_moments(points, days=4)
    for user in range(2):
        for at in range(9):
            before = points[user, max(at - 4, 0) : at].double()
            assert number[at] == len(before)
            centre = before.mean(dim=0) if len(before) else torch.zeros(3).double()
            torch.testing.assert_close(mean[user, at], centre)
            torch.testing.assert_close(squares[user, at], (before - centre).square().sum(dim=0))
