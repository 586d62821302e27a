"""Threshold-free measures of a ranking, weighted: a bootstrap over users is one sort and many sums.

Axes: N units.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float

from itd_lightning.contracts.errors import InputError

REPLICATES = 1000
FEWEST_USERS = 3  # with a malicious unit; fewer say nothing about other users


class Ranking:
    """Units in the order of their scores, ties together.

    torchmetrics squashes scores outside 0 .. 1 by a sigmoid, which makes ties of large ones; the tests check
    this class against it on scores within.

    Args:
        score: Anomaly scores, higher first.
        malicious: Whether a unit counts as malicious.

    Raises:
        InputError: If no unit is malicious, or all are, or a score is no number.

    Example:
        >>> ranking = Ranking(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
        >>> round(ranking.pr_auc(), 4), ranking.roc_auc()
        (0.8333, 0.5)
    """

    def __init__(self, score: Float[np.ndarray, " n"], malicious: Bool[np.ndarray, " n"]) -> None:
        if not np.isfinite(score).all():
            raise InputError(f"{(~np.isfinite(score)).sum()} of {len(score)} scores are no numbers")
        if not malicious.any():
            raise InputError("no unit is malicious, so nothing can be found")
        if malicious.all():
            raise InputError("every unit is malicious, so there is nothing to tell apart")
        self.order = np.argsort(-score, kind="stable")
        ranked = score[self.order]
        self.malicious = malicious[self.order]
        self.ends = np.flatnonzero(np.diff(ranked, append=-np.inf))

    def counts(self, weight: Float[np.ndarray, " n"] | None) -> tuple[Float[np.ndarray, " k"], ...]:
        """True and false alarms if everything down to each of the K distinct scores is an alarm."""
        ranked = np.ones(len(self.order)) if weight is None else weight[self.order]
        true = np.cumsum(ranked * self.malicious)[self.ends]
        false = np.cumsum(ranked * ~self.malicious)[self.ends]
        return true, false

    def pr_auc(self, weight: Float[np.ndarray, " n"] | None = None) -> float:
        """Average precision: precision at each distinct score, weighted by the recall that it adds."""
        true, false = self.counts(weight)
        precision = true / np.maximum(true + false, 1e-12)
        return float(np.sum(np.diff(true, prepend=0) * precision) / true[-1])

    def roc_auc(self, weight: Float[np.ndarray, " n"] | None = None) -> float:
        """Probability that a malicious unit scores higher than another one; a tie counts half."""
        true, false = self.counts(weight)
        area = np.sum(np.diff(false, prepend=0) * (true + np.append(0, true[:-1])) / 2)
        return float(area / (true[-1] * false[-1]))

    def curve(self) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Recall and precision at each distinct score, highest first."""
        true, false = self.counts(None)
        return true / true[-1], true / (true + false)

    def clean_recall(self, weight: Float[np.ndarray, " n"] | None = None) -> float:
        """Recall before the first false alarm; 0 where a harmless unit has the highest score."""
        true, false = self.counts(weight)
        return float(true[false == 0][-1] / true[-1]) if (false == 0).any() else 0.0


def user_weights(
    user: np.ndarray, seed: int, replicates: int = REPLICATES
) -> Iterator[Float[np.ndarray, " n"]]:
    """Draw users with replacement, as many as there are; a unit weighs as often as its user was drawn."""
    _, number = np.unique(user, return_inverse=True)
    users = int(number.max()) + 1
    draw = np.random.default_rng(seed)
    for _ in range(replicates):
        yield np.bincount(draw.integers(users, size=users), minlength=users).astype(float)[number]


def interval(
    measure: Callable[[Float[np.ndarray, " n"]], float],
    user: np.ndarray,
    malicious: Bool[np.ndarray, " n"],
    seed: int,
    replicates: int = REPLICATES,
) -> tuple[float, float] | None:
    """95 % interval of a measure by bootstrap over users; None with fewer than three malicious users."""
    if len(np.unique(user[malicious])) < FEWEST_USERS:
        return None
    drawn = (
        measure(weight)
        for weight in user_weights(user, seed, replicates)
        if weight[malicious].any() and weight[~malicious].any()
    )
    values = np.array([value for value in drawn if np.isfinite(value)])
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
