"""Tests of OwnHistoryZ."""

import torch

from itd_lightning.methods import OwnHistoryZ
from tests.methods.handmade_days import days_of


def test_own_history_z_is_the_largest_or_the_sum_of_the_deviations() -> None:
    batch = days_of(torch.tensor([[1.0, -3.0], [0.5, 0.0]]))
    assert OwnHistoryZ("max").score(batch).tolist() == [3.0, 0.5]
    assert OwnHistoryZ("sum").score(batch).tolist() == [4.0, 0.5]
