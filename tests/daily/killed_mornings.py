"""A program that runs one morning, killed at random moments until it is let through.

It has loaded everything before it forks, so a kill hits the morning and not the loading.
"""

import os
import random
import signal
import sys
import time

from itd_lightning.cli.parser import main
from itd_lightning.daily.morning import run_daily

__all__ = ["run_daily"]  # loaded for the child


def run_once(deployment: str, seconds: float | None) -> bool:
    """Run a morning in a process of its own, killed after so many seconds; return whether it ended well."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            main(["daily", deployment])
            status = 0
        finally:
            os._exit(status)
    end = time.monotonic() + (3600.0 if seconds is None else seconds)
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def run_killed(deployment: str, kills: int, longest: float, seed: int) -> int:
    """Run a morning with so many kills, then let it through; return how many kills hit a running one."""
    draw, hits = random.Random(seed), 0
    for _ in range(kills):
        hits += not run_once(deployment, draw.uniform(0.0, longest))
    if not run_once(deployment, None):
        sys.exit("the morning failed")
    return hits


if __name__ == "__main__":
    place, kills, longest, seed = sys.argv[1:]
    start = time.monotonic()
    hits = run_killed(place, int(kills), float(longest), int(seed))
    sys.stderr.write(f"{hits} {time.monotonic() - start}\n")
