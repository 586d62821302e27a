"""What a sequence's label says about its behaviours; each formula beside a literal one."""

import math

import pytest
import torch

from itd_lightning.nn.bags import bag_scores, balanced, ranks, sequence_means

SEQUENCE = torch.tensor([0, 2, 0, 0, 2, 2, 2, 0])
SCORES = torch.tensor([0.1, 0.9, 0.3, 0.2, 0.9, 0.5, 0.7, 0.3])


def test_the_mean_is_over_each_sequence_and_0_without_behaviours() -> None:
    found = sequence_means(SCORES, SEQUENCE, 3)
    torch.testing.assert_close(found, torch.tensor([0.9 / 4, 0.0, 3.0 / 4]))


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
    found = bag_scores(scores, sequence, 3)
    for number in range(3):
        highest = sorted(scores[sequence == number].tolist())[-(1 + size // 16) :]
        assert found[number].item() == pytest.approx(sum(highest) / len(highest), abs=1e-12)


def test_both_kinds_weigh_the_same_however_many_there_are() -> None:
    loss = balanced(torch.tensor([0.2, 0.4, 0.1, 0.6]), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    normal = -(math.log(0.8) + math.log(0.6) + math.log(0.9)) / 3
    assert loss.item() == pytest.approx((normal - math.log(0.6)) / 2, abs=1e-6)
    assert balanced(torch.tensor([0.2]), torch.tensor([0.0])).item() == pytest.approx(
        -math.log(0.8), abs=1e-6
    )
