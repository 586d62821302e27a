"""Bootstrap over users: intervals of a number if other users had been observed.

Axes: R draws, U users.
"""

import numpy as np
from jaxtyping import Bool, Float

from itd_lightning.contracts.results import Span

REPLICATES = 1000
FEWEST_USERS = 3  # with a malicious unit; fewer say nothing about other users


def user_weights(
    present: Bool[np.ndarray, " u"], seed: int, replicates: int = REPLICATES
) -> Float[np.ndarray, "r u"]:
    """Draw users with replacement, as many as are present; a user weighs as often as it was drawn.

    Args:
        present: Users who can be drawn; the others weigh nothing.
        seed: Equal seeds give equal draws.
        replicates: Number R of draws.
    """
    users = np.flatnonzero(present)
    weights = np.zeros((replicates, len(present)))
    draw = np.random.default_rng(seed)
    for row in weights:
        row[users] = np.bincount(draw.integers(len(users), size=len(users)), minlength=len(users))
    return weights


def interval(values: Float[np.ndarray, " r"]) -> Span:
    """Return the 95 % interval of a number over draws; draws where it is not defined do not count.

    Example:
        >>> interval(np.array([1.0, 3.0, float("nan")]))
        (1.05, 2.95)
    """
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
