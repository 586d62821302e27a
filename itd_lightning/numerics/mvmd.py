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
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

Init = Literal["uniform", "zero", "random"]
CELLS = 64_000  # users side by side times T, so 128 of 500 days; fewer pay for calls, more outgrow the cache
FFT_BLOCK = 8  # users transformed together, for the same reasons


class Decomposition(NamedTuple):
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


class Settings(NamedTuple):
    """What the rounds need to know; see ``mvmd``."""

    alpha: float
    tau: float
    tol: float
    dc: bool
    max_iterations: int


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
) -> Decomposition:
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
    check(signals, modes, settings)
    signals = signals.to(torch.float64)
    users, channels, days = signals.shape
    start = first_centres(modes, days, init, dc, generator).to(signals.device)
    magnitude = signals.new_empty(users, days)
    for at in blocks(users, FFT_BLOCK):
        magnitude[at] = summed(one_sided(signals[at]))
    gains, centres, iterations = find_gains(magnitude, start, settings)
    out = signals.new_empty(users, modes, channels, days)
    residual = signals.new_empty(users, channels)
    for at in blocks(users, FFT_BLOCK):
        out[at] = in_time(gains[at].unsqueeze(2) * one_sided(signals[at]).unsqueeze(1))
        residual[at] = (signals[at] - out[at].sum(dim=1)).square_().sum(dim=-1)
    return Decomposition(out, centres, iterations, residual)


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
    check(signals, modes, settings)
    signals = signals.to(torch.float64)
    users, channels, days = signals.shape
    out = signals.new_zeros(users, days, modes, channels)
    for length in range(least, min(window, days) + 1):
        start = first_centres(modes, length, init, dc, generator).to(signals.device)
        seen = signals if length == window else signals[..., :length]  # a shorter window does not move
        windows = seen.unfold(-1, length, 1).transpose(1, 2)  # (U, W, C, length), a view
        every = torch.arange(users * windows.shape[1], device=signals.device)
        for at in blocks(len(every), block):
            user, first = every[at] // windows.shape[1], every[at] % windows.shape[1]
            out[user, first + length - 1] = last_samples(windows[user, first], start, settings)
    return out


def last_samples(
    windows: Float[Tensor, "w c t"], start: Float[Tensor, " k"], settings: Settings
) -> Float[Tensor, "w k c"]:
    """Last day of each mode: the inverse transform at one point, a dot product of gains and spectrum."""
    days = windows.shape[-1]
    spectra = one_sided(windows)
    gains, _, _ = find_gains(summed(spectra), start, settings)
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
    """Modes and centres of one user after so many rounds on complex spectra: the equations, word for word.

    ``mvmd`` gives the same from ``rounds = iterations - 1``, sorted by centre.
    """
    spectra, centres = one_sided(signal), start.clone()
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
    return in_time(parts), centres


def check(signals: Float[Tensor, "u c t"], modes: int, settings: Settings) -> None:
    """Refuse what has no decomposition, in one line."""
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
    """Centres before the first round, the same for every user."""
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


def blocks(count: int, size: int) -> Iterator[slice]:
    """Cut so many rows into slices; none where there are none, since an FFT of no rows is an error."""
    return (slice(first, first + size) for first in range(0, count, size))


def one_sided(signals: Float[Tensor, "*any t"]) -> Complex[Tensor, "*any t"]:
    """Spectrum of the signal with its halves mirrored at the ends, so that they do not jump; no Nyquist."""
    half = signals.shape[-1] // 2
    mirrored = torch.cat([signals[..., :half].flip(-1), signals, signals[..., half:].flip(-1)], dim=-1)
    spectra: Tensor = torch.fft.rfft(mirrored)
    return spectra[..., :-1]


def summed(spectra: Complex[Tensor, "u c t"]) -> Float[Tensor, "u t"]:
    """Magnitude R over all channels."""
    return spectra.abs().square_().sum(dim=1).sqrt_()


