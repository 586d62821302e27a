"""Tests of ITDLM's loss."""

import torch

from itd_lightning.methods.itdlm import supervised_contrast


def test_a_contrast_is_small_where_kinds_lie_apart() -> None:
    axes = torch.eye(2)
    apart, mixed = axes[[0, 0, 1, 1]], axes[[0, 1, 0, 1]]
    label = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert supervised_contrast(apart, label, 0.1) < 0.01 < supervised_contrast(mixed, label, 0.1)
    assert supervised_contrast(axes, torch.tensor([0.0, 1.0]), 0.1) == 0
