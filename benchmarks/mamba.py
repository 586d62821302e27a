"""Sequence encoders on a CPU: seconds and memory of a training step, Table VI of Log2Sig again.

    python benchmarks/mamba.py                      every encoder at 128, 512 and 2048 steps
    python benchmarks/mamba.py --lengths 512 --runs 5

Two layers of width 64, 16 states; 32 rows, 8 of 2048 steps; float32, one thread, CPU seconds. Each encoder
at each length runs in a process of its own, in turn: one step to warm up, one that counts. Every Mamba has
the same weights and must give the same outputs. Peers: mambapy's parallel scan and the slow path of
transformers, which runs at 128 steps only, since its cost grows with the square of the length. Read the
ratios, not the seconds.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from statistics import median
from time import process_time
from typing import NamedTuple

import torch
from torch import nn

from itd_lightning.nn.encoders.base import MambaEncoder, SequenceEncoder, encoder
from itd_lightning.runs.cost import peak_gib

WIDTH, LAYERS, STATES = 64, 2, 16
SLOW = "transformers slow path"


class Spent(NamedTuple):
    """One training step: CPU seconds forward, and in all; MiB on top of what was there; mean of outputs."""

    forward: float
    step: float
    memory: float
    output: float


def mamba(block: Callable[[], nn.Module] | None) -> SequenceEncoder:
    """Build our stack, with a peer's blocks in the place of ours; the weights stay."""
    model = MambaEncoder(WIDTH, LAYERS, backend="torch")
    for layer in model.layers if block else ():
        assert block is not None
        assert isinstance(layer, nn.Sequential)
        peer = block()
        peer.load_state_dict(layer[1].state_dict(), strict=True)
        layer[1] = peer
    return model


def mambapy_block() -> nn.Module:
    """Build the block of mambapy."""
    peer = import_module("mambapy.mamba")
    block: nn.Module = peer.MambaBlock(peer.MambaConfig(WIDTH, LAYERS, d_state=STATES))
    return block


def transformers_block() -> nn.Module:
    """Build the block of transformers, which takes CUDA kernels where it finds mamba_ssm, and then fails."""
    sys.modules["mamba_ssm"] = None  # type: ignore[assignment]  # Python's way to hide a module
    peer = import_module("transformers.models.mamba.modeling_mamba")
    config = import_module("transformers").MambaConfig(
        hidden_size=WIDTH, state_size=STATES, num_hidden_layers=LAYERS, use_mambapy=False
    )
    block: nn.Module = peer.MambaMixer(config, layer_idx=0)
    return block


SIDES: dict[str, Callable[[], SequenceEncoder]] = {
    "LSTM": lambda: encoder("lstm", WIDTH, LAYERS),
    "GRU": lambda: encoder("gru", WIDTH, LAYERS),
    "Transformer": lambda: encoder("transformer", WIDTH, LAYERS),
    "Transformer, causal": lambda: encoder("transformer", WIDTH, LAYERS, causal=True),
    "Mamba, torch": lambda: mamba(None),
    "Mamba, compiled": lambda: encoder("mamba", WIDTH, LAYERS, backend="compiled"),
    "Mamba, mambapy": lambda: mamba(mambapy_block),
    SLOW: lambda: mamba(transformers_block),
}


def spend(side: str, length: int) -> Spent:
    """Train one step after one to warm up."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = SIDES[side]()
    torch.manual_seed(1)
    x = torch.randn(32 if length < 2048 else 8, length, WIDTH)
    lengths = torch.full((len(x),), length)
    before = peak_gib()
    for _ in range(2):
        model.zero_grad()
        start = process_time()
        y = model(x, lengths)
        forward = process_time() - start
        loss = (y * x).mean()
        loss.backward()
        step = process_time() - start
    return Spent(forward, step, (peak_gib() - before) * 2**10, loss.item())


def compare(lengths: list[int], runs: int) -> None:
    """Run each encoder at each length so many times, in turn, and print the tables."""
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    for length in lengths:
        sides = [side for side in SIDES if side != SLOW or length == 128]
        spent: dict[str, list[Spent]] = {side: [] for side in sides}
        for _ in range(runs):
            for side in sides:
                command = [sys.executable, __file__, "--side", side, "--lengths", str(length)]
                done = subprocess.run(command, env=alone, stdout=subprocess.PIPE, text=True, check=True)
                spent[side].append(Spent(*json.loads(done.stdout.splitlines()[-1])))
        outputs = [spent[side][0].output for side in sides if "Mamba" in side or side == SLOW]
        if max(outputs) - min(outputs) > 1e-5:
            sys.exit(f"the Mambas disagree: {outputs}")
        print(f"\n{length} steps, {32 if length < 2048 else 8} rows; median of {runs} runs")
        print(f"{'':24}{'forward, s':>12}{'and backward, s':>17}{'MiB':>7}{'of Mamba, torch':>17}")
        for side in sides:
            forward, step, memory, _ = (median(column) for column in zip(*spent[side], strict=True))
            pairs = zip(spent[side], spent["Mamba, torch"], strict=True)
            ratio = median(mine.step / ours.step for mine, ours in pairs)
            print(f"{side:24}{forward:12.3f}{step:17.3f}{memory:7.0f}{ratio:17.2f}")


def main() -> None:
    """Settle what is compared."""
    parser = argparse.ArgumentParser(description="Sequence encoders on a CPU, beside peers.")
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512, 2048], help="steps of a row")
    parser.add_argument("--runs", type=int, default=3, help="runs of each encoder, in turn")
    parser.add_argument("--side", choices=list(SIDES), help="one step of this encoder alone, as JSON")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(spend(args.side, args.lengths[0])))
    else:
        compare(args.lengths, args.runs)


if __name__ == "__main__":
    main()
