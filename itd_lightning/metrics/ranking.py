"""Threshold-free measures of a ranking, exact for any number of units, and their intervals over users.

What the measures ask of a harmless unit is between which scores of malicious units it lies. So the scores of
the malicious units, which are few, are kept, and the harmless ones are only counted: for each user, in each
gap between two neighbouring malicious scores and at each of these scores. That holds for draws of users
as well, where every unit of a user counts as often as the user was drawn: a bootstrap is one product of
matrices, users' weights times users' counts.

Axes: N units, M malicious units, G groups of units from the highest scores to the lowest, B of them at once,
U users, R draws.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import Span
from itd_lightning.metrics.bootstrap import FEWEST_USERS, REPLICATES, interval, user_weights

CELLS = 2_000_000  # of a block of counts, 16 MB


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


class Ranking:
    """Units in groups of falling scores: one for each score of a malicious unit, one for each gap between.

    torchmetrics squashes scores outside 0 .. 1 by a sigmoid, which makes ties of large ones; the tests check
    this class against it on scores within.

    A harmless unit takes 5 to 12 bytes, and all harmless units of a user in one gap together no more, if
    they come in one call of ``add``.

    Args:
        hits: Scores of the malicious units, higher first.
        owner: Whose they are, 0 .. users - 1.
        users: Number of users U.

    Raises:
        InputError: If a score is no number; from the measures, if no unit is malicious, or all are.

    Example:
        >>> ranking = rank(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
        >>> round(ranking.pr_auc(), 4), ranking.roc_auc()
        (0.8333, 0.5)
    """

    def __init__(self, hits: Float[np.ndarray, " m"], owner: Int[np.ndarray, " m"], users: int) -> None:
        _check_finite(hits)
        self.hits, self.owner, self.users = hits, owner, users
        self.cuts, place = np.unique(hits, return_inverse=True)
        self.groups = 2 * len(self.cuts) + 1
        self.group = self.groups - 2 - 2 * place  # of each hit: 1 for the highest score, 3 for the next
        self.false = np.zeros(self.groups, np.int64)
        self.harmless = np.zeros(users, np.int64)
        self.keys: list[UInt[np.ndarray, " k"]] = []  # rising, group * users + user
        self.numbers: list[UInt[np.ndarray, " k"]] = []  # of harmless units

    def add(self, harmless: Float[np.ndarray, " n"], owner: Int[np.ndarray, " n"]) -> None:
        """Count harmless units by their scores and users. They may come in any chunks.

        Raises:
            InputError: If a score is no number.
        """
        _check_finite(harmless)
        above = np.searchsorted(self.cuts, harmless)
        tied = np.append(self.cuts, np.inf)[above] == harmless
        group = self.groups - 1 - 2 * above - tied
        keys = (group * self.users + owner).astype(np.min_scalar_type(self.groups * self.users))
        unique, numbers = np.unique(keys, return_counts=True)
        self.keys.append(unique)
        self.numbers.append(numbers.astype(np.min_scalar_type(int(numbers.max(initial=0)))))
        self.false += np.bincount(group, minlength=self.groups)
        self.harmless += np.bincount(owner, minlength=self.users)

    def only(self, selection: Bool[np.ndarray, " m"]) -> "Ranking":
        """Return the ranking of some malicious units against all harmless ones, which both then share."""
        fewer = copy(self)
        fewer.hits, fewer.owner, fewer.group = (
            self.hits[selection],
            self.owner[selection],
            self.group[selection],
        )
        return fewer

    @property
    def units(self) -> int:
        """Return the number N of units."""
        return len(self.hits) + int(self.harmless.sum())

    @property
    def base_rate(self) -> float | None:
        """Return the share of malicious units; None without any unit."""
        return len(self.hits) / self.units if self.units else None

    @property
    def insiders(self) -> int:
        """Return the number of users with a malicious unit."""
        return len(np.unique(self.owner))

    def at_or_above(self) -> tuple[Int[np.ndarray, " g"], Int[np.ndarray, " g"]]:
        """Count malicious and harmless units down to each group."""
        return np.cumsum(np.bincount(self.group, minlength=self.groups)), np.cumsum(self.false)

    def ranks(self) -> Int[np.ndarray, " m"]:
        """Return the place of each malicious unit: how many units score as high or higher."""
        true, false = self.at_or_above()
        ranks: Int[np.ndarray, " m"] = (true + false)[self.group]
        return ranks

    def curve(self) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
        """Return recall and precision at each score of a malicious unit, highest first, and of all units."""
        self.check()
        true, false = (np.append(down[1::2], down[-1]) for down in self.at_or_above())
        return true / len(self.hits), true / np.maximum(true + false, 1)

    def areas(self, weights: Float[np.ndarray, "r u"] | None = None) -> Areas:
        """Compute the three measures, of each draw.

        Args:
            weights: How often each user counts in each of R draws; without it, once, in the only draw.

        Raises:
            InputError: If no unit is malicious, or all are.
        """
        self.check()
        if weights is not None:
            return _compute_areas(self.blocks(weights))
        true = np.bincount(self.group, minlength=self.groups)
        return _compute_areas([(true[None].astype(float), self.false[None].astype(float))])

    def pr_auc(self) -> float:
        """Return the average precision."""
        return float(self.areas().pr_auc[0])

    def roc_auc(self) -> float:
        """Return the area under the ROC curve."""
        return float(self.areas().roc_auc[0])

    def clean_recall(self) -> float:
        """Return the recall before the first false alarm."""
        return float(self.areas().clean_recall[0])

    def draws(self, seed: int, replicates: int = REPLICATES) -> Float[np.ndarray, "r u"] | None:
        """Return weights of users in a bootstrap; None with fewer than three malicious users.

        Draws without a malicious or without a harmless unit are left out.
        """
        if self.insiders < FEWEST_USERS:
            return None
        unit_counts = np.bincount(self.owner, minlength=self.users)
        weights = user_weights((unit_counts + self.harmless) > 0, seed, replicates)
        return weights[(weights @ (unit_counts > 0) > 0) & (weights @ (self.harmless > 0) > 0)]

    def intervals(self, seed: int, replicates: int = REPLICATES) -> dict[str, Span]:
        """Return 95 % intervals of the measures by bootstrap over users, by name; None with too few users."""
        weights = self.draws(seed, replicates)
        if weights is None:
            return dict.fromkeys(Areas._fields)
        return {name: interval(values) for name, values in self.areas(weights)._asdict().items()}

    def check(self) -> None:
        """Refuse a ranking whose measures are not defined."""
        if not len(self.hits):
            raise InputError("no unit is malicious, so nothing can be found")
        if not self.harmless.any():
            raise InputError("every unit is malicious, so there is nothing to tell apart")

    def blocks(
        self, weights: Float[np.ndarray, "r u"]
    ) -> Iterator[tuple[Float[np.ndarray, "r b"], Float[np.ndarray, "r b"]]]:
        """Yield weighted malicious and harmless units in each group, highest first, some groups at a time."""
        insiders, place = np.unique(self.owner, return_inverse=True)
        width = min(max(CELLS // max(weights.shape), 1), self.groups)
        starts = np.arange(0, self.groups, width)
        ends = [np.searchsorted(keys, np.append(starts, self.groups) * self.users) for keys in self.keys]
        for block, start in enumerate(starts):
            here = (self.group >= start) & (self.group < start + width)
            true = _grid(self.group[here] - start, place[here], width, len(insiders))
            parts = [slice(*end[block : block + 2]) for end in ends]
            keys = np.concatenate([keys[part] for keys, part in zip(self.keys, parts, strict=True)])
            numbers = np.concatenate([counts[part] for counts, part in zip(self.numbers, parts, strict=True)])
            row, user = np.divmod(keys.astype(np.int64) - start * self.users, self.users)
            yield (
                weights[:, insiders] @ true.T,
                _product(weights, _grid(row, user, width, self.users, numbers)),
            )


def _compute_areas(blocks: Iterable[tuple[Float[np.ndarray, "r b"], Float[np.ndarray, "r b"]]]) -> Areas:
    """Compute the measures from malicious and harmless units in each group, highest first, block by block."""
    precisions, pairs, clean = np.zeros(1), np.zeros(1), np.zeros(1)
    above_true, above_false = np.zeros((1, 1)), np.zeros((1, 1))
    for true, false in blocks:
        hits, alarms = above_true + np.cumsum(true, axis=1), above_false + np.cumsum(false, axis=1)
        precisions = precisions + (true * hits / np.maximum(hits + alarms, 1e-12)).sum(axis=1)
        pairs = pairs + (false * (hits - true / 2)).sum(axis=1)
        clean = np.maximum(clean, np.where(alarms == 0, hits, 0).max(axis=1))
        above_true, above_false = hits[:, -1:], alarms[:, -1:]
    true, false = above_true[:, 0], above_false[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.where(true * false > 0, true, np.nan)
        return Areas(precisions / total, pairs / (total * false), clean / total)


def average_precision(score: Float[np.ndarray, " n"], malicious: Bool[np.ndarray, " n"]) -> float:
    """Compute the average precision of units that are all at hand, without intervals."""
    order = np.sort(score)
    places = len(order) - np.searchsorted(order, score)
    return precision_at_places(places[np.flatnonzero(malicious)])


def precision_at_places(places: Int[np.ndarray, " m"]) -> float:
    """Compute the average precision of units, given how many units score at least as high as each.

    Example:
        >>> round(precision_at_places(np.array([1, 3])), 4)
        0.8333
    """
    ordered = np.sort(places)
    return float((np.searchsorted(ordered, ordered, side="right") / ordered).mean())


def rank(
    score: Float[np.ndarray, " n"], malicious: Bool[np.ndarray, " n"], user: np.ndarray | None = None
) -> Ranking:
    """Rank units that are all at hand.

    Args:
        score: Anomaly scores, higher first.
        malicious: Whether a unit counts as malicious.
        user: Whose each unit is, any labels; intervals need them.

    Raises:
        InputError: If a score is no number.
    """
    _check_finite(score)
    labels = np.zeros(len(score), np.int64) if user is None else user
    names, owner = np.unique(labels, return_inverse=True)
    ranking = Ranking(score[malicious], owner[malicious], len(names))
    if not malicious.all():
        ranking.add(score[~malicious], owner[~malicious])
    return ranking


def _grid(
    row: Int[np.ndarray, " k"],
    column: Int[np.ndarray, " k"],
    rows: int,
    columns: int,
    numbers: UInt[np.ndarray, " k"] | None = None,
) -> Float[np.ndarray, "b u"]:
    """Count, or add up numbers, by row and column."""
    cells = np.bincount(row * columns + column, numbers, minlength=rows * columns)
    return cells.reshape(rows, columns).astype(float, copy=False)


def _product(weights: Float[np.ndarray, "r u"], counts: Float[np.ndarray, "b u"]) -> Float[np.ndarray, "r b"]:
    """Return ``weights @ counts.T``, leaving out groups without any unit, which are many."""
    occupied = counts.any(axis=1)
    result = np.zeros((len(weights), len(counts)))
    result[:, occupied] = weights @ counts[occupied].T
    return result


def _check_finite(score: Float[np.ndarray, " n"]) -> None:
    """Refuse scores that are infinite or NaN."""
    if not np.isfinite(score).all():
        raise InputError(f"{(~np.isfinite(score)).sum()} of {len(score)} scores are no numbers")
