"""Which sequences meet in a batch."""

from collections import Counter

import numpy as np

from itd_lightning.views.sequences.batching import NARROW, SPREAD, EqualLengths, InOrder, cuts

LENGTH = np.random.default_rng(3).integers(1, 200, 1000)
PLAIN, EXTRA = np.arange(900), np.arange(900, 930)


def sampler(extra_size: int = 8, budget: int = 4000, seed: int = 0) -> EqualLengths:
    """Return batches of 32 plain sequences at most."""
    return EqualLengths(LENGTH, PLAIN, 32, EXTRA, extra_size, budget, seed)


def test_every_plain_sequence_comes_once_an_epoch_and_every_extra_one_often() -> None:
    batches = sampler(budget=10**6)
    assert len(list(batches)) == len(batches)
    counts = Counter(number for batch in batches for number in batch)
    assert {counts[number] for number in PLAIN.tolist()} == {1}
    assert min(counts[number] for number in EXTRA.tolist()) >= 1
    assert all(len(set(batch)) == len(batch) for batch in batches)
    assert all(0 < sum(number in EXTRA for number in batch) <= 8 for batch in batches)


def test_the_epoch_and_the_seed_alone_decide_the_order() -> None:
    first, second = list(sampler()), list(sampler())
    assert first == second
    later = sampler()
    later.set_epoch(1)
    assert list(later) != first
    assert len(list(later)) == len(first)
    assert list(sampler(seed=1)) != first


def test_sequences_of_a_batch_are_about_as_long() -> None:
    for batch in sampler(extra_size=0):
        lengths = LENGTH[batch]
        assert lengths.max() - lengths.min() <= 2 * SPREAD * lengths.max() + 10


def test_padding_keeps_to_the_budget() -> None:
    order = InOrder(LENGTH, PLAIN, budget=4000)
    assert sorted(number for batch in order for number in batch) == PLAIN.tolist()
    assert all(len(batch) * LENGTH[batch].max() <= 4000 for batch in order)


def test_a_sequence_longer_than_the_budget_is_alone() -> None:
    assert cuts(np.array([90, 50, 4, 4]), size=10, budget=60) == [1, 2, 4]


def test_large_batches_hold_no_sequence_that_is_much_shorter() -> None:
    lengths = np.array([100] * 70 + [50] * 70)
    assert cuts(lengths, size=1000, budget=10**6) == [70, 140]
    assert NARROW * 100 > 50
