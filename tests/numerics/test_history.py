"""Own history: literal loops give the same, and nothing later or of others moves a deviation."""

from typing import Any

import numpy as np
import pytest
from jaxtyping import Float

from itd_lightning.numerics.history import OwnHistory, earlier_moments, own_deviations

RNG = np.random.default_rng(0)
USER, WEEKEND = np.repeat(["a", "b", "c"], [150, 150, 1]), np.arange(301) % 7 > 4
VALUES = RNG.poisson(np.where(WEEKEND, 1.0, 20.0)[:, None], (301, 3)).astype(np.float32)
USUAL = (np.zeros((1, 3)), np.ones((1, 3)), np.zeros(301, dtype=int))
FLOOR = np.full(3, 0.5)


def deviations(values: Float[np.ndarray, "n f"], own: OwnHistory = OwnHistory()) -> Float[np.ndarray, "n f"]:  # noqa: B008
    """Return the deviations of the three users' days."""
    return own_deviations(values, USER, WEEKEND, USUAL, FLOOR, own)


@pytest.mark.parametrize(
    ("horizon", "half_life"), [(0, 0.0), (7, 0.0), (0, 5.0), (7, 5.0), (149, 0.0), (150, 2.0)]
)
def test_moments_are_those_of_the_rows_before(horizon: int, half_life: float) -> None:
    rows = VALUES[:150].astype(float)
    mean, std = earlier_moments(rows, horizon, half_life)
    for place in range(150):
        earlier = rows[max(place - horizon, 0) if horizon else 0 : place]
        if len(earlier):
            weights = 0.5 ** (np.arange(len(earlier))[::-1] / half_life) if half_life else None
            expected = np.average(earlier, axis=0, weights=weights)
            spread = np.average((earlier - expected) ** 2, axis=0, weights=weights)
            np.testing.assert_allclose(mean[place], expected, atol=1e-9)
            np.testing.assert_allclose(std[place], np.sqrt(spread), atol=1e-6)


def test_what_is_the_same_every_day_deviates_by_exactly_nothing() -> None:
    same = np.full((301, 3), 1e6 / 3, dtype=np.float32)
    assert not deviations(same)[75:150].any()  # more than 20 weekend days lie before


def test_later_days_and_other_users_move_no_deviation() -> None:
    own = OwnHistory(horizon=30, half_life=10.0)
    before = deviations(VALUES, own)
    later = VALUES.copy()
    later[100:150] += 99
    np.testing.assert_array_equal(deviations(later, own)[:100], before[:100])
    np.testing.assert_array_equal(deviations(later, own)[150:], before[150:])
    assert (deviations(later, own)[100:150] != before[100:150]).any()


def test_a_day_that_is_added_changes_no_earlier_one_to_the_bit() -> None:
    whole = deviations(VALUES)
    for length in (1, 2, 60, 61, 62, 149):
        part = own_deviations(
            VALUES[:length],
            USER[:length],
            WEEKEND[:length],
            (*USUAL[:2], USUAL[2][:length]),
            FLOOR,
            OwnHistory(),
        )
        np.testing.assert_array_equal(part, whole[:length])


def test_weekends_are_compared_with_weekends() -> None:
    apart, together = deviations(VALUES), deviations(VALUES, OwnHistory(weekends_apart=False))
    late = slice(100, 150)
    weekend = WEEKEND[late]
    assert np.abs(apart[late][weekend]).mean() < 1 < np.abs(together[late][weekend]).mean()


def test_peers_stand_in_until_own_days_have_come_in() -> None:
    values = np.full((5, 1), 4.0, dtype=np.float32)
    usual = (np.array([[0.0], [2.0]]), np.array([[0.0], [0.0]]), np.ones(5, dtype=int))
    own = OwnHistory(warm_up=4)
    result = own_deviations(values, np.array(["a"] * 5), np.zeros(5, dtype=bool), usual, np.ones(1), own)
    assert result.ravel().tolist() == [2.0, 1.5, 1.0, 0.5, 0.0]


def test_a_deviation_is_at_most_twenty() -> None:
    values = np.array([[0.0], [1e9]], dtype=np.float32)
    usual = (np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(2, dtype=int))
    one = own_deviations(
        values, np.array(["a", "a"]), np.zeros(2, dtype=bool), usual, np.ones(1), OwnHistory()
    )
    assert one.ravel().tolist() == [0.0, 20.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizon": -1},
        {"horizon": 10**23},
        {"half_life": -1.0},
        {"half_life": float("nan")},
        {"half_life": float("inf")},
        {"warm_up": 0},
        {"warm_up": 10**23},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="horizon and half_life must be at least 0 and warm_up 1"):
        OwnHistory(**wrong)


def test_no_days_have_no_deviations() -> None:
    nothing = own_deviations(
        VALUES[:0], USER[:0], WEEKEND[:0], (*USUAL[:2], USUAL[2][:0]), FLOOR, OwnHistory()
    )
    assert nothing.shape == (0, 3)


@pytest.mark.parametrize(("horizon", "half_life"), [(7, 0.0), (7, 3.0), (0, 0.1)])
@pytest.mark.parametrize("place", [0, 10])
def test_a_huge_row_is_forgotten_beyond_the_horizon(place: int, horizon: int, half_life: float) -> None:
    rows = VALUES[:150].astype(float)
    mean, std = earlier_moments(rows, horizon, half_life)
    rows[place] = 1e18
    mean_after, std_after = earlier_moments(rows, horizon, half_life)
    late = slice(place + 8, None)
    np.testing.assert_allclose(mean_after[late], mean[late], rtol=1e-12)
    np.testing.assert_allclose(std_after[late], std[late], atol=1e-9)


def test_who_never_did_anything_deviates_by_nothing() -> None:
    assert not deviations(np.zeros_like(VALUES)).any()
    assert earlier_moments(np.zeros((150, 0)), 7)[0].shape == (150, 0)
