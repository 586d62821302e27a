"""Mornings that are killed at random moments end in the state of mornings that nobody disturbed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daily.company import deliver_logs, state_of, write_deployment

ROOT = Path(__file__).parents[2]
START = 60
MORNINGS = 5


def run_mornings(
    split: Path, checkpoint: Path, company: Path, kills: int, longest: float
) -> tuple[int, float]:
    """Run mornings with so many kills in all; return how many hit, and the seconds of the last morning."""
    file = write_deployment(company, checkpoint, horizon=40, exports=[{"format": "csv"}])
    deliver_logs(split, company, range(15, START))
    hits, seconds = 0, 0.0
    for number in range(MORNINGS):
        deliver_logs(split, company, [START + number])
        each = kills // MORNINGS
        arguments = [str(file), str(each), str(longest), str(number)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.daily.killed_mornings", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        assert not done.returncode, done.stderr
        hit, seconds = (float(value) for value in done.stderr.split()[-2:])
        hits += int(hit)
    return hits, seconds


@pytest.mark.slow
@pytest.mark.parametrize("kills", [10, 50])
def test_killed_mornings_end_in_the_state_of_undisturbed_ones(
    split: Path, checkpoint: Path, tmp_path: Path, kills: int
) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    _, seconds = run_mornings(split, checkpoint, calm, 0, 0.0)
    hits, _ = run_mornings(split, checkpoint, killed, kills, seconds)
    sys.stderr.write(f"{hits} of {kills} kills hit a morning of {seconds:.1f} s\n")
    assert hits >= kills / 2
    assert state_of(killed) == state_of(calm)
