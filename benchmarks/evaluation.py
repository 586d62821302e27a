"""Exact areas of many scores with their intervals: seconds and memory, beside scikit-learn's one number.

    python benchmarks/evaluation.py                    1, 10 and 80 million scores of 4,000 users
    python benchmarks/evaluation.py --millions 1 10    other sizes

Scores are normal, ten thousand malicious ones a deviation higher than the rest; both sides see the same.
Ours reads them some users at a time, as a score table holds them, and gives PR-AUC, ROC-AUC and the recall
before the first false alarm, each with its 95 % interval over 1,000 draws of users. The peer, roc_auc_score,
needs all scores at once and gives a single number. Each runs in a process of its own, timed after its
imports and without the time that drawing the scores takes. Both must find the same ROC-AUC.
"""

import argparse
import subprocess
import sys
from typing import NamedTuple

DRAWN = """
import sys, time
import numpy as np
USERS, HITS, INSIDERS, SOME = 4000, 10_306, 99, 40
each = int(float(sys.argv[1]) * 1e6) // USERS
draw = np.random.default_rng(0)
hits, owner = draw.normal(1.0, 1.0, HITS), draw.integers(0, INSIDERS, HITS)
def pieces():
    for first in range(0, USERS, SOME):
        yield draw.normal(size=SOME * each), np.repeat(np.arange(first, first + SOME), each)
"""

OURS = (
    DRAWN
    + """
from itd_lightning.metrics.ranking import Ranking
ranking, seconds = Ranking(hits, owner, USERS), 0.0
for score, user in pieces():
    began = time.perf_counter()
    ranking.add(score, user)
    seconds += time.perf_counter() - began
began = time.perf_counter()
area, spans = ranking.roc_auc(), ranking.intervals(seed=0)
seconds += time.perf_counter() - began
"""
)

SKLEARN = (
    DRAWN
    + """
from sklearn.metrics import roc_auc_score
score, malicious = np.empty(HITS + USERS * each), np.zeros(HITS + USERS * each, bool)
score[:HITS], malicious[:HITS], at = hits, True, HITS
for some, _ in pieces():
    score[at : at + len(some)], at = some, at + len(some)
began = time.perf_counter()
area = roc_auc_score(malicious, score)
seconds = time.perf_counter() - began
"""
)

SAID = """
from itd_lightning.runs.cost import peak_gib
print(area, seconds, peak_gib())
"""


class Measured(NamedTuple):
    """What one side found and spent: ROC-AUC, seconds, peak memory in GiB."""

    area: float
    seconds: float
    peak: float


def measure(program: str, millions: float) -> Measured:
    """Run a program in a process of its own."""
    command = [sys.executable, "-c", program + SAID, str(millions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measured(*map(float, done.stdout.split()))


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description="Exact areas with intervals, beside scikit-learn.")
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10, 80], help="millions of scores")
    parser.add_argument("--alone", action="store_true", help="leave the peer out, which needs scikit-learn")
    args = parser.parse_args()
    print("ours: three measures, each with an interval over 1,000 draws; scikit-learn: ROC-AUC alone")
    print(f"{'scores':>12}{'ours, s':>10}{'GiB':>7}{'sklearn, s':>12}{'GiB':>7}")
    for millions in args.millions:
        ours = measure(OURS, millions)
        line = f"{millions * 1e6:12,.0f}{ours.seconds:10.1f}{ours.peak:7.2f}"
        if not args.alone:
            peer = measure(SKLEARN, millions)
            if abs(ours.area - peer.area) > 1e-9:
                sys.exit(f"the two disagree on ROC-AUC: {ours.area} and {peer.area}")
            line += f"{peer.seconds:12.1f}{peer.peak:7.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
