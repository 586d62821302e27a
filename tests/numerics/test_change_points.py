"""What change points promise: the best cuts, the same day by day as at once, and none in noise."""

from math import exp, log

import pytest
import torch
from torch import Tensor

from itd_lightning.numerics.change_points import (
    bic_penalty,
    change_points,
    last_changes,
    severities,
    severity,
)


def regimes(users: int = 3, days: int = 70, jump: float = 5.0) -> Tensor:
    """Three features of unit variance that jump at days 20 and 45."""
    draw = torch.Generator().manual_seed(users)
    values = torch.randn(users, days, 3, generator=draw, dtype=torch.float64)
    values[:, 20:] += jump
    values[:, 45:] -= jump / 2
    return values


def cost(points: Tensor) -> float:
    """Squared distances to the mean."""
    return float((points - points.mean(dim=0)).square().sum())


def best_cuts(points: Tensor, penalty: float, shortest: int) -> list[int]:
    """The recursion, word for word."""
    least: dict[int, tuple[float, list[int]]] = {0: (-penalty, [])}
    for end in range(shortest, len(points) + 1):
        starts = [start for start in least if end - start >= shortest]
        found = [(least[s][0] + cost(points[s:end]) + penalty, [*least[s][1], s]) for s in starts]
        least[end] = min(found)
    return least[len(points)][1][1:]


def test_cuts_are_the_best_ones() -> None:
    for points in regimes():
        penalty = bic_penalty(*points.shape)
        assert change_points(points).tolist() == best_cuts(points, penalty, 7) == [20, 45]
        assert change_points(points, penalty=2.0, shortest=3).tolist() == best_cuts(points, 2.0, 3)


def test_a_cut_known_on_a_day_is_that_of_the_days_up_to_it() -> None:
    values = regimes()
    penalty = bic_penalty(70, 3)
    known = last_changes(values, penalty)
    for user in range(3):
        for day in range(70):
            cuts = [0, 0, *change_points(values[user, : day + 1], penalty).tolist()]
            found = (known.change[user, day].item(), known.before[user, day].item())
            assert found == (cuts[-1], cuts[-2])


def test_what_comes_later_moves_no_cut() -> None:
    values, changed = regimes(), regimes()
    changed[:, 40:] = 100.0
    first, second = (last_changes(each, 12.0) for each in (values, changed))
    torch.testing.assert_close(first.change[:, :40], second.change[:, :40])
    torch.testing.assert_close(severity(values, first)[:, :40], severity(changed, second)[:, :40])


def test_severity_compares_adjacent_segments() -> None:
    values = regimes(1)
    cuts = change_points(values[0])
    middle, last = values[0, 20:45].mean(dim=0), values[0, 45:].mean(dim=0)
    adjacent = 1 - exp(-float((last - middle).norm()))
    whole = 1 - exp(-float((values[0, 45:55].mean(dim=0) - values[0, :45].mean(dim=0)).norm()))
    torch.testing.assert_close(severities(values[0], cuts)[1].item(), adjacent)
    torch.testing.assert_close(severities(values[0], cuts, after=10, prefix=True)[1].item(), whole)
    known = last_changes(values, bic_penalty(70, 3))
    torch.testing.assert_close(severity(values, known)[0, -1].item(), adjacent)
    torch.testing.assert_close(severity(values, known, after=10, prefix=True)[0, -1].item(), whole)
    assert severity(values, known)[0, 0] == 0


def test_noise_has_no_regimes() -> None:
    noise = torch.randn(20, 330, 12, generator=torch.Generator().manual_seed(0))
    assert sum(len(change_points(points)) for points in noise) == 0


@pytest.mark.parametrize("days", [0, 1, 13, 14])
def test_few_or_equal_days_have_no_change(days: int) -> None:
    assert len(change_points(torch.ones(days, 2))) == 0
    assert last_changes(torch.ones(2, days, 2), bic_penalty(365, 2)).change.tolist() == [[0] * days] * 2


def test_the_penalty_is_the_bics() -> None:
    assert bic_penalty(330, 12) == pytest.approx(12 * log(330))
