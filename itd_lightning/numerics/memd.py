"""Multivariate empirical mode decomposition (MEMD), the peer of MVMD in Log2Sig's comparison.

Axes: C channels, T days, K modes with the residue, Q directions, E envelopes, N knots,
S = N - 1 steps between them.

A mode is what oscillates around the local mean of the channels. Many dimensions know no "above" for an
envelope to run through, so the signal v is projected on directions of the (C - 1)-sphere: at the extrema of a
projection the whole vector v is a knot, a cubic spline through the knots is an envelope, and the mean of all
envelopes is the local mean m. Sifting repeats v <- v - m until m is small; what is left is the fastest mode.
Taken off the signal, it leaves the next one to be found, until no projection turns three times.

In NumPy and in order to be read: thousands of users need ``mvmd``.

Source:
    Rehman and Mandic, Proceedings of the Royal Society A 466, 2010, section 3, doi:10.1098/rspa.2009.0502;
    stopping rule: Rilling, Flandrin and Goncalves, IEEE-EURASIP NSIP 2003.
    Departure: Hammersley points go to the sphere by normal quantiles, which spreads them evenly, where the
    authors' code projects a cube, which favours its corners. Splines are natural, not "not-a-knot", and the
    two outer extrema of each kind are mirrored at the first and at the last day.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

SMALL, LARGE, SHARE = 0.075, 0.75, 0.075  # Rilling's theta_1, theta_2 and alpha, as in the authors' code
_TURNS = 3  # fewer extrema make no oscillation
_NOISE = 1e-10  # of the largest value; smaller steps are rounding, and turn nowhere


def memd(
    signal: Float[np.ndarray, "c t"], directions: int = 64, max_sifts: int = 100, max_modes: int = 32
) -> Float[np.ndarray, "k c t"]:
    """Split one user's channels into modes, fastest first; the last one is the residue.

    The modes add up to the signal. A signal that turns less than three times in every direction is its own
    residue.

    Args:
        signal: Channels of one user, in comparable units: standardise first.
        directions: Directions to project on, Q, at least two for each channel; one is enough for one channel.
        max_sifts: Siftings of a mode after which it is taken as it is.
        max_modes: Modes after which the rest is the residue.

    Raises:
        ValueError: If the signal is not finite, or there are too few directions.
    """
    channels = len(signal)
    if not np.isfinite(signal).all():
        raise ValueError(f"channels {np.flatnonzero(~np.isfinite(signal).all(axis=1))} hold NaN or infinity")
    if directions < 2 * channels:
        raise ValueError(f"{channels} channels need at least {2 * channels} directions, got {directions}")
    sphere, noise = sphere_points(directions, channels), _NOISE * float(np.abs(signal).max(initial=0))
    residue, modes = signal.T.astype(np.float64), list[np.ndarray]()
    while len(modes) < max_modes and (mode := _sift(residue, sphere, noise, max_sifts)) is not None:
        modes.append(mode)
        residue = residue - mode
    return np.stack([*modes, residue]).transpose(0, 2, 1)


def _sift(
    residue: Float[np.ndarray, "t c"], sphere: Float[np.ndarray, "q c"], noise: float, max_sifts: int
) -> Float[np.ndarray, "t c"] | None:
    """Return the fastest mode of the remaining signal; None where nothing oscillates.

    Stops when the local mean m is small beside the amplitude a: |m| / a above 0.075 on at most 7.5 % of the
    days, and above 0.75 on none.
    """
    envelope = _local_mean(residue, sphere, noise)
    if envelope is None:
        return None
    mode = residue
    for _ in range(max_sifts):
        mean, amplitude = envelope
        size = np.linalg.norm(mean, axis=1)
        if np.mean(size > SMALL * amplitude) <= SHARE and not (size > LARGE * amplitude).any():
            break
        mode = mode - mean
        envelope = _local_mean(mode, sphere, noise)
        if envelope is None:
            break
    return mode


def _local_mean(
    wave: Float[np.ndarray, "t c"], sphere: Float[np.ndarray, "q c"], noise: float
) -> tuple[Float[np.ndarray, "t c"], Float[np.ndarray, " t"]] | None:
    """Return the mean of the envelopes in all directions and half their mean distance; None if none turns."""
    turns = [extrema(projection, noise) for projection in sphere @ wave.T]
    kinds = [kind for both in turns if sum(map(len, both)) >= _TURNS for kind in both]
    if not kinds:
        return None
    knots, source = _mirror_knots(kinds, len(wave))
    envelopes = natural_spline(knots, wave[source], np.arange(len(wave), dtype=np.float64))
    low, high = envelopes[:, 0::2], envelopes[:, 1::2]
    return (low + high).mean(axis=1) / 2, np.linalg.norm(high - low, axis=2).mean(axis=1) / 2


def extrema(
    wave: Float[np.ndarray, " t"], noise: float = 0.0
) -> tuple[Int[np.ndarray, " low"], Int[np.ndarray, " high"]]:
    """Return the days of the minima and of the maxima; a plateau counts once, at its middle.

    Example:
        >>> low, high = extrema(np.array([0.0, 2, 1, 3, 3, 3, 0]))
        >>> low.tolist(), high.tolist()
        ([2], [1, 4])
    """
    step = np.diff(wave)
    moves = np.flatnonzero(np.abs(step) > noise)
    rises = step[moves] > 0
    turn = np.flatnonzero(rises[:-1] != rises[1:])
    day = (moves[turn] + 1 + moves[turn + 1]) // 2
    return day[~rises[turn]], day[rises[turn]]


def _mirror_knots(
    kinds: Sequence[Int[np.ndarray, " _"]], days: int
) -> tuple[Float[np.ndarray, "n e"], Int[np.ndarray, "n e"]]:
    """Return the knots of each envelope, with two mirrored at each end, and the days whose values they have.

    Envelopes with fewer knots than the longest one repeat their last, which ``natural_spline`` passes over.
    """
    source = [np.concatenate([kind[:2][::-1], kind, kind[:-3:-1]]) for kind in kinds]
    positions = [np.concatenate([-kind[:2][::-1], kind, 2 * (days - 1) - kind[:-3:-1]]) for kind in kinds]
    longest = max(map(len, positions))
    knots, source_days = (
        np.stack([np.pad(row, (0, longest - len(row)), mode="edge") for row in rows], axis=1)
        for rows in (positions, source)
    )
    return knots.astype(np.float64), source_days


def natural_spline(
    knots: Float[np.ndarray, "n e"], values: Float[np.ndarray, "n e c"], at: Float[np.ndarray, " t"]
) -> Float[np.ndarray, "t e c"]:
    """Return cubic splines through the knots, without curvature at their ends, one for each column.

    Args:
        knots: Ascending; a shorter column repeats its last knot.
        values: Values at the knots.
        at: Where the splines are wanted, between the first and the last knot of each column.
    """
    step = np.diff(knots, axis=0)
    slope = np.diff(values, axis=0) / np.where(step > 0, step, 1)[:, :, None]
    curve = _curvatures(step, slope)
    knots_before = np.stack([np.searchsorted(column, at, side="right") for column in knots.T], axis=1)
    left, column = (knots_before - 1).clip(0, (step > 0).sum(axis=0) - 1), np.arange(knots.shape[1])
    width, past = step[left, column][:, :, None], (at[:, None] - knots[left, column])[:, :, None]
    remaining, begin, end = width - past, curve[left, column], curve[left + 1, column]
    bend = (remaining * (remaining**2 - width**2) * begin + past * (past**2 - width**2) * end) / (6 * width)
    spline: Float[np.ndarray, "t e c"] = values[left, column] + slope[left, column] * past + bend
    return spline


def _curvatures(
    step: Float[np.ndarray, "s e"], slope: Float[np.ndarray, "s e c"]
) -> Float[np.ndarray, "s+1 e c"]:
    """Return the second derivatives M at the knots, by one elimination for all columns and channels.

    With steps h and slopes s: h_{i-1} M_{i-1} + 2 (h_{i-1} + h_i) M_i + h_i M_{i+1} = 6 (s_i - s_{i-1})
    inside, M = 0 at both ends; a column's last knot is the one without a step to its right.
    """
    inside = step[1:] > 0
    low, high = np.where(inside, step[:-1], 0), np.where(inside, step[1:], 0)
    middle = np.where(inside, 2 * (step[:-1] + step[1:]), 1)
    curve = np.zeros((len(slope) + 1, *slope.shape[1:]))
    curve[1:-1] = np.where(inside[:, :, None], 6 * np.diff(slope, axis=0), 0)
    for i in range(1, len(middle)):  # row i belongs to curve[i + 1], since the first knot has no row
        factor = low[i] / middle[i - 1]
        middle[i] -= factor * high[i - 1]
        curve[i + 1] -= factor[:, None] * curve[i]
    for i in reversed(range(len(middle))):
        curve[i + 1] = (curve[i + 1] - high[i][:, None] * curve[i + 2]) / middle[i][:, None]
    return curve


def sphere_points(count: int, channels: int) -> Float[np.ndarray, "q c"]:
    """Return evenly spread directions: one for one channel, half a circle for two, else Hammersley points.

    Each direction has an envelope of minima and one of maxima, so the opposite one would say nothing new.
    """
    if channels == 1:
        return np.ones((1, 1))
    number = np.arange(count)
    if channels == 2:
        return np.stack([np.cos(np.pi * number / count), np.sin(np.pi * number / count)], axis=1)
    primes = [p for p in range(2, 20 * channels) if all(p % q for q in range(2, p))][: channels - 1]
    points = np.stack([(number + 0.5) / count, *(_radical_inverse(number + 1, p) for p in primes)], axis=1)
    normal = torch.special.ndtri(torch.from_numpy(points)).numpy()
    directions: Float[np.ndarray, "q c"] = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return directions


def _radical_inverse(number: Int[np.ndarray, " q"], base: int) -> Float[np.ndarray, " q"]:
    """Return the digits of a number in some base, mirrored at the point: van der Corput's sequence.

    Example:
        >>> _radical_inverse(np.array([1, 2, 3, 4]), 2).tolist()
        [0.5, 0.25, 0.75, 0.125]
    """
    inverse = np.zeros(len(number))
    weight = 1 / base
    while number.any():
        inverse += number % base * weight
        number, weight = number // base, weight / base
    return inverse
