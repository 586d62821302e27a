"""Tests of sequences as bags, each formula beside a literal one."""

import pytest
import torch

from itd_lightning.methods.bases.sequence_method import sequence_means
from itd_lightning.methods.rmsl.bags import bag_scores, ranks

SEQUENCE = torch.tensor([0, 2, 0, 0, 2, 2, 2, 0])
SCORES = torch.tensor([0.1, 0.9, 0.3, 0.2, 0.9, 0.5, 0.7, 0.3])


def test_the_mean_is_over_each_sequence_and_0_without_behaviours() -> None:
    means = sequence_means(SCORES, SEQUENCE, 3)
    torch.testing.assert_close(means, torch.tensor([0.9 / 4, 0.0, 3.0 / 4]))


def test_ranks_count_within_a_sequence() -> None:
    rank, size = ranks(SCORES, SEQUENCE, 3)
    assert size.tolist() == [4, 0, 4]
    assert rank[SEQUENCE == 0].tolist() == [0, 2, 1, 3]
    assert rank[SEQUENCE == 2].tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize("size", [1, 15, 16, 40, 200])
def test_a_bag_scores_by_the_mean_of_its_highest(size: int) -> None:
    torch.manual_seed(size)
    scores = torch.rand(3 * size, dtype=torch.float64)
    sequence = torch.arange(3).repeat(size)
    bags = bag_scores(scores, sequence, 3)
    for number in range(3):
        highest = sorted(scores[sequence == number].tolist())[-(1 + size // 16) :]
        assert bags[number].item() == pytest.approx(sum(highest) / len(highest), abs=1e-12)


def test_a_smaller_share_of_the_highest_scores_can_stand_for_a_sequence() -> None:
    scores, sequence = torch.arange(40.0), torch.zeros(40, dtype=torch.long)
    assert bag_scores(scores, sequence, 1).item() == 38.0  # of 39, 38, 37
    assert bag_scores(scores, sequence, 1, one_in=64).item() == 39.0
