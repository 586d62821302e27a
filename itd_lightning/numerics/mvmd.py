"""Multivariate variational mode decomposition (MVMD) of many users at once, by an exact reduction.

Axes: U users, C channels, T days, K modes, F = T frequencies j / 2T of the signal mirrored to 2T days,
W windows, B users side by side.

MVMD splits the channels x_c of a signal into K modes, narrow around centre frequencies w_k that all channels
share. On one-sided spectra X_c, a round of its ADMM is, in the convention of vmdpy (dual variable L_c),

    U_kc = (X_c - sum_{i != k} U_ic - L_c / 2) / (1 + alpha (f - w_k)^2)      for each mode in turn
    w_k  = sum_f f sum_c |U_kc|^2 / sum_f sum_c |U_kc|^2
    L_c  = L_c + tau (sum_k U_kc - X_c)
    until sum_k sum_c sum_f |change of U_kc|^2 / 2T <= tol.

Reduction. Say that U_kc = g_k X_c and L_c = l X_c, with gains g_k(f) and l(f) that are real and the same for
every channel. Each line keeps that form: X_c factors out of the bracket, and what divides it is real and
knows no channel. The form holds at the start, where U = L = 0, so it holds throughout. Channels then enter
the sums only through the magnitude R(f) = sqrt(sum_c |X_c(f)|^2); with G_k = g_k R, D = l R a round reads

    G_k = (R - sum_{i != k} G_i - D / 2) / (1 + alpha (f - w_k)^2)
    w_k = sum_f f G_k^2 / sum_f G_k^2
    D   = D + tau (sum_k G_k - R)
    until sum_k sum_f (change of G_k)^2 / 2T <= tol:

VMD of one real spectrum R, whatever C. It is no approximation, and at the end U_kc = (G_k / R) X_c.

What this says about the method: a mode is the signal behind a zero-phase filter that all channels share.
Modes never lag between channels, and a day's value depends on later days: ``mvmd`` is for days that may be
seen together, ``mvmd_trailing`` for a score that may know its past only.

Source:
    Rehman and Aftab, IEEE Transactions on Signal Processing 67(23), 2019, doi:10.1109/TSP.2019.2951223;
    Dragomiretskiy and Zosso, IEEE Transactions on Signal Processing 62(3), 2014,
    doi:10.1109/TSP.2013.2288675.
    Departure: alpha multiplies (f - w)^2 with f in cycles a day, where the papers have 2 alpha and radians;
    the modes are those of the round before the last; the bin at the Nyquist frequency is the conjugate of
    its neighbour: all three as in vmdpy. Modes are sorted by centre. The reduction is our own.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from itd_lightning.numerics.mvmd_gains import Settings, find_gains

Init = Literal["uniform", "zero", "random"]
_FFT_BLOCK = 8  # users transformed together, for the same reasons


class _Decomposition(NamedTuple):
    """The modes of a batch of users, ordered by centre frequency, lowest first.

    Attributes:
        modes: Modes in the time domain, in the unit of the signal, float64 ``(U, K, C, T)``.
        centres: Centre frequencies, in cycles a day, 0 to 0.5, ascending, ``(U, K)``. A mode without energy
            keeps the centre that it started from.
        iterations: Rounds until each user had converged, int64 ``(U,)``.
        residual: Energy that no mode holds: squares of signal minus modes, summed over days, ``(U, C)``.
    """

    modes: Tensor
    centres: Tensor
    iterations: Tensor
    residual: Tensor


def mvmd(
    signals: Float[Tensor, "u c t"],
    modes: int,
    alpha: float = 500.0,
    tau: float = 0.0,
    tol: float = 1e-3,
    *,
    dc: bool = False,
    init: Init = "uniform",
    max_iterations: int = 500,
    generator: torch.Generator | None = None,
) -> _Decomposition:
    """Decompose each user's channels into modes with common centre frequencies, in float64.

    A user's result does not depend on who else is in the batch. An odd number of days is kept whole: the
    mirror takes (T - 1) / 2 days before and (T + 1) / 2 after, 2T again, where vmdpy drops the last day.

    Cost: linear in users; T log T in days for a round. Memory beside the result: gains ``(U, K, T)``.

    Args:
        signals: One signal a user. ``tol`` is absolute, so standardise the channels first.
        modes: Number of modes, K; each needs two days.
        alpha: Bandwidth penalty; the larger, the narrower a mode.
        tau: Step of the dual variable; 0 leaves noise outside of all modes.
        tol: Energy of the change in one round that counts as converged.
        dc: Whether the first mode stays at frequency 0, as a trend.
        init: Where centres start: evenly from 0 up, all at 0, or drawn log-uniformly, once for all users.
        max_iterations: Iterates at most; the start, all modes zero, is the first of them, as in vmdpy.
        generator: Source of the draw, where ``init`` is ``"random"``.

    Raises:
        ValueError: If signals are too short or not finite, or a setting is out of range.
    """
    settings = Settings(alpha, tau, tol, dc, max_iterations)
    _check(signals, modes, settings)
    signals = signals.to(torch.float64)
    users, channels, days = signals.shape
    start = first_centres(modes, days, init, dc, generator).to(signals.device)
    magnitude = signals.new_empty(users, days)
    for at in _blocks(users, _FFT_BLOCK):
        magnitude[at] = _total_magnitude(_one_sided(signals[at]))
    gains, centres, iterations = find_gains(magnitude, start, settings)
    out = signals.new_empty(users, modes, channels, days)
    residual = signals.new_empty(users, channels)
    for at in _blocks(users, _FFT_BLOCK):
        out[at] = _to_time(gains[at].unsqueeze(2) * _one_sided(signals[at]).unsqueeze(1))
        residual[at] = (signals[at] - out[at].sum(dim=1)).square_().sum(dim=-1)
    return _Decomposition(out, centres, iterations, residual)


def mvmd_trailing(
    signals: Float[Tensor, "u c t"],
    modes: int,
    window: int,
    alpha: float = 500.0,
    tau: float = 0.0,
    tol: float = 1e-3,
    *,
    shortest: int | None = None,
    dc: bool = False,
    init: Init = "uniform",
    max_iterations: int = 500,
    generator: torch.Generator | None = None,
    block: int = 2048,
) -> Float[Tensor, "u t k c"]:
    """Decompose, for each day, the ``window`` days that end on it, and keep the last sample of each mode.

    What comes after a day cannot change its value. Before the first full window, a day has the days since the
    first one if they are at least ``shortest`` (two for each mode, if not given), and zeros until then.
    Nothing is carried from one window to the next: each starts from zero modes. The last day stands at the
    mirror, where modes are least sharp: that is the price of not looking ahead. The other arguments are those
    of ``mvmd``; standardise by the moments of training days, not of all days.

    Cost: U (T - window + 1) full windows, each as dear as a user of ``mvmd`` with that many days, less the
    transform back: the last sample is one dot product. Memory beside signals and result: ``block`` windows.

    Raises:
        ValueError: As in ``mvmd``, or if ``shortest`` is below two days a mode or above ``window``.
    """
    least = 2 * modes if shortest is None else shortest
    if not 2 * modes <= least <= window:
        raise ValueError(
            f"shortest must lie from 2 days a mode, {2 * modes}, to the window, {window}; got {least}"
        )
    settings = Settings(alpha, tau, tol, dc, max_iterations)
    _check(signals, modes, settings)
    signals = signals.to(torch.float64)
    users, channels, days = signals.shape
    out = signals.new_zeros(users, days, modes, channels)
    for length in range(least, min(window, days) + 1):
        start = first_centres(modes, length, init, dc, generator).to(signals.device)
        visible = signals if length == window else signals[..., :length]  # a shorter window does not move
        windows = visible.unfold(-1, length, 1).transpose(1, 2)  # (U, W, C, length), a view
        every = torch.arange(users * windows.shape[1], device=signals.device)
        for at in _blocks(len(every), block):
            user, first = every[at] // windows.shape[1], every[at] % windows.shape[1]
            out[user, first + length - 1] = _last_samples(windows[user, first], start, settings)
    return out


def _last_samples(
    windows: Float[Tensor, "w c t"], start: Float[Tensor, " k"], settings: Settings
) -> Float[Tensor, "w k c"]:
    """Return the last day of each mode: the inverse transform at one point, from gains and spectrum."""
    days = windows.shape[-1]
    spectra = _one_sided(windows)
    gains, _, _ = find_gains(_total_magnitude(spectra), start, settings)
    last = days // 2 + days - 1  # in the mirrored signal
    frequency = torch.arange(days + 1, dtype=windows.dtype, device=windows.device) / (2 * days)
    phase = torch.exp(2j * torch.pi * frequency * last) / days  # 2 / 2T: a bin stands for both signs
    phase[0] /= 2
    phase[-2] += phase[-1].real / 2  # the Nyquist bin repeats its neighbour
    return torch.einsum("wkf,wcf->wkc", gains, (spectra * phase[:-1]).real)


def mvmd_plain(
    signal: Float[Tensor, "c t"],
    start: Float[Tensor, " k"],
    rounds: int,
    alpha: float = 500.0,
    tau: float = 0.0,
    *,
    dc: bool = False,
) -> tuple[Float[Tensor, "k c t"], Float[Tensor, " k"]]:
    """Return modes and centres of one user after some rounds on complex spectra, without the reduction.

    ``mvmd`` gives the same from ``rounds = iterations - 1``, sorted by centre.
    """
    spectra, centres = _one_sided(signal), start.clone()
    frequency = torch.arange(signal.shape[1], dtype=torch.float64) / (2 * signal.shape[1])
    parts, dual = spectra.new_zeros(len(start), *spectra.shape), torch.zeros_like(spectra)
    for _ in range(rounds):
        for k in range(len(start)):
            others = parts.sum(dim=0) - parts[k]
            parts[k] = (spectra - others - dual / 2) / (1 + alpha * (frequency - centres[k]) ** 2)
            energy = parts[k].abs().square().sum(dim=0)
            if not (dc and k == 0):
                centres[k] = energy @ frequency / energy.sum()
        dual = dual + tau * (parts.sum(dim=0) - spectra)
    return _to_time(parts), centres


def _check(signals: Float[Tensor, "u c t"], modes: int, settings: Settings) -> None:
    """Refuse input that has no decomposition."""
    if modes < 1 or settings.max_iterations < 2 or min(settings[:3]) < 0:
        raise ValueError(
            f"modes >= 1, max_iterations >= 2 and no negative number are needed: {modes}, {settings}"
        )
    if signals.shape[-1] < 2 * modes:
        raise ValueError(f"{modes} modes need at least {2 * modes} days, got {signals.shape[-1]}")
    # No sum with NaN or infinity is finite, though a finite one may overflow: only suspects are searched.
    for user, channel in (~signals.sum(dim=-1).isfinite()).nonzero().tolist():
        if not signals[user, channel].isfinite().all():
            raise ValueError(f"signals hold NaN or infinity at user {user}, channel {channel}")


def first_centres(
    modes: int, days: int, init: Init, dc: bool, generator: torch.Generator | None
) -> Float[Tensor, " k"]:
    """Return the centres before the first round, the same for every user."""
    if init == "uniform":
        return torch.arange(modes, dtype=torch.float64) * (0.5 / modes)
    if init == "zero":
        return torch.zeros(modes, dtype=torch.float64)
    if generator is None:
        raise ValueError("init random needs a generator")
    draw = torch.rand(modes, dtype=torch.float64, generator=generator)
    centres = (0.5 * (2 / days) ** (1 - draw)).sort().values  # from 1 / T to 0.5
    centres[0] *= not dc
    return centres


def _blocks(count: int, size: int) -> Iterator[slice]:
    """Cut a number of rows into slices; no slice for no rows, since an FFT of no rows is an error."""
    return (slice(first, first + size) for first in range(0, count, size))


def _one_sided(signals: Float[Tensor, "*any t"]) -> Complex[Tensor, "*any t"]:
    """Return the spectrum of the signal with its halves mirrored at the ends, against jumps; no Nyquist."""
    half = signals.shape[-1] // 2
    mirrored = torch.cat([signals[..., :half].flip(-1), signals, signals[..., half:].flip(-1)], dim=-1)
    spectra: Tensor = torch.fft.rfft(mirrored)
    return spectra[..., :-1]


def _total_magnitude(spectra: Complex[Tensor, "u c t"]) -> Float[Tensor, "u t"]:
    """Return the magnitude R over all channels."""
    return spectra.abs().square_().sum(dim=1).sqrt_()


def _to_time(spectra: Complex[Tensor, "*any t"]) -> Float[Tensor, "*any t"]:
    """Return the signals of spectra, without the mirrored ends: the inverse of ``_one_sided``."""
    days = spectra.shape[-1]
    whole: Tensor = torch.fft.irfft(torch.cat([spectra, spectra[..., -1:].conj()], dim=-1), n=2 * days)
    return whole[..., days // 2 : days // 2 + days]
