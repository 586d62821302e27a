"""Tests of encoders of the past and of the whole row, each equation beside a literal one."""

from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from itd_lightning.nn.encoders.array_lstm import ArrayLSTM
from itd_lightning.nn.encoders.base import LSTM, SequenceEncoder
from itd_lightning.nn.encoders.bst import BST
from itd_lightning.nn.encoders.context import Past, Whole, past_encoder, whole_encoder
from itd_lightning.nn.encoders.dien import DIEN
from itd_lightning.nn.encoders.fmlp import FMLP, Filter
from itd_lightning.nn.encoders.rwkv import wkv

NEW: list[tuple[str, str]] = [
    *(("past", kind) for kind in get_args(Past)),
    *(("whole", kind) for kind in get_args(Whole)),
]
every_encoder = pytest.mark.parametrize(("sees", "kind"), NEW, ids=[" ".join(pair) for pair in NEW])
LENGTHS = torch.tensor([9, 4, 1, 0])


def build(sees: str, kind: str) -> SequenceEncoder:
    """Build a small encoder, the same for each call."""
    torch.manual_seed(0)
    layers = 1 if kind == "dien" else 2
    if sees == "past":
        return past_encoder(kind, width=8, layers=layers, heads=2)  # type: ignore[arg-type]
    return whole_encoder(kind, width=8, layers=layers, heads=2)  # type: ignore[arg-type]


def rows() -> Tensor:
    """Draw four rows of nine steps."""
    return torch.randn(4, 9, 8, generator=torch.Generator().manual_seed(1))


@every_encoder
def test_padding_changes_no_output_and_no_gradient(sees: str, kind: str) -> None:
    padding = torch.arange(9) >= LENGTHS[:, None]
    results = []
    for filler in (0.0, float("nan")):
        model = build(sees, kind)
        y = model(rows().masked_fill(padding[..., None], filler), LENGTHS)
        assert not y[padding].any()
        slopes = torch.autograd.grad(y.square().sum(), list(model.parameters()))
        results.append((y, *slopes))
    for clean, filled in zip(*results, strict=True):
        torch.testing.assert_close(filled, clean, rtol=0, atol=0)


@every_encoder
def test_a_row_is_encoded_as_if_it_stood_alone(sees: str, kind: str) -> None:
    model = build(sees, kind)
    together = model(rows(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(rows()[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row : row + 1, :length], alone, rtol=1e-4, atol=1e-5)


@every_encoder
def test_the_past_hides_later_steps_and_the_whole_shows_them(sees: str, kind: str) -> None:
    model, full = build(sees, kind).double(), torch.full((4,), 9)
    later = rows().double()
    later[:, 5:] *= -1
    same = torch.allclose(model(later, full)[:, :5], model(rows().double(), full)[:, :5], atol=1e-9)
    assert same == (sees == "past" and kind != "fmlp_circular")


@every_encoder
def test_every_parameter_learns(sees: str, kind: str) -> None:
    model = build(sees, kind)
    (model(rows(), LENGTHS) * rows()).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


@every_encoder
@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (3, 1)], ids=str)
def test_no_rows_no_steps_and_one_step_pass(sees: str, kind: str, shape: tuple[int, int]) -> None:
    x = torch.randn(*shape, 8)
    assert build(sees, kind)(x, torch.zeros(shape[0], dtype=torch.int64)).shape == x.shape


def test_an_array_of_one_cell_is_an_lstm() -> None:
    torch.manual_seed(0)
    array, plain = ArrayLSTM(8, layers=2, cells=1), LSTM(8, layers=2)
    # The order of gates is i, f, o and candidate there; torch has i, f, candidate, o, and two biases.
    order = torch.cat([torch.arange(16), torch.arange(24, 32), torch.arange(16, 24)])
    for layer in range(2):
        getattr(plain.lstm, f"weight_ih_l{layer}").data = array.inputs[layer].weight.data[order]  # type: ignore[index]
        getattr(plain.lstm, f"weight_hh_l{layer}").data = array.states[layer].weight.data[order]  # type: ignore[index]
        getattr(plain.lstm, f"bias_ih_l{layer}").data = array.inputs[layer].bias.data[order]  # type: ignore[index]
        getattr(plain.lstm, f"bias_hh_l{layer}").data.zero_()
    torch.testing.assert_close(array(rows(), LENGTHS), plain(rows(), LENGTHS))


