"""DMFI-A beside DMFI-B: tokens, CPU seconds and memory, the efficiency comparison of section IV-D2.

    python benchmarks/dmfi.py                        SmolLM2-135M-Instruct of the extra llm
    python benchmarks/dmfi.py --backbone FOLDER --days 64

Not part of `make benchmark`, as the language model is installed by `make test-slow` only.

Days like the narrative of the paper's table IV, each with two addresses of web pages; a quarter is malicious.
Both strategies, each in a process of its own: one epoch of all branches, then as many new days are scored.
One thread; rank, blocks and context are those of overlays/dmfi_slice.yaml. Read the ratios, not the seconds.
"""

import argparse
import json
import subprocess
import sys
from functools import partial
from time import process_time
from typing import Any, get_args

import torch

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods import DMFI
from itd_lightning.methods.dmfi.branches import Strategy
from itd_lightning.nn.language.models import DEFAULT
from itd_lightning.runs.cost import peak_gib

TOLD = (
    "During working hours, login at Self-PC, and then accessed multiple websites (megaclick{}.com, "
    "linkedin.com). After working hours, sent email (from insider address to outsider address), then opened "
    "file (.doc), and logged off."
)
BATCH = 8


def days(first: int, count: int) -> list[NarrativeBatch]:
    """Days in batches, no text of which is that of another day."""
    unit = torch.arange(first, first + count)
    narrative = [TOLD.format(day) for day in unit.tolist()]
    contents = [(f"http://news{day}.com/a/b", f"http://jobs{day}.com/c/d") for day in unit.tolist()]
    rows = [slice(at, at + BATCH) for at in range(0, count, BATCH)]
    label = (unit % 4 == 0).float()
    return [NarrativeBatch(narrative[row], contents[row], unit[row], label[row]) for row in rows]


def measure(backbone: str, strategy: Strategy, count: int) -> dict[str, float]:
    """Train one epoch and score."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    adam = partial(torch.optim.AdamW, lr=1e-4)
    method = DMFI(adam, backbone, strategy, context=144, contents=2, top=10)
    loaded, read = peak_gib(), [0]
    method.branches.backbone.register_forward_pre_hook(
        lambda _, given: read.__setitem__(0, read[0] + sum(len(row) for row in given[0]))
    )
    optimizer = adam(method.branches.backbone.adapter_weights())
    start = process_time()
    for stage in method.stages[:-1]:
        method.stage = stage
        for batch in days(0, count):
            loss = method.loss(batch, learns=True)
            if loss is not None:
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
    trained, seconds = read[0], process_time() - start
    start = process_time()
    for batch in days(count, count):
        method.score(batch)
    return {
        "tokens learned from": trained / count,
        "seconds learning": seconds / count,
        "tokens scored": (read[0] - trained) / count,
        "seconds scoring": (process_time() - start) / count,
        "adapters, MiB": sum(weight.nbytes for weight in method.branches.backbone.adapter_weights()) / 2**20,
        "peak at load, GiB": loaded,
        "peak, GiB": peak_gib(),
    }


def main() -> None:
    """Compare both strategies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backbone", default=DEFAULT)
    parser.add_argument("--days", type=int, default=48)
    parser.add_argument("--only", choices=get_args(Strategy), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.days < 1:
        parser.error("--days must be at least 1")
    if given.only:
        print(json.dumps(measure(given.backbone, given.only, given.days)))
        return
    found: dict[str, dict[str, Any]] = {}
    for strategy in get_args(Strategy):
        command = [sys.executable, __file__, "--only", strategy, "--backbone", given.backbone]
        done = subprocess.run([*command, "--days", str(given.days)], check=False, stdout=subprocess.PIPE)
        if done.returncode:
            sys.exit(f"{strategy} failed, see above")
        found[strategy] = json.loads(done.stdout.splitlines()[-1])
    print(f"{'of one day':20}{'DMFI-A':>10}{'DMFI-B':>10}{'B to A':>10}")
    for name, one in found["unified"].items():
        other = found["dual"][name]
        print(f"{name:20}{one:10.3g}{other:10.3g}{other / one:10.2f}")


if __name__ == "__main__":
    main()
