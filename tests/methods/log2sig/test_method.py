"""Tests of Log2Sig."""

import math
from functools import partial
from typing import Literal

import pytest
import torch

from itd_lightning.contracts.batches import SignalBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods import Log2Sig

Sequence = Literal["mamba", "lstm", "gru", "transformer", "none"]


def batch(label: float = 1.0) -> SignalBatch:
    """Return three days of up to seven behaviours, with counts and one mode."""
    torch.manual_seed(1)
    lengths = torch.tensor([7, 1, 4])
    real = torch.arange(7) < lengths[:, None]
    tokens = torch.randint(1, 12, (3, 7)) * real
    labels = torch.tensor([0.0, label, 0.0])
    return SignalBatch(
        tokens, lengths, torch.randn(3, 16), torch.arange(3), labels, torch.tensor([1.0, 5.0, 1.0])
    )


def model(sequence: Sequence = "mamba") -> Log2Sig:
    """Return a small model."""
    torch.manual_seed(0)
    return Log2Sig(
        partial(torch.optim.Adam, lr=1e-3), vocabulary=12, behaviours=10, modes=1, width=8, sequence=sequence
    ).eval()


def test_a_day_is_its_behaviours_and_its_components_side_by_side() -> None:
    """Equations 10 to 15, one by one, for a day without an encoder."""
    log2sig, rows = model("none"), batch()
    for row, length in enumerate(rows.lengths.tolist()):
        read = log2sig.embedding.weight[rows.tokens[row, :length]]
        silent = torch.zeros(10 - length, 8)
        rhythms = torch.stack(
            [value * log2sig.component.weight[:, 0] + log2sig.component.bias for value in rows.signals[row]]
        )
        flat = torch.cat([read, silent, rhythms]).flatten()
        torch.testing.assert_close(log2sig(rows)[row], log2sig.classifier[1:](flat)[0])


@pytest.mark.parametrize("sequence", ["mamba", "lstm", "gru", "transformer", "none"])
def test_padding_and_company_change_no_score(sequence: Sequence) -> None:
    log2sig, rows = model(sequence), batch()
    alone = SignalBatch(*(part[2:] for part in rows))._replace(tokens=rows.tokens[2:, :4])
    torch.testing.assert_close(log2sig.score(rows)[2:], log2sig.score(alone))


def test_the_loss_is_the_weighted_cross_entropy() -> None:
    log2sig, rows = model(), batch()
    p = torch.sigmoid(log2sig(rows))
    literal = -(torch.log(1 - p[0]) + 5 * torch.log(p[1]) + torch.log(1 - p[2])) / 3
    torch.testing.assert_close(log2sig.loss(rows), literal)


def test_training_on_a_batch_lowers_its_loss() -> None:
    log2sig, rows = model(), batch()
    optimizer = torch.optim.Adam(log2sig.parameters(), lr=1e-2)
    before = log2sig.loss(rows).item()
    for _ in range(5):
        optimizer.zero_grad()
        log2sig.loss(rows).backward()
        optimizer.step()
    assert log2sig.loss(rows).item() < before / 2


def test_the_classifier_has_the_layers_that_are_named() -> None:
    adam = partial(torch.optim.Adam, lr=1e-3)
    method = Log2Sig(adam, behaviours=5, modes=1, width=4, hidden=[6, 3])
    shapes = [tuple(layer.weight.shape) for layer in method.classifier if isinstance(layer, torch.nn.Linear)]
    assert shapes == [(6, (5 + 8 * 2) * 4), (3, 6), (1, 3)]
    for none in ([], [6, 0]):
        with pytest.raises(ValueError, match="hidden must name the width"):
            Log2Sig(adam, hidden=none)


def test_days_without_a_label_are_refused() -> None:
    with pytest.raises(InputError, match="does not show them"):
        model().loss(batch(math.nan))
