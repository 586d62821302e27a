"""What the decomposition of many users at once promises."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pysdkit import MVMD
from torch import Tensor
from vmdpy import VMD

from itd_lightning.numerics import mvmd_gains
from itd_lightning.numerics.mvmd import Init, first_centres, mvmd, mvmd_plain, mvmd_trailing


def weekly_counts(users: int, channels: int, days: int, seed: int = 0) -> Tensor:
    """Standardised log counts with a week and a slow wave ``(U, C, T)``."""
    day = torch.arange(days, dtype=torch.float64)
    rate = 4 * (day % 7 < 5) * (1 + 0.5 * torch.sin(day / 9)) + 0.2
    noise = torch.Generator().manual_seed(seed)
    counts = torch.poisson(rate.expand(users, channels, -1), generator=noise).log1p()
    return (counts - counts.mean(-1, keepdim=True)) / counts.std(-1, keepdim=True)


@pytest.mark.parametrize("modes", [3, 7])
@pytest.mark.parametrize(("tau", "dc"), [(0.0, False), (0.1, False), (0.0, True), (0.1, True)])
@pytest.mark.parametrize(("init", "number"), [("uniform", 1), ("zero", 0)])
def test_one_channel_is_that_of_vmdpy(modes: int, tau: float, dc: bool, init: Init, number: int) -> None:
    signals = weekly_counts(2, 1, 120)
    found = mvmd(signals, modes, tau=tau, dc=dc, init=init)
    for user, signal in enumerate(signals[:, 0].numpy()):
        theirs, _, centres = VMD(signal, 500.0, tau, modes, dc, number, 1e-3)
        order = np.argsort(centres[-1], kind="stable")
        np.testing.assert_allclose(found.modes[user, :, 0], theirs[order], rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.centres[user], centres[-1][order], rtol=0, atol=1e-9)
        assert found.iterations[user] == len(centres)


def test_random_centres_are_drawn_as_in_vmdpy(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = weekly_counts(1, 1, 100)
    draw = torch.rand(4, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    monkeypatch.setattr(np.random, "rand", lambda *shape: draw.numpy().reshape(shape))
    theirs, _, centres = VMD(signals[0, 0].numpy(), 500.0, 0.0, 4, DC=True, init=2, tol=1e-3)
    found = mvmd(signals, 4, dc=True, init="random", generator=torch.Generator().manual_seed(5))
    order = np.argsort(centres[-1], kind="stable")
    np.testing.assert_allclose(found.modes[0, :, 0], theirs[order], rtol=0, atol=1e-9)


@pytest.mark.parametrize("modes", [3, 7])
def test_several_channels_are_those_of_pysdkit(modes: int) -> None:
    signals = weekly_counts(1, 8, 100)
    rounds = 38  # PySDKit stops by another rule and returns its last round, so both run to a fixed one
    theirs = MVMD(500.0, modes, 0.0, "uniform", tol=0.0, max_iter=rounds + 2)(signals[0].numpy())
    found = mvmd(signals, modes, tol=0.0, max_iterations=rounds + 2)
    np.testing.assert_allclose(found.modes[0], theirs.transpose(0, 2, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("days", [60, 61])
@pytest.mark.parametrize(("tau", "dc"), [(0.0, False), (0.1, True)])
@pytest.mark.parametrize("init", ["uniform", "zero"])
def test_the_reduction_to_gains_is_exact(days: int, tau: float, dc: bool, init: Init) -> None:
    signals = weekly_counts(3, 5, days)
    found = mvmd(signals, 4, tau=tau, dc=dc, init=init, max_iterations=80)
    start = first_centres(4, days, init, dc, None)
    for user, signal in enumerate(signals):
        plain, centres = mvmd_plain(signal, start, int(found.iterations[user]) - 1, tau=tau, dc=dc)
        order = centres.argsort(stable=True)
        torch.testing.assert_close(found.modes[user], plain[order], rtol=0, atol=1e-9)
        torch.testing.assert_close(found.centres[user], centres[order], rtol=0, atol=1e-9)


def test_company_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = weekly_counts(70, 3, 90)
    whole = mvmd(signals, 5)
    assert len(whole.iterations.unique()) > 5
    monkeypatch.setattr(mvmd_gains, "CELLS", 90 * 7)  # seven side by side: users come and go
    for found, expected in zip(mvmd(signals, 5), whole, strict=True):
        assert torch.equal(found, expected)
    for user in (0, 13, 69):
        for found, expected in zip(mvmd(signals[user : user + 1], 5), whole, strict=True):
            torch.testing.assert_close(found[0], expected[user], rtol=0, atol=1e-12)


@pytest.mark.parametrize("days", [100, 101])
def test_waves_are_told_apart_away_from_the_ends(days: int) -> None:
    day = torch.arange(days, dtype=torch.float64)
    waves = torch.stack([torch.cos(2 * torch.pi * day * f) for f in (0.02, 0.15, 0.4)])
    loud = torch.tensor([[1.0, 2.0, 0.5], [0.5, 1.0, 2.0]], dtype=torch.float64)
    found = mvmd((loud @ waves)[None], 3, alpha=2000.0, tol=1e-8)
    expected = loud.T[:, :, None] * waves[:, None, :]  # (K, C, T)
    assert (found.modes[0] - expected)[..., 20:80].abs().max() < 0.1
    torch.testing.assert_close(found.centres[0], torch.tensor([0.02, 0.15, 0.4]).double(), atol=0.01, rtol=0)


def test_centres_ascend_wherever_they_start() -> None:
    draw = torch.Generator().manual_seed(1)
    for init in ("uniform", "zero", "random"):
        centres = mvmd(weekly_counts(20, 2, 80), 6, init=init, generator=draw).centres
        assert (centres.diff(dim=1) >= 0).all()
        assert centres.min() >= 0
        assert centres.max() <= 0.5


def test_residual_is_the_energy_that_no_mode_holds() -> None:
    signals = weekly_counts(9, 2, 75)
    found = mvmd(signals, 3)
    expected = (signals - found.modes.sum(dim=1)).square().sum(dim=-1)
    torch.testing.assert_close(found.residual, expected)
    assert (found.residual < signals.square().sum(dim=-1)).all()


def test_a_silent_channel_has_silent_modes_and_changes_nothing_else() -> None:
    signals = weekly_counts(2, 3, 60)
    muted = torch.cat([signals[:, :2], torch.zeros(2, 1, 60, dtype=torch.float64)], dim=1)
    found = mvmd(muted, 3)
    assert found.modes[:, :, 2].eq(0).all()
    torch.testing.assert_close(found.modes[:, :, :2], mvmd(signals[:, :2], 3).modes, rtol=0, atol=1e-12)


def test_a_silent_user_gets_zeros_and_the_first_centres() -> None:
    signals = weekly_counts(3, 2, 60)
    signals[1] = 0
    found = mvmd(signals, 4)
    assert found.modes[1].eq(0).all()
    assert found.residual[1].eq(0).all()
    assert found.iterations[1] == 1
    assert found.centres[1].tolist() == [0, 0.125, 0.25, 0.375]
    assert found.modes.isfinite().all()


def test_no_users_give_no_modes() -> None:
    assert mvmd(torch.zeros(0, 2, 30), 3).modes.shape == (0, 3, 2, 30)
    assert mvmd_trailing(torch.zeros(0, 2, 30), 3, 10).shape == (0, 30, 3, 2)


def test_single_precision_is_decomposed_in_double() -> None:
    signals = weekly_counts(2, 2, 60).float()
    assert torch.equal(mvmd(signals, 3).modes, mvmd(signals.double(), 3).modes)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("decompose", [lambda x: mvmd(x, 3), lambda x: mvmd_trailing(x, 3, 28)])
def test_what_is_no_number_is_refused_by_user_and_channel(
    broken: float, decompose: Callable[[Tensor], object]
) -> None:
    signals = weekly_counts(4, 3, 60)
    signals[0] *= 1e300  # finite, though its sum may not be
    signals[2, 1, 7] = broken
    with pytest.raises(ValueError, match="NaN or infinity at user 2, channel 1"):
        decompose(signals)


def test_what_cannot_be_is_refused_with_a_reason() -> None:
    signals = weekly_counts(1, 2, 13)
    with pytest.raises(ValueError, match="7 modes need at least 14 days, got 13"):
        mvmd(signals, 7)
    with pytest.raises(ValueError, match="no negative number"):
        mvmd(signals, 3, alpha=-1.0)
    with pytest.raises(ValueError, match="max_iterations >= 2"):
        mvmd(signals, 3, max_iterations=1)
    with pytest.raises(ValueError, match="random needs a generator"):
        mvmd(signals, 3, init="random")
    with pytest.raises(ValueError, match="shortest must lie from 2 days a mode, 6, to the window, 10; got 5"):
        mvmd_trailing(signals, 3, 10, shortest=5)
    with pytest.raises(ValueError, match="to the window, 5; got 6"):
        mvmd_trailing(signals, 3, 5)


@pytest.mark.parametrize("window", [20, 21])
def test_a_trailing_day_is_the_last_of_its_own_window(window: int) -> None:
    signals = weekly_counts(2, 3, 50)
    found = mvmd_trailing(signals, 3, window, shortest=10, block=7)
    assert found.shape == (2, 50, 3, 3)
    assert found[:, :9].eq(0).all()
    for day in range(9, 50):
        seen = signals[..., max(0, day + 1 - window) : day + 1]
        torch.testing.assert_close(found[:, day], mvmd(seen, 3).modes[..., -1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("day", [4, 12, 19, 20, 33])
def test_what_comes_after_a_day_changes_nothing_on_it(day: int) -> None:
    signals = weekly_counts(3, 2, 40)
    other = signals.clone()
    other[..., day + 1 :] = 100 * weekly_counts(3, 2, 40, seed=9)[..., day + 1 :]
    found, changed = mvmd_trailing(signals, 3, 20), mvmd_trailing(other, 3, 20)
    assert torch.equal(found[:, : day + 1], changed[:, : day + 1])
    assert not torch.equal(found[:, day + 1 :], changed[:, day + 1 :])
    cut = mvmd_trailing(signals[..., : max(day, 5) + 1], 3, 20)
    torch.testing.assert_close(found[:, : cut.shape[1]], cut, rtol=0, atol=1e-12)


def test_modes_of_whole_days_do_look_ahead() -> None:
    signals = weekly_counts(1, 2, 40)
    other = signals.clone()
    other[..., 30:] = 0
    assert not torch.allclose(mvmd(signals, 3).modes[..., 29], mvmd(other, 3).modes[..., 29], atol=1e-3)