def test_cells_of_an_array_add_up() -> None:
    model = ArrayLSTM(2, cells=3)
    x = torch.randn(1, 1, 2)
    gates = (model.inputs[0](x[0, 0])).view(4, 3, 2)
    i, _, o = gates[:3].sigmoid()
    expected = (o * (i * gates[3].tanh()).tanh()).sum(0)
    torch.testing.assert_close(model(x, torch.tensor([1]))[0, 0], expected)


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_the_weighted_mean_of_rwkv_is_that_of_its_equation(scale: float) -> None:
    draw = torch.Generator().manual_seed(0)
    key, value = torch.randn(2, 2, 6, 3, generator=draw, dtype=torch.float64)
    key = key * scale
    decay, bonus = torch.tensor([0.1, 1.0, 5.0]).double(), torch.tensor([0.3, -0.2, 2.0]).double()
    for row in range(2):
        for step in range(6):
            logits = torch.stack(
                [key[row, i] - (step - 1 - i) * decay for i in range(step)] + [bonus + key[row, step]]
            )
            expected = (logits.softmax(0) * value[row, : step + 1]).sum(0)
            torch.testing.assert_close(wkv(decay, bonus, key, value)[row, step], expected)


def test_the_gradient_of_that_mean_is_right() -> None:
    draw = torch.Generator().manual_seed(0)
    parts = [torch.rand(3, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    pair = [torch.randn(2, 5, 3, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(wkv, (*parts, *pair))


def test_the_evolution_of_interests_is_that_of_its_equations() -> None:
    torch.manual_seed(0)
    model = DIEN(3, history=4).double()
    x = torch.randn(1, 6, 3, dtype=torch.float64)
    interests = model.extractor(x)[0]
    encoded = model.evolve(interests, model.attention(interests, x))
    for step in range(6):
        back = range(max(step - 3, 0), step + 1)
        energies = torch.stack([interests[0, t] @ model.toward.weight @ x[0, step] for t in back])
        state = torch.zeros(3, dtype=torch.float64)
        for share, t in zip(energies.softmax(0), back, strict=True):
            read, recalled = model.inputs(interests[0, t]).view(3, 3), model.states(state).view(3, 3)
            update, reset = torch.sigmoid(read[:2] + recalled[:2])
            fresh = torch.tanh(read[2] + reset * recalled[2])
            state = (1 - share * update) * state + share * update * fresh
        torch.testing.assert_close(encoded[0, step], state)


def test_an_interest_learns_what_came_next_where_that_counts() -> None:
    torch.manual_seed(0)
    model = DIEN(3)
    x = torch.randn(1, 4, 3)
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    assert model.auxiliary(x, nothing) == 0
    only = nothing.clone()
    only[0, 1] = True  # there is no other behaviour to tell it from
    expected = -torch.log(torch.sigmoid(model.extractor(x)[0][0, 1] @ x[0, 2]))
    torch.testing.assert_close(model.auxiliary(x, only), expected)


def test_bst_reads_its_last_outputs_together() -> None:
    torch.manual_seed(0)
    model = BST(4, heads=2, latest=3)
    reached = torch.autograd.functional.jacobian(
        lambda outputs: leaky_relu(model.perceptron(outputs)), torch.randn(12)
    )
    assert reached.any(dim=0).all()
    assert model.perceptron[0][0].in_features == 12  # type: ignore[index]


@pytest.mark.parametrize("steps", [3, 8, 11])
def test_a_filter_is_the_convolution_of_its_taps(steps: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, steps, 2, dtype=torch.float64)
    for circular in (False, True):
        model = Filter(2, reach=8, circular=circular).double()
        taps = torch.fft.irfft(torch.view_as_complex(model.frequencies), n=8, dim=0)
        encoded = model(x, torch.tensor([steps]))
        for step in range(steps):
            if circular:
                expected = sum(taps[back % 8] * x[0, (step - back) % steps] for back in range(-4, 4))
            else:
                expected = sum(taps[back] * x[0, step - back] for back in range(min(step + 1, 8)))
            torch.testing.assert_close(encoded[0, step], torch.as_tensor(expected))


def test_on_a_circle_of_its_own_length_a_filter_is_the_published_one() -> None:
    torch.manual_seed(0)
    model, x = Filter(2, reach=8, circular=True), torch.randn(3, 8, 2)
    weight = torch.view_as_complex(model.frequencies)
    spectrum = torch.fft.rfft(x, dim=1, norm="ortho") * weight
    published = torch.fft.irfft(spectrum, n=8, dim=1, norm="ortho")
    torch.testing.assert_close(model(x, torch.full((3,), 8)), published)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        FMLP(8, reach=7)
    with pytest.raises(ValueError, match="one layer"):
        past_encoder("dien", layers=2)
