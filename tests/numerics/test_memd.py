"""What the multivariate empirical mode decomposition promises."""

import numpy as np
import pytest
from pysdkit import MEMD

from itd_lightning.numerics.memd import extrema, memd, natural_spline, sphere_points

DAYS = np.arange(200.0)
FAST, SLOW = np.cos(2 * np.pi * DAYS / 7), np.cos(2 * np.pi * DAYS / 45)
WITHIN = slice(40, 160)


def weekly_counts(channels: int, days: int, seed: int = 0) -> np.ndarray:
    """Standardised log counts with a week ``(C, T)``."""
    day = np.arange(days)
    rate = 4 * (day % 7 < 5) * (1 + 0.5 * np.sin(day / 9)) + 0.2
    counts = np.log1p(np.random.default_rng(seed).poisson(rate, (channels, days)))
    standard: np.ndarray = (counts - counts.mean(1, keepdims=True)) / counts.std(1, keepdims=True)
    return standard


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_the_modes_add_up_to_the_signal(channels: int) -> None:
    signal = weekly_counts(channels, 90)
    modes = memd(signal, directions=16)
    assert len(modes) > 3
    np.testing.assert_allclose(modes.sum(axis=0), signal, rtol=0, atol=1e-10)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_waves_are_told_apart_fastest_first(channels: int) -> None:
    loud = np.array([1.0, 0.5, -1.0, 2.0])[:channels, None]
    modes = memd(loud * FAST + loud[::-1] * SLOW, directions=32)
    np.testing.assert_allclose(modes[0][:, WITHIN], (loud * FAST)[:, WITHIN], rtol=0, atol=0.15)
    np.testing.assert_allclose(modes[1:].sum(0)[:, WITHIN], (loud[::-1] * SLOW)[:, WITHIN], rtol=0, atol=0.15)


def test_a_wave_of_one_channel_has_the_same_place_in_all() -> None:
    signal = np.stack([FAST + SLOW, SLOW, 0.5 * SLOW])
    modes = memd(signal)
    assert np.abs(modes[0][1:, WITHIN]).max() < 0.1
    np.testing.assert_allclose(modes[0][0, WITHIN], FAST[WITHIN], rtol=0, atol=0.1)


def test_the_first_mode_is_nearly_that_of_pysdkit() -> None:
    signal = np.stack([FAST + SLOW, SLOW - FAST, 0.5 * SLOW])
    theirs = MEMD()(signal).transpose(0, 2, 1)
    np.testing.assert_allclose(memd(signal)[0][:, WITHIN], theirs[0][:, WITHIN], rtol=0, atol=0.1)


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros((3, 50)),
        np.ones((2, 50)),
        np.arange(50.0)[None],
        (np.arange(50.0) - 20)[None] ** 2,
        np.zeros((2, 1)),
    ],
    ids=["silent", "constant", "trend", "one turn", "one day"],
)
def test_what_turns_less_than_three_times_is_its_own_residue(signal: np.ndarray) -> None:
    assert np.array_equal(memd(signal), signal[None])


def test_a_constant_channel_has_no_part_in_the_modes() -> None:
    signal = weekly_counts(4, 120)
    signal[2] = 3
    modes = memd(signal, directions=16)
    assert np.abs(modes[:-1, 2]).max() < 1e-10
    np.testing.assert_allclose(modes[-1, 2], 3)


def test_no_mode_is_more_than_the_caller_wants() -> None:
    signal = weekly_counts(3, 80)
    modes = memd(signal, max_modes=2)
    assert len(modes) == 3
    np.testing.assert_allclose(modes.sum(axis=0), signal, rtol=0, atol=1e-10)


@pytest.mark.parametrize("knots", [2, 3, 4, 30])
def test_splines_are_those_of_scipy_also_beside_a_longer_one(knots: int) -> None:
    interpolate = pytest.importorskip("scipy.interpolate")  # it has no types
    draw = np.random.default_rng(knots)
    place = np.cumsum(draw.integers(1, 9, (30, 2)), axis=0).astype(float)
    values = draw.normal(size=(30, 2, 3))
    place[knots:, 1], values[knots:, 1] = place[knots - 1, 1], values[knots - 1, 1]
    for column, end in ((0, 30), (1, knots)):
        at = np.linspace(place[0, column], place[end - 1, column], 77)
        expected = interpolate.CubicSpline(place[:end, column], values[:end, column], bc_type="natural")(at)
        found = natural_spline(place, values, at)[:, column]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_steps_within_the_noise_are_no_turns() -> None:
    wave = np.array([0.0, 1, 1 + 1e-12, 1, 1 + 1e-12, 2])
    assert [len(kind) for kind in extrema(wave, noise=1e-10)] == [0, 0]
    assert [len(kind) for kind in extrema(wave)] == [1, 1]


@pytest.mark.parametrize("channels", [1, 2, 3, 8, 20])
def test_directions_have_length_one_and_no_common_bias(channels: int) -> None:
    points = sphere_points(512, channels)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    second = points.T @ points / len(points)  # of even directions: the unit matrix by C
    assert np.abs(second - np.eye(channels) / channels).max() < 0.05


def test_what_cannot_be_decomposed_is_refused() -> None:
    signal = weekly_counts(3, 30)
    with pytest.raises(ValueError, match="3 channels need at least 6 directions, got 5"):
        memd(signal, directions=5)
    signal[1, 4] = np.nan
    with pytest.raises(ValueError, match=r"channels \[1\] hold NaN"):
        memd(signal)
