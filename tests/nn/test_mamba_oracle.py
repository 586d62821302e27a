"""Our Mamba block is that of mamba_ssm: the same start, the same outputs, the same gradients."""

import shutil
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from itd_lightning.nn.mamba import Backend, Mamba
from tests.nn.mamba_oracle import load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("mamba_ssm") is None, reason="mamba_ssm is not installed"),
]


def theirs(seed: int, d_model: int, **sizes: int) -> nn.Module:
    """Build the block of mamba_ssm."""
    torch.manual_seed(seed)
    return load()(d_model, use_fast_path=False, **sizes)


@pytest.mark.parametrize(
    "backend",
    ["torch", pytest.param("compiled", marks=pytest.mark.skipif(not shutil.which("c++"), reason="no C++"))],
)
@pytest.mark.parametrize("sizes", [{}, {"d_state": 5, "d_conv": 2, "expand": 3}], ids=["standard", "odd"])
def test_a_checkpoint_of_mamba_ssm_loads_and_gives_its_outputs_and_gradients(
    backend: Backend, sizes: dict[str, int]
) -> None:
    oracle, ours = theirs(0, 64, **sizes), Mamba(64, backend=backend, **sizes)
    with torch.no_grad():
        for weight in oracle.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    ours.load_state_dict(oracle.state_dict(), strict=True)
    oracle.load_state_dict(ours.state_dict(), strict=True)
    x, direction = torch.randn(2, 100, 64, requires_grad=True), torch.randn(2, 100, 64)
    results = []
    for block in (oracle, ours):
        named = dict(block.named_parameters())
        y = block(x)
        slopes = torch.autograd.grad(y, [x, *(named[name] for name in sorted(named))], direction)
        results.append((y, *slopes))
    for true, mine in zip(*results, strict=True):
        assert (mine - true).norm() / true.norm() < 1e-5
    torch.testing.assert_close(results[1][0], results[0][0], atol=1e-5, rtol=1e-5)


def test_the_same_seed_gives_the_same_start_values() -> None:
    oracle = theirs(3, 64).state_dict()
    torch.manual_seed(3)
    for name, weight in Mamba(64).state_dict().items():
        torch.testing.assert_close(weight, oracle[name], msg=name)