def in_time(spectra: Complex[Tensor, "*any t"]) -> Float[Tensor, "*any t"]:
    """Inverse of ``one_sided``: back into time, without the mirrored ends."""
    days = spectra.shape[-1]
    whole: Tensor = torch.fft.irfft(torch.cat([spectra, spectra[..., -1:].conj()], dim=-1), n=2 * days)
    return whole[..., days // 2 : days // 2 + days]


class Slots:
    """ADMM of a block of users side by side, each at a round of its own.

    Whoever has converged makes room for the next user, so that a slow one does not keep a block waiting. Sums
    run within a user's row only, so company changes no bit.

    Args:
        magnitude: R of the first users, one a slot.
        start: Centres before the first round.
        settings: See ``mvmd``.
    """

    def __init__(
        self, magnitude: Float[Tensor, "b f"], start: Float[Tensor, " k"], settings: Settings
    ) -> None:
        self.settings, self.start = settings, start[:, None]
        self.scale = settings.alpha**0.5  # sqrt(alpha) (f - w) squares to alpha (f - w)^2 in one pass less
        slots, bins = magnitude.shape
        self.frequency = torch.arange(bins, dtype=start.dtype, device=start.device) / (2 * bins)
        self.user = torch.arange(slots, device=start.device)
        self.busy = torch.ones_like(self.user, dtype=torch.bool)
        self.count = torch.zeros_like(self.user)
        self.rest = magnitude.clone()  # R - sum of G
        self.dual = torch.zeros_like(magnitude)  # D / 2
        self.parts, self.before = (magnitude.new_zeros(len(start), slots, bins) for _ in range(2))  # G
        self.centres = self.start.repeat(1, slots)
        self.centres_before = self.centres.clone()
        self.scratch, self.width = torch.empty_like(self.rest), torch.empty_like(self.rest)

    def advance(self) -> Bool[Tensor, " b"]:
        """Run one round; return which users have converged in it."""
        self.parts, self.before = self.before, self.parts
        self.centres_before.copy_(self.centres)
        change = self.rest.new_zeros(len(self.user))
        one = self.rest.new_ones(1)
        for k, (part, before) in enumerate(zip(self.parts, self.before, strict=True)):
            torch.sub(self.frequency, self.centres[k, :, None], out=self.width).mul_(self.scale)
            torch.addcmul(one, self.width, self.width, out=self.width)
            self.rest.add_(before)
            wanted = torch.sub(self.rest, self.dual, out=self.scratch) if self.settings.tau else self.rest
            torch.div(wanted, self.width, out=part)
            self.rest.sub_(part)
            change += torch.sub(part, before, out=self.scratch).square_().sum(dim=1)
            if not (self.settings.dc and k == 0):
                energy = torch.square(part, out=self.scratch)
                total = energy.sum(dim=1)
                centre = energy.mul_(self.frequency).sum(dim=1) / total
                self.centres[k] = torch.where(total > 0, centre, self.centres[k])
        self.dual.sub_(self.rest, alpha=self.settings.tau / 2)
        self.count += 1
        converged = change / (2 * self.rest.shape[1]) <= self.settings.tol
        return (converged | (self.count >= self.settings.max_iterations - 1)) & self.busy

    def seat(
        self, slots: Int[Tensor, " n"], users: Int[Tensor, " n"], magnitude: Float[Tensor, "n f"]
    ) -> None:
        """Give slots to new users: no modes yet, all of R left."""
        self.user[slots], self.busy[slots], self.count[slots] = users, True, 0
        self.rest[slots], self.dual[slots], self.centres[:, slots] = magnitude, 0, self.start
        self.parts[:, slots] = 0

    def shrink(self) -> None:
        """Drop idle slots."""
        self.user, self.count, self.rest, self.dual = (
            part[self.busy] for part in (self.user, self.count, self.rest, self.dual)
        )
        self.parts, self.before, self.centres, self.centres_before = (
            part[:, self.busy] for part in (self.parts, self.before, self.centres, self.centres_before)
        )
        self.scratch, self.width = torch.empty_like(self.rest), torch.empty_like(self.rest)
        self.busy = self.busy[self.busy]


def find_gains(
    magnitude: Float[Tensor, "u f"], start: Float[Tensor, " k"], settings: Settings
) -> tuple[Float[Tensor, "u k f"], Float[Tensor, "u k"], Int[Tensor, " u"]]:
    """Gains g = G / R, centres and rounds of each user, modes sorted by centre.

    Users are seated in their order; whoever converges leaves with the result of the round before.
    """
    users, bins = magnitude.shape
    gains, centres = magnitude.new_zeros(users, len(start), bins), magnitude.new_zeros(users, len(start))
    iterations = torch.zeros(users, dtype=torch.int64, device=magnitude.device)
    seated = min(users, max(1, CELLS // bins))
    slots = Slots(magnitude[:seated], start, settings)
    while busy := int(slots.busy.sum()):
        if busy <= len(slots.user) // 2:
            slots.shrink()
        left = slots.advance().nonzero().squeeze(1)
        if len(left):
            user = slots.user[left]
            order = slots.centres_before[:, left].T.sort(dim=1, stable=True)
            found = slots.before[:, left].transpose(0, 1)
            gains[user] = found.gather(1, order.indices[:, :, None].expand_as(found))
            centres[user], iterations[user] = order.values, slots.count[left]
            slots.busy[left] = False
            fresh = torch.arange(seated, min(seated + len(left), users), device=user.device)
            slots.seat(left[: len(fresh)], fresh, magnitude[fresh])
            seated += len(fresh)
    # Where R is 0, so is every channel, and any gain will do.
    gains.div_(magnitude.unsqueeze(1)).nan_to_num_(0, 0, 0)
    return gains, centres, iterations
