"""Tests of recurrent layers in both directions."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from itd_lightning.nn.encoders.bidirectional import CELLS, Bidirectional, Cell

LENGTHS = torch.tensor([7, 1, 4])


def twin(layers: Bidirectional, cell: Cell) -> nn.RNNBase:
    """Return layers of torch itself with the same weights."""
    library = CELLS[cell](6, 5, 2, batch_first=True, bidirectional=True)
    for number, (ahead, back) in enumerate(zip(layers.forwards, layers.backwards, strict=True)):
        for name, weight in ahead.named_parameters():
            getattr(library, name.replace("l0", f"l{number}")).data.copy_(weight)
        for name, weight in back.named_parameters():
            getattr(library, name.replace("l0", f"l{number}_reverse")).data.copy_(weight)
    return library


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_outputs_and_gradients_are_those_of_torch_on_packed_rows(cell: Cell) -> None:
    torch.manual_seed(1)
    layers = Bidirectional(cell, 6, 5, layers=2, dropout=0.0)
    reference = twin(layers, cell)
    rows = torch.randn(3, 7, 6, requires_grad=True)
    real = torch.arange(7) < LENGTHS[:, None]
    ours = layers(rows, LENGTHS)[real]
    packed = pack_padded_sequence(rows, LENGTHS, batch_first=True, enforce_sorted=False)
    theirs = pad_packed_sequence(reference(packed)[0], batch_first=True)[0][real]
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn_like(ours)
    mine, yours = (torch.autograd.grad((out * weight).sum(), rows)[0] for out in (ours, theirs))
    torch.testing.assert_close(mine, yours)


def test_padding_and_company_change_no_bit() -> None:
    layers = Bidirectional("gru", 6, 5, layers=2, dropout=0.3).eval()
    rows = torch.randn(3, 7, 6)
    alone = layers(rows[2:, :4], LENGTHS[2:])
    rows[2, 4:] = 1e6
    torch.testing.assert_close(layers(rows, LENGTHS)[2:, :4], alone)


def test_a_batch_may_be_empty() -> None:
    assert Bidirectional("gru", 6, 5, layers=2, dropout=0.0)(torch.zeros(0, 3, 6), LENGTHS[:0]).shape == (
        0,
        3,
        10,
    )
