"""Split-conformal p-values, false discoveries, and drift between validation and test scores.

The p-value of a day is how often a harmless validation day scores as high: uniform or larger for harmless
test days, as long as the two could change places. ``drift`` asks whether they could.

Axes: N days, V validation days, U users.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

_PERMUTATIONS = 400


def p_values(scores: Float[np.ndarray, " n"], harmless: Float[np.ndarray, " v"]) -> Float[np.ndarray, " n"]:
    """Return the share of harmless validation days, and of the day itself, that score as high or higher.

    Source:
        Bates, Candes, Lei, Romano and Sesia, Testing for outliers with conformal p-values, 2023, equation 2.

    Example:
        >>> p_values(np.array([9.0, 4.0, 0.0]), np.arange(9.0))
        array([0.1, 0.6, 1. ])
    """
    ordered = np.sort(harmless)
    higher = len(ordered) - np.searchsorted(ordered, scores)
    values: Float[np.ndarray, " n"] = (higher + 1) / (len(ordered) + 1)
    return values


def discoveries(p: Float[np.ndarray, " n"], fdr: float) -> Bool[np.ndarray, " n"]:
    """Return which days Benjamini and Hochberg report, with at most a share ``fdr`` of false ones expected.

    Example:
        >>> discoveries(np.array([0.01, 0.30, 0.04, 0.02]), fdr=0.06)
        array([ True, False,  True,  True])
    """
    ordered = np.sort(p)
    within = np.flatnonzero(ordered <= fdr * np.arange(1, len(p) + 1) / len(p) + 1e-12)
    return p <= ordered[within[-1]] if len(within) else np.zeros(len(p), dtype=bool)


class Drift(NamedTuple):
    """Distance of validation and test scores.

    Attributes:
        distance: Largest difference of their cumulative distributions (Kolmogorov and Smirnov), 0 to 1.
        chance: How often users whose parts are swapped at random lie as far apart.
    """

    distance: float
    chance: float


def drift(
    scores: Float[np.ndarray, " n"],
    is_test: Bool[np.ndarray, " n"],
    user: Int[np.ndarray, " n"],
    seed: int,
    permutations: int = _PERMUTATIONS,
) -> Drift:
    """Compare validation and test scores.

    The days of one user resemble one another, so days do not change places: the validation and test days of
    a user do, as a whole, or users who have days of one part only.

    Args:
        scores: Of validation and test days.
        is_test: Which of them are test days; some are, and some are not.
        user: Whose each day is, 0 .. U - 1.
        seed: Decides the swaps.
        permutations: How many.
    """
    order = np.argsort(scores)
    ends = np.append(np.diff(scores[order]) > 0, True)
    is_test, user = is_test[order], user[order]
    days = [np.bincount(user[part], minlength=int(user.max()) + 1) > 0 for part in (is_test, ~is_test)]
    both, draw = days[0] & days[1], np.random.default_rng(seed)
    alone = np.flatnonzero(days[0] ^ days[1])
    observed, distances = distance(is_test, ends), []
    for _ in range(permutations):
        swap = both & (draw.random(len(both)) < 0.5)
        in_test = days[0].copy()
        in_test[alone] = draw.permutation(in_test[alone])
        permutation = np.where(both[user], is_test ^ swap[user], in_test[user])
        distances.append(distance(permutation, ends))
    exceeds = np.array(distances) >= observed - 1e-12
    return Drift(observed, float((1 + exceeds.sum()) / (1 + permutations)))


def distance(is_test: Bool[np.ndarray, " n"], ends: Bool[np.ndarray, " n"]) -> float:
    """Return the largest difference of the cumulative distributions of two parts.

    Args:
        is_test: Part of each day, from the lowest score to the highest.
        ends: Whether the next score is higher.

    Example:
        >>> distance(np.array([False, False, True, True]), np.ones(4, dtype=bool))
        1.0
    """
    count = is_test.sum()
    if not count or count == len(is_test):
        return 0.0
    gap = np.cumsum(is_test) / count - np.cumsum(~is_test) / (len(is_test) - count)
    return float(np.abs(gap[ends]).max())
