"""Decompositions of daily counts: seconds of one thread and peak memory a user, beside their peers.

    python benchmarks/mvmd.py            all tables, a few minutes
    python benchmarks/mvmd.py --runs 1   the same, once

Table V of Log2Sig gives 6.37 s and 1.17 MB a user for MEMD, 0.49 s and 9.89 MB for MVMD. Here every side runs
in a process of its own with one thread, in turn, on synthetic weekly counts (log1p, standardised, seeded).
Peers decompose a few of the users that ours decomposes all of. Seconds are the median of the runs by the CPU
clock, after imports and a small first call. Peak memory is what the call adds, its result included. PySDKit's
MVMD stops by a stricter rule than ours and vmdpy, so a ratio for a round stands beside the ratio for a user.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from itd_lightning.numerics.memd import memd
from itd_lightning.numerics.mvmd import mvmd, mvmd_trailing

CHANNELS, DAYS = 8, 500
ALPHA, TOL = 500.0, 1e-3


def weekly_counts(users: int, days: int, channels: int = CHANNELS) -> Tensor:
    """Standardised log counts with a week and a slow wave ``(U, C, T)``; user u is the same in any batch."""
    day = torch.arange(days, dtype=torch.float64)
    rate = 4 * (day % 7 < 5) * (1 + 0.5 * torch.sin(day / 9)) + 0.2
    counts = torch.stack(
        [
            torch.poisson(rate.expand(channels, -1), generator=torch.Generator().manual_seed(user))
            for user in range(users)
        ]
    ).log1p()
    return (counts - counts.mean(-1, keepdim=True)) / counts.std(-1, keepdim=True)


def by_batch(size: int) -> Callable[[Tensor, int], list[int]]:
    """Ours, so many users in a call."""

    def decompose(signals: Tensor, modes: int) -> list[int]:
        return [
            n for part in signals.split(size) for n in mvmd(part, modes, ALPHA, tol=TOL).iterations.tolist()
        ]

    return decompose


def by_pysdkit(signals: Tensor, modes: int) -> list[int]:
    """PySDKit's MVMD; give it the 500 rounds that vmdpy and ours have, where its default is 100."""
    from pysdkit import MVMD

    one = MVMD(ALPHA, modes, 0.0, "uniform", tol=TOL, max_iter=500)
    return [len(one.fit_transform(signal, return_all=True)[2]) - 1 for signal in signals.numpy()]


def by_vmdpy(signals: Tensor, modes: int) -> list[int]:
    """Run vmdpy on each channel alone, so the channels of a mode share no centre."""
    from vmdpy import VMD

    return [
        max(len(VMD(channel, ALPHA, 0.0, modes, DC=False, init=1, tol=TOL)[2]) for channel in signal)
        for signal in signals.numpy()
    ]


def by_memd(signals: Tensor, modes: int) -> list[int]:
    """Ours; it finds its own number of modes, told instead of rounds."""
    return [len(memd(signal)) + 0 * modes for signal in signals.numpy()]


def by_pysdkit_memd(signals: Tensor, modes: int) -> list[int]:
    """PySDKit's MEMD, a port of the authors' code."""
    from pysdkit import MEMD

    return [len(MEMD()(signal)) + 0 * modes for signal in signals.numpy()]


def by_window(days: int) -> Callable[[Tensor, int], list[int]]:
    """Trailing windows of so many days: one value a day that knows its past only."""

    def decompose(signals: Tensor, modes: int) -> list[int]:
        return [mvmd_trailing(signals, modes, days, ALPHA, tol=TOL).shape[1]]

    return decompose


SIDES: dict[str, Callable[[Tensor, int], list[int]]] = {
    "PySDKit MEMD": by_pysdkit_memd,
    "our MEMD": by_memd,
    "PySDKit MVMD": by_pysdkit,
    "vmdpy, by channel": by_vmdpy,
    "ours, batch 1": by_batch(1),
    "ours, batch 64": by_batch(64),
    "ours, all at once": by_batch(10**9),
    **{f"trailing {days}": by_window(days) for days in (30, 60, 90)},
}


class Spent(NamedTuple):
    """What a process of one side spent on all of its users."""

    seconds: float
    peak: float  # MB above what was there before the call
    rounds: float  # median over users


