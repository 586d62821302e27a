"""What surprises promise: they are p-values, and peers are those of the day."""

from math import log

import pytest
import torch

from itd_lightning.numerics.surprise import beside_peers, peer_medians, tail_quantiles, tail_surprise


def test_peers_are_the_department_or_else_the_company() -> None:
    values = torch.tensor([1.0, 2, 3, 4, 5, 10, 20, 30])
    day = torch.zeros(8, dtype=torch.int64)
    group = torch.tensor([0, 0, 0, 0, 0, 1, 1, -1])
    assert beside_peers(values, day, group).tolist() == [-2, -1, 0, 1, 2, 6, 16, 26]
    assert beside_peers(values[5:], day[5:], group[5:]).tolist() == [10, 20, 30]  # too few to be peers


def test_medians_of_groups_are_medians() -> None:
    draw = torch.Generator().manual_seed(0)
    values, group = torch.randn(50, generator=draw), torch.randint(0, 7, (50,), generator=draw)
    median, count = peer_medians(values, group)
    for value, number, own in zip(median, count, group, strict=True):
        assert value == values[group == own].median()
        assert number == (group == own).sum()


def test_a_surprise_is_minus_the_log_of_a_p_value() -> None:
    training = torch.arange(1001.0)
    quantiles = tail_quantiles(training, 256)
    found = tail_surprise(torch.tensor([-5.0, 0, 500, 900, 2000, 3000]), quantiles)
    assert found[:2].tolist() == [0, 0]
    assert found[2].item() == pytest.approx(log(2), abs=0.01)
    assert found[3].item() == pytest.approx(log(10), abs=0.01)
    assert found[4] > log(20)
    assert found[5] > found[4] + 1  # no ties in the tail


def test_ties_of_a_signal_that_is_mostly_0_are_no_surprise() -> None:
    quantiles = tail_quantiles(torch.cat([torch.zeros(900), torch.rand(100)]), 256)
    assert tail_surprise(torch.zeros(2), quantiles).tolist() == [0, 0]
