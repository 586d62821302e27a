"""Mamba-1 block, with the parameter names and start values of ``mamba_ssm``.

Axes: B rows, L steps, M model width, D inner channels, N states, R rank of the step size, K blocks of steps.

The recurrence, for each row and channel with a state h of N numbers (Gu and Dao 2023, arXiv:2312.00752):

    h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t        y_t = C_t h_t

Three ways to run it, all with the same result, and ``scan_plain``, which the tests compare them with:

``torch``     a loop over time in torch, with a hand-written gradient.
``compiled``  the same in C++, ``scan.cpp``, compiled on its first use; twice as fast for a whole block.
``cuda``      the fused kernels of ``mamba_ssm``.

``auto`` takes ``cuda`` for tensors on a CUDA device where the kernels are installed, else ``torch``; never
``compiled``, so that no bit of a result depends on whether there is a compiler. All but the plain one have
first-order gradients only. They run in the dtype of their input, but at least in float32, and return the
dtype of their input.

Outputs are causal: pad rows on the right and ignore what comes out of the padding.
"""

import math
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from itd_lightning.contracts.errors import InputError

Backend = Literal["auto", "cuda", "torch", "compiled"]
_Context = Any  # torch has no public type for a context that both saves and returns tensors
CACHE = 2**21  # bytes of states that a block of steps may hold
SHORTEST, LONGEST = 8, 64  # steps of a block
_LEVELS = {"AVX512": "-march=x86-64-v4", "AVX2": "-march=x86-64-v3"}


class Mamba(nn.Module):
    """Selective state space block; it reads and writes the state dict of ``mamba_ssm.Mamba``.

    The state dict does not depend on the backend. The authors leave ``A_log`` and ``D`` out of weight decay.

    Args:
        d_model: Width of input and output, M.
        d_state: States per channel, N.
        d_conv: Length of the causal convolution, in steps.
        expand: Inner channels per channel of the model, D / M.
        backend: How the scan runs; see the module docstring.

    Raises:
        InputError: If the backend is unknown; in ``forward``, if it cannot run for the input.

    Source:
        Gu and Dao 2023, Mamba, arXiv:2312.00752, algorithm 2 and figure 3; defaults as in mamba_ssm.
        Departure: the paper's equation 4 holds the input over a step; the authors' code, and this one, take
        dt_t B_t. There is no cache for step-by-step generation.
    """

    def __init__(
        self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: int = 2, backend: Backend = "auto"
    ) -> None:
        super().__init__()
        if backend not in get_args(Backend):
            raise InputError(f"backend must be one of {', '.join(get_args(Backend))}, got {backend}")
        inner, rank = expand * d_model, math.ceil(d_model / 16)
        self.sizes, self.backend = [rank, d_state, d_state], backend
        self.in_proj = nn.Linear(d_model, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, d_conv, groups=inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        _start_step_sizes(self.dt_proj)
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, d_model, bias=False)

    def forward(self, x: Float[Tensor, "b l m"]) -> Float[Tensor, "b l m"]:
        """Mix each step with the steps before it."""
        if not x.numel():
            return x  # a convolution refuses empty rows
        u, z = self.in_proj(x).chunk(2, dim=-1)
        u = silu(self.conv1d(u.transpose(1, 2).contiguous())[..., : x.shape[1]]).transpose(1, 2).contiguous()
        rank, b, c = self.x_proj(u).split(self.sizes, dim=-1)
        a = -self.A_log.to(_at_least_float32(x)).exp()
        y = scan(u, softplus(self.dt_proj(rank)), a, b, c, self.backend)
        mixed: Tensor = self.out_proj(torch.addcmul(y, u, self.D.to(u.dtype)) * silu(z))
        return mixed


@torch.no_grad()
def _start_step_sizes(dt_proj: nn.Linear, shortest: float = 1e-3, longest: float = 0.1) -> None:
    """Start a projection so that the step sizes softplus(bias) are log-uniform in [shortest, longest]."""
    nn.init.uniform_(dt_proj.weight, -(dt_proj.in_features**-0.5), dt_proj.in_features**-0.5)
    spread = math.log(longest) - math.log(shortest)
    dt = torch.exp(torch.rand(dt_proj.out_features) * spread + math.log(shortest))
    dt_proj.bias.copy_(dt + (-torch.expm1(-dt)).log())  # the inverse of softplus


def _at_least_float32(x: Tensor) -> torch.dtype:
    """Return the dtype of ``x``, or float32 where that is narrower."""
    return torch.promote_types(x.dtype, torch.float32)


