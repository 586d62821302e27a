"""Tests of the linear bag of tokens, beside those of all methods of sequences."""

from functools import partial

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from itd_lightning.contracts.errors import InputError
from itd_lightning.methods import LinearBag
from tests.methods.test_sequence_methods import LENGTHS, batch


def model() -> LinearBag:
    """Return a bag with weights."""
    torch.manual_seed(0)
    method = LinearBag(partial(torch.optim.Adam, lr=1e-2), vocabulary=20).eval()
    for weight in method.parameters():
        weight.data.normal_()
    return method


def test_a_behaviour_scores_its_weight_and_the_mean_of_its_sequence() -> None:
    method, rows = model(), batch()
    for row, length in enumerate(LENGTHS):
        tokens = rows.tokens[row, :length]
        around = method.around.weight[tokens, 0].mean()
        expected = method.own.weight[tokens, 0] + around + method.offset
        torch.testing.assert_close(method.score(rows)[row, :length], expected)


def test_every_behaviour_has_the_label_of_its_sequence_and_both_kinds_weigh_the_same() -> None:
    method, rows = model(), batch()
    chances = torch.sigmoid(method.score(rows))
    normal, malicious = (chances[rows.is_counted & (rows.label == kind)[:, None]] for kind in (0, 1))
    expected = binary_cross_entropy(normal, torch.zeros_like(normal)) + binary_cross_entropy(
        malicious, torch.ones_like(malicious)
    )
    torch.testing.assert_close(method.loss(rows), expected / 2)


def test_training_without_labels_says_so() -> None:
    with pytest.raises(InputError, match="the split shows none"):
        model().train().training_step(batch()._replace(label=torch.full((4,), torch.nan)), 0)
