"""Batches of sequences of about equal length, so that little of them is padding.

Axes: N sequences of the view, M of a part, K batches.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int
from torch.utils.data import Sampler

NARROW, FEWEST = 0.85, 64  # a larger batch holds no sequence shorter than this share of its longest
# Lengths are compared after a random change by up to this share, or else equals would always meet. Extra
# sequences are few and come up many times, which a larger change spreads over many batches.
SPREAD, EXTRA_SPREAD = 0.1, 0.15


def cuts(length: Int[np.ndarray, " m"], size: int, budget: int) -> list[int]:
    """Cut sequences, sorted by falling length, into batches.

    Args:
        length: Behaviours in each, falling.
        size: Most sequences in a batch.
        budget: Most behaviours in a batch, padding counted; a single sequence may exceed it.

    Returns:
        Ends of the batches.

    Example:
        >>> cuts(np.array([9, 5, 4, 2, 1]), size=2, budget=10)
        [1, 3, 5]
    """
    ends, begin = [], 0
    while begin < len(length):
        most = min(size, max(budget // int(length[begin]), 1))
        similar = int(np.searchsorted(-length[begin:], -NARROW * length[begin], side="right"))
        begin += min(most, max(similar, FEWEST))
        ends.append(min(begin, len(length)))
    return ends


class InOrder(Sampler[list[int]]):
    """Batches for scoring: each sequence once, the longest first.

    Args:
        length: Behaviours in each sequence of the view, ``(N,)``.
        part: Numbers of the sequences, ``(M,)``.
        budget: Most behaviours in a batch, padding counted.
    """

    def __init__(self, length: Int[np.ndarray, " n"], part: Int[np.ndarray, " m"], budget: int) -> None:
        order = part[np.argsort(-length[part], kind="stable")]
        self.groups = np.split(order, cuts(length[order], len(order) or 1, budget)[:-1])

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[list[int]]:
        return (group.tolist() for group in self.groups)


class EqualLengths(Sampler[list[int]]):
    """Batches for training; their composition depends on the seed and the epoch alone.

    Each batch holds plain sequences of about equal length and, beside them, extra ones that are about as
    long, compared with the others of their kind. Every plain sequence comes up once an epoch. ``extra_size``
    extra ones are drawn for each batch, all of them equally often; drawn twice for one, it is there once.

    Args:
        length: Behaviours in each sequence of the view, ``(N,)``.
        plain: Numbers of the plain sequences.
        size: Most plain sequences in a batch.
        extra: Numbers of the extra sequences; none without ``extra_size``.
        extra_size: Extra sequences drawn for each batch; fewer where they are longer than the budget.
        budget: Most behaviours of each sort in a batch, padding counted, about.
        seed: Of the order.
    """

    def __init__(
        self,
        length: Int[np.ndarray, " n"],
        plain: Int[np.ndarray, " m"],
        size: int,
        extra: Int[np.ndarray, " e"],
        extra_size: int,
        budget: int,
        seed: int,
    ) -> None:
        self.length, self.plain, self.extra, self.extra_size = length, plain, extra, extra_size
        self.budget, self.seed, self.epoch = budget, seed, 0
        # The ends stay the same when lengths change a little, and so does the number of batches.
        self.ends = cuts(-np.sort(-length[plain]), size, budget)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; the Trainer calls it before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[list[int]]:
        # A generator, that begins when it is asked: a resumed Trainer makes it before it says the epoch.
        draw = np.random.default_rng([self.seed, self.epoch])
        groups = np.split(self.by_length(self.plain, draw, SPREAD), self.ends[:-1])
        if self.extra_size:
            extra = self.by_length(self.repeat_extra(len(groups) * self.extra_size, draw), draw, EXTRA_SPREAD)
            longest = [int(self.length[group[0]]) for group in extra.reshape(len(groups), -1)]
            additions = [
                np.unique(group[: max(self.budget // most, 1)])
                for group, most in zip(extra.reshape(len(groups), -1), longest, strict=True)
            ]
            groups = [np.concatenate(pair) for pair in zip(groups, additions, strict=True)]
        for number in draw.permutation(len(groups)):
            yield groups[number].tolist()

    def by_length(
        self, sequences: Int[np.ndarray, " m"], draw: np.random.Generator, spread: float
    ) -> Int[np.ndarray, " m"]:
        """Return sequences by falling length, after a random change of it by up to this share."""
        length = self.length[sequences] * draw.uniform(1 - spread, 1 + spread, len(sequences))
        return sequences[np.argsort(-length, kind="stable")]

    def repeat_extra(self, count: int, draw: np.random.Generator) -> Int[np.ndarray, " c"]:
        """Return ``count`` extra sequences, repeated in changing order."""
        rounds = -(-count // len(self.extra))
        return np.concatenate([draw.permutation(self.extra) for _ in range(rounds)])[:count]
