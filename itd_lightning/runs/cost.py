"""Cost of a process: seconds, CPU seconds and memory."""

import sys
from pathlib import Path
from resource import RUSAGE_SELF, getrusage


def process_cost(seconds: float) -> dict[str, float]:
    """Return ``seconds``, ``cpu_seconds`` and peak ``gib`` of this process so far.

    Args:
        seconds: Wall seconds.
    """
    usage = getrusage(RUSAGE_SELF)
    cost = {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "gib": peak_gib()}
    return {name: round(value, 2) for name, value in cost.items()}


def peak_gib() -> float:
    """Return the peak memory of this process in GiB; on Linux, getrusage would count its parent's, too."""
    status = Path("/proc/self/status")
    if status.exists():
        (kib,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kib) / 2**20
    return getrusage(RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
