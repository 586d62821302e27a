"""What a calibration promises."""

import pytest
import torch

from itd_lightning.numerics.calibration import platt


def test_log_odds_of_a_known_line_are_found() -> None:
    draw = torch.Generator().manual_seed(0)
    score = torch.randn(20_000, generator=draw) * 0.03 + 5
    label = (torch.rand(20_000, generator=draw) < torch.sigmoid(40 * (score - 5) - 2)).float()
    slope, offset = platt(score, label)
    assert slope == pytest.approx(40, rel=0.05)
    assert slope * 5 + offset == pytest.approx(-2, abs=0.1)


def test_a_balanced_calibration_does_not_know_the_base_rate() -> None:
    score = torch.cat([torch.linspace(-1, 1, 1000) - 0.5, torch.linspace(-1, 1, 20) + 0.5])
    label = torch.cat([torch.zeros(1000), torch.ones(20)])
    slope, offset = platt(score, label, balanced=True)
    assert abs(offset / slope) < 0.1


def test_scores_that_part_both_kinds_have_a_finite_slope_and_wrong_ones_a_positive_one() -> None:
    label = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert 0 < platt(torch.tensor([1.0, 2.0, 3.0, 4.0]), label)[0] < 100
    assert 0 < platt(torch.tensor([4.0, 3.0, 2.0, 1.0]), label)[0] < 0.1
