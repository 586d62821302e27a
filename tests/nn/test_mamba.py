"""Tests of the Mamba block: the plain recurrence, its gradients, causality, and one state dict."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from itd_lightning.contracts.errors import InputError
from itd_lightning.nn import mamba
from itd_lightning.nn.mamba import Backend, Mamba, scan, scan_plain

KEYS = (
    "A_log",
    "D",
    "in_proj.weight",
    "conv1d.weight",
    "conv1d.bias",
    "x_proj.weight",
    "dt_proj.weight",
    "dt_proj.bias",
    "out_proj.weight",
)
BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-10}
compiles = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
# Compiling takes half a minute where it was not done before.
fast_ways = pytest.mark.parametrize(
    "backend", ["torch", pytest.param("compiled", marks=[pytest.mark.slow, compiles])]
)


def parts(
    rows: int, steps: int, channels: int, states: int, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """Draw u, dt, a, b, c."""
    draw = torch.Generator().manual_seed(0)
    u, dt, b, c = (
        torch.randn(rows, steps, n, generator=draw, dtype=dtype) for n in (channels, channels, states, states)
    )
    a = -torch.rand(channels, states, generator=draw, dtype=dtype).mul(3).exp()
    return [part.requires_grad_() for part in (u, softplus(dt - 2).detach(), a, b, c)]


def errors(way: Callable[..., Tensor], inputs: list[Tensor]) -> list[float]:
    """Return relative differences of a scan to the plain one: outputs, then the five gradients."""
    direction = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1)).to(inputs[0].dtype)
    results = []
    for run in (scan_plain, way):
        y = run(*inputs)
        results.append((y, *torch.autograd.grad(y, inputs, direction)))
    return [((mine - true).norm() / true.norm()).item() for true, mine in zip(*results, strict=True)]


def backend_of(name: str) -> Callable[..., Tensor]:
    """Return the scan with this backend."""

    def run(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        way: Backend = "compiled" if name == "compiled" else "torch"
        return scan(u, dt, a, b, c, way)

    return run


@fast_ways
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(3, 150, 5, 4), (1, 1, 1, 1), (2, 64, 33, 16), (2, 65, 8, 3)], ids=str)
def test_outputs_and_gradients_are_those_of_the_plain_recurrence(
    backend: str, dtype: torch.dtype, shape: tuple[int, int, int, int]
) -> None:
    assert max(errors(backend_of(backend), parts(*shape, dtype))) < BOUNDS[dtype]


@fast_ways
def test_many_rows_and_wide_states_go_through_the_cache_in_shares(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mamba, "CACHE", 8 * 2 * 5 * 4 * 8)  # two rows of eight steps
    assert max(errors(backend_of(backend), parts(7, 20, 5, 4))) < 1e-10


@fast_ways
def test_gradients_are_those_of_finite_differences(backend: str) -> None:
    assert torch.autograd.gradcheck(backend_of(backend), parts(2, 10, 3, 2))


@fast_ways
def test_long_decays_end_at_zero_and_not_at_nan(backend: str) -> None:
    u, dt, a, b, c = parts(1, 9, 2, 3, torch.float32)
    y = backend_of(backend)(u, dt * 1e4, a * 1e4, b, c)
    torch.testing.assert_close(y, scan_plain(u, dt * 1e4, a * 1e4, b, c))


def test_a_second_derivative_is_refused() -> None:
    inputs = parts(1, 4, 2, 2)
    y = backend_of("torch")(*inputs)
    (slope,) = torch.autograd.grad(y.square().sum(), inputs[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize("states", [1, 16])
def test_the_state_dict_has_the_names_and_shapes_of_mamba_ssm(states: int) -> None:
    block = Mamba(64, d_state=states)
    assert tuple(sorted(block.state_dict())) == tuple(sorted(KEYS))
    assert block.A_log.shape == (128, states)
    assert block.x_proj.weight.shape == (4 + 2 * states, 128)
    assert block.conv1d.weight.shape == (128, 1, 4)


def test_step_sizes_start_between_a_thousandth_and_a_tenth() -> None:
    sizes = softplus(Mamba(64).dt_proj.bias)
    assert 1e-3 * 0.999 < sizes.min() < 3e-3
    assert 3e-2 < sizes.max() < 0.1 * 1.001


@fast_ways
def test_a_checkpoint_of_one_backend_loads_in_another(backend: str) -> None:
    x = torch.randn(2, 30, 16)
    first, second = Mamba(16), Mamba(16, backend="compiled" if backend == "compiled" else "torch")
    second.load_state_dict(first.state_dict(), strict=True)
    torch.testing.assert_close(second(x), first(x), atol=1e-5, rtol=1e-5)


def test_no_step_sees_a_later_one() -> None:
    block, x = Mamba(16), torch.randn(2, 30, 16)
    later = x.clone()
    later[:, 20:] = torch.randn(2, 10, 16)
    torch.testing.assert_close(block(later)[:, :20], block(x)[:, :20])
    assert not torch.allclose(block(later)[:, 20:], block(x)[:, 20:])


def test_a_step_depends_on_one_far_before_it() -> None:
    x = torch.randn(1, 200, 16, requires_grad=True)
    Mamba(16)(x)[0, -1].sum().backward()
    assert x.grad is not None
    assert (x.grad[0] != 0).any(dim=1).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str)
def test_the_dtype_follows_the_input(dtype: torch.dtype) -> None:
    block = Mamba(16).to(dtype)
    y = block(torch.randn(2, 20, 16, dtype=dtype))
    y.sum().backward()
    assert y.dtype == dtype
    assert block.A_log.grad is not None
    assert block.A_log.grad.isfinite().all()


def test_mixed_precision_stays_near_full_precision() -> None:
    block, x = Mamba(64), torch.randn(2, 50, 64)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = block(x)
        mixed.float().square().sum().backward()
    torch.testing.assert_close(mixed.float(), block(x), atol=0.02, rtol=0.05)


@pytest.mark.parametrize("shape", [(0, 5, 16), (2, 0, 16), (0, 0, 16), (2, 1, 16)], ids=str)
def test_no_rows_no_steps_and_one_step_pass(shape: tuple[int, int, int]) -> None:
    block = Mamba(16)
    x = torch.randn(shape, requires_grad=True)
    y = block(x)
    y.sum().backward()
    assert y.shape == shape


@pytest.mark.parametrize(("rows", "steps"), [(0, 5), (2, 0)])
@fast_ways
def test_the_scan_of_nothing_is_nothing(backend: str, rows: int, steps: int) -> None:
    inputs = parts(rows, steps, 3, 2)
    y = backend_of(backend)(*inputs)
    assert y.shape == (rows, steps, 3)
    y.sum().backward()
    assert inputs[2].grad is not None
    assert not inputs[2].grad.any()


def test_cuda_kernels_are_refused_on_a_cpu_in_one_line() -> None:
    with pytest.raises(InputError, match="backend cuda needs mamba_ssm") as raised:
        Mamba(16, backend="cuda")(torch.randn(1, 3, 16))
    assert "\n" not in str(raised.value)


def test_mamba_ssm_is_never_imported_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mamba_ssm", "selective_scan_cuda"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    Mamba(16)(torch.randn(1, 3, 16))
    assert "mamba_ssm" not in sys.modules


@pytest.mark.slow
@compiles
def test_the_compiled_scan_refuses_shapes_that_do_not_fit() -> None:
    u, dt, a, b, c = (part.detach() for part in parts(2, 6, 3, 4))
    with pytest.raises(RuntimeError, match="u and dt must be"):
        mamba.load_compiled().forward(u, dt[:, :5].contiguous(), a.T.contiguous(), b, c, 8)
    with pytest.raises(RuntimeError, match="contiguous"):
        mamba.load_compiled().forward(u, dt, a.T, b, c, 8)


@pytest.mark.slow
@compiles
def test_the_number_of_threads_changes_no_bit() -> None:
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        y = backend_of("compiled")(*(inputs := parts(5, 70, 33, 16, torch.float32)))
        results.append((y, *torch.autograd.grad(y.square().sum(), inputs)))
    torch.set_num_threads(1)
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("compiled", "backend compiled needs a C++ compiler and ninja"),
        ("fast", "backend must be one of auto, cuda, torch, compiled, got fast"),
    ],
)
def test_a_backend_that_cannot_run_is_one_line(tmp_path: Path, backend: str, reason: str) -> None:
    # In a process of its own: a compiled scan stays loaded, and type checks would come before our own.
    program = (
        "import sys, torch\n"
        "from itd_lightning.contracts.errors import InputError\n"
        "from itd_lightning.nn.mamba import Mamba\n"
        "try: Mamba(16, backend=sys.argv[1])(torch.zeros(1, 2, 16))\n"
        "except InputError as error: print(error)\n"
    )
    nowhere = {"CXX": "no-such-compiler", "TORCH_EXTENSIONS_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program, backend]
    done = subprocess.run(command, env=os.environ | nowhere, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(reason), done.stderr
    assert done.stdout.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", pytest.param("compiled", marks=compiles)])
def test_twenty_thousand_steps_learn_within_two_gib(backend: str) -> None:
    program = (
        "import sys, torch\n"
        "from itd_lightning.runs.cost import peak_gib\n"
        "from itd_lightning.nn.encoders.base import MambaEncoder\n"
        "x = torch.randn(1, 20_000, 64, requires_grad=True)\n"
        "MambaEncoder(backend=sys.argv[1])(x, torch.tensor([20_000])).square().mean().backward()\n"
        "assert x.grad.isfinite().all()\n"
        "print(peak_gib())\n"
    )
    command = [sys.executable, "-c", program, backend]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 2


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["auto", "cuda", "torch"])
def test_on_cuda_outputs_and_gradients_are_near_those_of_the_cpu(backend: Backend) -> None:
    assert backend in get_args(Backend)
    here, there = Mamba(64), Mamba(64, backend=backend).cuda()
    there.load_state_dict(here.state_dict())
    x = torch.randn(2, 100, 64)
    results = []
    for block, seen in ((here, x), (there, x.cuda())):
        y = block(seen)
        slopes = torch.autograd.grad(y.square().sum(), list(block.parameters()))
        results.append([part.cpu() for part in (y, *slopes)])
    for true, mine in zip(*results, strict=True):
        assert (mine - true).norm() / true.norm() < 1e-3
