"""Tests of every encoder: one interface, and padding that changes nothing."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from itd_lightning.nn.encoders.base import Kind, SequenceEncoder, encoder, positions

KINDS = get_args(Kind)
WAYS = [(kind, False) for kind in KINDS] + [("transformer", True)]
every_way = pytest.mark.parametrize(
    ("kind", "causal"), WAYS, ids=[kind + " causal" * causal for kind, causal in WAYS]
)
LENGTHS = torch.tensor([9, 4, 1, 0])


def build(kind: Kind, causal: bool) -> SequenceEncoder:
    """Build a small encoder, the same for each call."""
    torch.manual_seed(0)
    return encoder(kind, width=8, layers=2, causal=causal)


def rows() -> Tensor:
    """Draw four rows of nine steps."""
    return torch.randn(4, 9, 8, generator=torch.Generator().manual_seed(1))


@every_way
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("rubbish", [1e6, float("inf"), float("nan")])
def test_padding_changes_no_output_and_no_gradient(
    kind: Kind, causal: bool, training: bool, rubbish: float
) -> None:
    padding = torch.arange(9) >= LENGTHS[:, None]
    results = []
    for filler in (0.0, rubbish):
        model = build(kind, causal).train(training)
        y = model(rows().masked_fill(padding[..., None], filler), LENGTHS)
        slopes = torch.autograd.grad(y.square().sum(), list(model.parameters()))
        results.append((y, *slopes))
    for clean, filled in zip(*results, strict=True):
        assert filled.isfinite().all()
        torch.testing.assert_close(filled, clean, rtol=0, atol=0)


@every_way
def test_a_row_is_encoded_as_if_it_stood_alone_without_padding(kind: Kind, causal: bool) -> None:
    model = build(kind, causal)
    together = model(rows(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(rows()[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row : row + 1, :length], alone, rtol=1e-5, atol=1e-5)


@every_way
def test_outputs_of_padding_are_zero(kind: Kind, causal: bool) -> None:
    y = build(kind, causal)(rows(), LENGTHS)
    assert not y[torch.arange(9) >= LENGTHS[:, None]].any()
    assert y[torch.arange(9) < LENGTHS[:, None]].any(dim=1).all()


@every_way
def test_only_a_transformer_that_is_not_causal_sees_later_steps(kind: Kind, causal: bool) -> None:
    model, full = build(kind, causal), torch.full((4,), 9)
    later = rows()
    later[:, 5:] *= -1
    same = torch.allclose(model(later, full)[:, :5], model(rows(), full)[:, :5], atol=1e-6)
    assert same == (causal or kind != "transformer")


@every_way
def test_every_parameter_learns(kind: Kind, causal: bool) -> None:
    model = build(kind, causal)
    (model(rows(), LENGTHS) * rows()).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


@every_way
@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (3, 1)], ids=str)
def test_no_rows_no_steps_and_one_step_pass(kind: Kind, causal: bool, shape: tuple[int, int]) -> None:
    x = torch.randn(*shape, 8, requires_grad=True)
    y = build(kind, causal)(x, torch.zeros(shape[0], dtype=torch.int64))
    y.sum().backward()
    assert y.shape == x.shape
    assert x.grad is not None
    assert not x.grad.any()


@every_way
def test_double_precision_passes(kind: Kind, causal: bool) -> None:
    assert build(kind, causal).double()(rows().double(), LENGTHS).dtype == torch.float64


def test_one_layer_with_dropout_does_not_warn() -> None:
    for kind in KINDS:
        encoder(kind, width=8, layers=1, dropout=0.5)


def test_positions_are_those_of_the_paper() -> None:
    table = positions(torch.zeros(1, 4, 6, dtype=torch.float64))
    step, pair = 3, 2
    angle = torch.tensor(step / 10_000 ** (2 * pair / 6), dtype=torch.float64)
    torch.testing.assert_close(table[step, 2 * pair : 2 * pair + 2], torch.stack([angle.sin(), angle.cos()]))


def test_positions_fit_an_odd_width() -> None:
    assert positions(torch.zeros(1, 4, 5)).shape == (4, 5)