def status(field: str) -> float:
    """A size in MB that the kernel keeps of this process; 0 where there is no /proc."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def measure_here(side: str, modes: int, users: int, days: int) -> Spent:
    """Decompose in this process."""
    torch.set_num_threads(1)
    signals, decompose = weekly_counts(users, days), SIDES[side]
    decompose(weekly_counts(1, 100), modes)
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # what is free but not given back would hide what the call takes
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    began = time.process_time()
    rounds = decompose(signals, modes)
    return Spent(time.process_time() - began, status("VmHWM") - before, median(rounds))


def measure(side: str, modes: int, users: int, days: int = DAYS, runs: int = 1) -> Spent:
    """Median of runs, each in a process of its own with one thread."""
    alone = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    call = [sys.executable, __file__, "--side", side, *map(str, (modes, users, days))]
    spent = [
        json.loads(
            subprocess.run(call, capture_output=True, text=True, check=True, env=os.environ | alone).stdout
        )
        for _ in range(runs)
    ]
    return Spent(*(median(column) for column in zip(*spent, strict=True)))


def table_five(runs: int) -> None:
    """Print each side's cost a user, and what it is of ours with all users at once."""
    for modes, few in ((3, 10), (7, 4)):
        sides = {"PySDKit MEMD": 2, "our MEMD": 2, "PySDKit MVMD": few, "vmdpy, by channel": few}
        sides |= {"ours, batch 1": 64, "ours, batch 64": 640, "ours, all at once": 1000}
        each: dict[str, list[Spent]] = {side: [] for side in sides}
        for _ in range(runs):
            for side, users in sides.items():
                each[side].append(measure(side, modes, users))
        found = {side: Spent(*map(median, zip(*spent, strict=True))) for side, spent in each.items()}
        whole = found["ours, all at once"]
        own = whole.seconds / sides["ours, all at once"]
        print(f"\nK = {modes}, C = {CHANNELS}, T = {DAYS}, alpha = {ALPHA:g}, tol = {TOL:g}; {runs} runs")
        print(f"{'':20}{'users':>6}{'ms a user':>11}{'of ours':>9}{'of ours, a round':>18}", end="")
        print(f"{'rounds':>8}{'peak MB':>9}{'MB a user':>11}")
        for side, spent in found.items():
            users, ratio = sides[side], spent.seconds / sides[side] / own
            a_round = "" if "MEMD" in side else f"{ratio * whole.rounds / spent.rounds:.1f}"
            rounds = "" if "MEMD" in side else f"{spent.rounds:g}"
            together = {"ours, batch 64": 64, "ours, all at once": users}.get(side, 1)
            print(f"{side:20}{users:6}{1e3 * spent.seconds / users:11.2f}{ratio:9.1f}{a_round:>18}", end="")
            print(f"{rounds:>8}{spent.peak:9.1f}{spent.peak / together:11.2f}")
        print(f"1,000 users: {whole.seconds:.2f} s of CPU")


def growth(runs: int) -> None:
    """Print how the cost grows with users and with days, and what trailing windows cost."""
    print(f"\nusers, T = {DAYS}{'':12}{'K':>3}{'s of CPU':>10}{'ms a user':>11}{'peak MB':>9}")
    for modes in (3, 7):
        for users in (250, 500, 1000):
            spent = measure("ours, all at once", modes, users, runs=runs)
            a_user = 1e3 * spent.seconds / users
            print(f"{users:<24}{modes:7}{spent.seconds:10.2f}{a_user:11.3f}{spent.peak:9.1f}")
    print(f"\ndays, 250 users{'':12}{'K':>3}{'ms a user':>11}{'rounds':>8}{'us by T log2 T and round':>27}")
    for modes in (3, 7):
        for days in (250, 500, 1000, 2000):
            spent = measure("ours, all at once", modes, 250, days, runs)
            unit = spent.seconds / 250 / (days * np.log2(days) * spent.rounds)
            print(f"{days:<24}{modes:6}{1e3 * spent.seconds / 250:11.3f}{spent.rounds:8g}{1e6 * unit:27.4f}")
    print(
        f"\ntrailing window, 20 users, T = {DAYS}{'K':>3}{'ms a user':>11}{'us a window':>13}{'peak MB':>9}"
    )
    for modes in (3, 7):
        for window in (30, 60, 90):
            spent = measure(f"trailing {window}", modes, 20, runs=runs)
            user = spent.seconds / 20
            a_window = 1e6 * user / (DAYS - 2 * modes + 1)
            print(f"{window:<33}{modes:3}{1e3 * user:11.1f}{a_window:13.1f}{spent.peak:9.1f}")


def agreement() -> None:
    """Print the largest differences to the peers' modes."""
    from pysdkit import MVMD
    from vmdpy import VMD

    print("largest difference of a mode")
    for modes in (3, 7):
        for tau, dc in ((0.0, False), (0.1, False), (0.0, True), (0.1, True)):
            signals = weekly_counts(5, DAYS, channels=1)
            worst = 0.0
            for own, signal in zip(mvmd(signals, modes, ALPHA, tau, TOL, dc=dc).modes, signals, strict=True):
                theirs, _, centres = VMD(signal[0].numpy(), ALPHA, tau, modes, dc, 1, TOL)
                order = np.argsort(centres[-1], kind="stable")
                worst = max(worst, float(np.abs(own[:, 0].numpy() - theirs[order]).max()))
            print(f"  vmdpy, C = 1, K = {modes}, tau = {tau}, DC = {dc!s:5}  {worst:.1e}")
        signals = weekly_counts(2, DAYS)
        own = mvmd(signals, modes, ALPHA, tol=0.0, max_iterations=40).modes.numpy()
        one = MVMD(ALPHA, modes, 0.0, "uniform", tol=0.0, max_iter=40)  # both stop at 38 rounds
        theirs = np.stack([one(signal).transpose(0, 2, 1) for signal in signals.numpy()])
        print(f"  PySDKit (complex64), C = {CHANNELS}, K = {modes}      {np.abs(own - theirs).max():.1e}")


def main() -> None:
    """Settle what is measured."""
    parser = argparse.ArgumentParser(description="MVMD and MEMD beside their peers.")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side, in turn")
    parser.add_argument("--side", nargs=4, metavar=("SIDE", "MODES", "USERS", "DAYS"), help="one side, here")
    args = parser.parse_args()
    if args.side:
        side, *numbers = args.side
        sys.stdout.write(json.dumps(measure_here(side, *map(int, numbers))))
        return
    agreement()
    table_five(args.runs)
    growth(args.runs)


if __name__ == "__main__":
    main()
