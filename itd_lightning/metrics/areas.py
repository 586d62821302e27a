"""Areas under precision over recall and under the ROC curve, of many draws at once.

Axes: R draws, B groups of units, from the highest scores to the lowest.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Areas(NamedTuple):
    """The measures of R draws, each ``(R,)``; NaN where a draw holds no malicious or no harmless unit.

    Attributes:
        pr_auc: Average precision: precision at each distinct score, weighted by the recall that it adds.
        roc_auc: Probability that a malicious unit scores higher than another one; a tie counts half.
        clean_recall: Recall before the first false alarm; 0 where a harmless unit has the highest score.
    """

    pr_auc: Float[np.ndarray, " r"]
    roc_auc: Float[np.ndarray, " r"]
    clean_recall: Float[np.ndarray, " r"]


def areas(blocks: Iterable[tuple[Float[np.ndarray, "r b"], Float[np.ndarray, "r b"]]]) -> Areas:
    """The measures from malicious and harmless units in each group, highest first, block by block."""
    precisions, pairs, clean = np.zeros(1), np.zeros(1), np.zeros(1)
    above_true, above_false = np.zeros((1, 1)), np.zeros((1, 1))
    for true, false in blocks:
        found, alarms = above_true + np.cumsum(true, axis=1), above_false + np.cumsum(false, axis=1)
        precisions = precisions + (true * found / np.maximum(found + alarms, 1e-12)).sum(axis=1)
        pairs = pairs + (false * (found - true / 2)).sum(axis=1)
        clean = np.maximum(clean, np.where(alarms == 0, found, 0).max(axis=1))
        above_true, above_false = found[:, -1:], alarms[:, -1:]
    true, false = above_true[:, 0], above_false[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.where(true * false > 0, true, np.nan)
        return Areas(precisions / known, pairs / (known * false), clean / known)