def scan(
    u: Float[Tensor, "b l d"],
    dt: Float[Tensor, "b l d"],
    a: Float[Tensor, "d n"],
    b: Float[Tensor, "b l n"],
    c: Float[Tensor, "b l n"],
    backend: Backend = "auto",
) -> Float[Tensor, "b l d"]:
    """Run the recurrence over time.

    Args:
        u: Input.
        dt: Step sizes, after softplus.
        a: Decay rates; negative.
        b: Input weights B_t.
        c: Output weights C_t.
        backend: How to run it; see the module docstring.

    Raises:
        InputError: If the backend cannot run for this input.

    Example:
        >>> one = torch.ones(1, 3, 1)
        >>> scan(one, one, torch.tensor([[-0.6931472]]), one, one).flatten()  # a state halves at each step
        tensor([1.0000, 1.5000, 1.7500])
    """
    kind = _resolve_backend(backend, u)
    if kind == "cuda":
        fused = import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
        channels_first = [part.to(u.dtype).transpose(1, 2) for part in (u, dt, b, c)]
        y: Tensor = fused(*channels_first[:2], a.float(), *channels_first[2:])
        return y.transpose(1, 2)
    u_, dt_, a_, b_, c_ = [part.to(_at_least_float32(u)).contiguous() for part in (u, dt, a.T, b, c)]
    run: Callable[..., Tensor] = _Scan.apply
    state = a.numel() * a_.element_size()
    if kind == "compiled":  # row by row
        return run(u_, dt_, a_, b_, c_, load_compiled(), _block_length(state)).to(u.dtype)
    settings = _Kernel(_forward_blocks, _backward_blocks), _block_length(len(u) * state)
    rows = max(CACHE // (SHORTEST * state), 1)  # of more, not even the shortest block fits into the cache
    if u.is_cuda or len(u) <= rows:
        return run(u_, dt_, a_, b_, c_, *settings).to(u.dtype)
    parts = zip(*(part.split(rows) for part in (u_, dt_, b_, c_)), strict=True)
    return torch.cat([run(u_, dt_, a_, b_, c_, *settings) for u_, dt_, b_, c_ in parts]).to(u.dtype)


def _resolve_backend(backend: Backend, u: Tensor) -> Backend:
    """Return the backend that will run for the input ``u``, never ``auto``; nothing is imported."""
    has_kernels = (
        u.is_cuda
        and u.dtype != torch.float64
        and all(find_spec(name) is not None for name in ("mamba_ssm", "selective_scan_cuda"))
    )
    if backend == "auto":
        return "cuda" if has_kernels else "torch"
    if backend == "cuda" and not has_kernels:
        raise InputError(
            f"backend cuda needs mamba_ssm with its kernels and floats on CUDA, got {u.dtype} on {u.device}; "
            "backend auto runs everywhere"
        )
    if backend == "compiled" and u.device.type != "cpu":
        raise InputError(f"backend compiled runs on a CPU only, got {u.device}; backend auto runs everywhere")
    return backend


def scan_plain(
    u: Float[Tensor, "b l d"],
    dt: Float[Tensor, "b l d"],
    a: Float[Tensor, "d n"],
    b: Float[Tensor, "b l n"],
    c: Float[Tensor, "b l n"],
) -> Float[Tensor, "b l d"]:
    """Run the recurrence under plain autograd, as it is written above; gradients of any order."""
    h = a.new_zeros(len(u), *a.shape)
    y = []
    # unbind, not u[:, t]: the gradient of an index fills a tensor of full length at every step.
    for u_t, dt_t, b_t, c_t in zip(u.unbind(1), dt.unbind(1), b.unbind(1), c.unbind(1), strict=True):
        h = torch.exp(dt_t[..., None] * a) * h + (dt_t * u_t)[..., None] * b_t[:, None]
        y.append((h * c_t[:, None]).sum(-1))
    return torch.stack(y, dim=1)


class _Kernel(NamedTuple):
    """One way to run the recurrence forward and back.

    ``forward(u, dt, a, b, c, every)`` takes u, dt (B, L, D), A (N, D), B and C (B, L, N), contiguous and of
    one dtype, and the steps of a block; it returns y (B, L, D) and the state before each block (B, K, N, D).
    ``backward(grad, u, dt, a, b, c, saved, every)`` takes the gradient of y and these states too, and returns
    the five gradients.
    """

    forward: Callable[..., tuple[Tensor, Tensor]]
    backward: Callable[..., tuple[Tensor, ...]]


class _Scan(torch.autograd.Function):
    """The recurrence with a hand-written gradient: one state a block is saved, the others are recomputed."""

    @staticmethod
    def forward(
        ctx: _Context, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, kernel: _Kernel, every: int
    ) -> Tensor:
        """Step through time, saving the state before each block of steps."""
        ctx.kernel, ctx.every = kernel, every
        with torch.autocast(u.device.type, enabled=False):
            y, saved = kernel.forward(u, dt, a, b, c, every)
        ctx.save_for_backward(u, dt, a, b, c, saved)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: _Context, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Step back through time, one block of steps after the other."""
        with torch.autocast(grad.device.type, enabled=False):
            return (*ctx.kernel.backward(grad.contiguous(), *ctx.saved_tensors, ctx.every), None, None)


def _block_length(state: int) -> int:
    """Return the number of steps, within limits, whose states of so many bytes each fit into the cache."""
    return min(max(CACHE // max(state, 1), SHORTEST), LONGEST)


def _block_states(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, h: Tensor, block: slice
) -> tuple[Tensor, Tensor]:
    """Return decays (B, T, N, D) of T steps, and the states (B, T + 1, N, D) around them; ``h`` is first."""
    step, drive = dt[:, block, None], (u[:, block] * dt[:, block])[:, :, None]
    decay = (step * a).exp_()
    states = decay.new_empty(decay.shape[0], decay.shape[1] + 1, *a.shape)
    states[:, 0] = h
    torch.mul(drive, b[:, block, :, None], out=states[:, 1:])
    moments = states.unbind(1)
    for before, now, lasting in zip(moments, moments[1:], decay.unbind(1), strict=False):
        now.addcmul_(lasting, before)
    return decay, states


def _forward_blocks(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, every: int
) -> tuple[Tensor, Tensor]:
    """Step through time; only sums that need the step before are computed one by one."""
    y, h = torch.empty_like(u), u.new_zeros(len(u), *a.shape)
    saved = u.new_empty(len(u), -(-u.shape[1] // every), *a.shape)
    for k in range(saved.shape[1]):
        block = slice(k * every, (k + 1) * every)
        saved[:, k] = h
        _, states = _block_states(u, dt, a, b, h, block)
        y[:, block] = (c[:, block, None] @ states[:, 1:]).squeeze(2)
        h = states[:, -1].clone()
    return y, saved


def _backward_blocks(
    grad: Tensor,
    u: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    saved: Tensor,
    every: int,
) -> tuple[Tensor, ...]:
    """Step back through time.

    With g_t the gradient of h_t, g_{t-1} = exp(dt_t A) g_t + C_{t-1} dy_{t-1}. The gradient of dt_t A is
    g_t exp(dt_t A) h_{t-1}: times A and summed over N for dt, times dt and summed over B and L for A.
    """
    grad_u, grad_dt, grad_b, grad_c = (torch.empty_like(part) for part in (u, dt, b, c))
    grad_a, later = torch.zeros_like(a), u.new_zeros(len(u), *a.shape)
    for k in reversed(range(saved.shape[1])):
        block = slice(k * every, (k + 1) * every)
        decay, states = _block_states(u, dt, a, b, saved[:, k], block)
        grad_c[:, block] = (states[:, 1:] @ grad[:, block, :, None]).squeeze(3)
        g = grad[:, block, None] * c[:, block, :, None]
        moments, lasting = g.unbind(1), decay.unbind(1)
        moments[-1].add_(later)
        for t in reversed(range(len(moments) - 1)):
            moments[t].addcmul_(lasting[t + 1], moments[t + 1])
        grad_du = (b[:, block, None] @ g).squeeze(2)
        grad_b[:, block] = (g @ (dt[:, block] * u[:, block]).unsqueeze(3)).squeeze(3)
        g.mul_(decay)
        later = g[:, 0].clone()
        g.mul_(states[:, :-1])
        grad_u[:, block] = grad_du * dt[:, block]
        grad_dt[:, block] = (g * a).sum(2).addcmul_(grad_du, u[:, block])
        grad_a += g.mul_(dt[:, block, None]).sum((0, 1))
    return grad_u, grad_dt, grad_a, grad_b, grad_c


@cache
def load_compiled() -> _Kernel:
    """Return the kernel of ``scan.cpp``, compiled for this CPU; the first call ever takes half a minute.

    torch keeps the result in TORCH_EXTENSIONS_DIR, by default in ~/.cache, and compiles again after a change.

    Raises:
        InputError: If it cannot be compiled.
    """
    from torch.utils.cpp_extension import load  # it takes a second, and needs setuptools

    level = torch.backends.cpu.get_cpu_capability()
    # -fno-trapping-math changes no result; without it, a comparison keeps a loop from becoming vector code.
    flags = ["-O3", "-fopenmp", "-fno-trapping-math", *([_LEVELS[level]] if level in _LEVELS else [])]
    source = Path(__file__).with_name("scan.cpp")
    name = "itd_scan_" + "".join(letter for letter in level.lower() if letter.isalnum())
    try:
        module = load(name, [str(source)], extra_cflags=flags)
    except (RuntimeError, OSError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"backend compiled needs a C++ compiler and ninja ({reason}); backend auto needs neither"
        ) from error
    return _Kernel(module.forward, module.backward)
