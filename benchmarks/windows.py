"""From raw CSV to training windows: seconds, events per CPU-second and memory, beside pandas on the same job.

    python benchmarks/windows.py                     a synthetic release of a million events
    python benchmarks/windows.py --release FOLDER    a release on disk

The peer does what the published code does, vectorised: it reads whole CSVs, counts the twelve features an
hour with group-bys, and cuts calendar windows. It keeps nothing: no store, no order, no checks, and it reads
only the columns that it needs. Each side runs in a process of its own, in turn, timed after its imports; both
must find the same windows and counts. Read the ratio, not the seconds.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from itd_lightning.synth import write_release

CLOCK = """
print(time.perf_counter() - began, time.process_time() - spent)
"""

OURS = """
import sys
from pathlib import Path
from itd_lightning.ingest import build_store
from itd_lightning.splits import Dates
from itd_lightning.views import Windows
from datetime import date
import time; began, spent = time.perf_counter(), time.process_time()
build_store([Path(sys.argv[1])], Path(sys.argv[2]))
view = Windows(Path(sys.argv[2]), Dates(date(2010, 3, 1), date(2010, 3, 2)))
view.prepare_data()
view.setup("fit")
print(len(view.units), int(view.counts.sum()))
"""

PANDAS = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
import time; began, spent = time.perf_counter(), time.process_time()
source = Path(sys.argv[1])
def log(name, *columns):
    rows = pd.read_csv(source / f"{name}.csv", usecols=["date", "user", *columns], dtype=str)
    rows["date"] = pd.to_datetime(rows["date"], format="%m/%d/%Y %H:%M:%S")
    rows["hour"] = rows["date"].dt.floor("h")
    return rows
def count(rows, name):
    return rows.groupby(["user", "hour"]).size().rename(name)
logon, device = log("logon", "pc", "activity"), log("device", "activity")
http, email, file = log("http", "url"), log("email", "to"), log("file")
on = logon[logon["activity"] == "Logon"]
late = on[(on["date"].dt.hour < 8) | (on["date"].dt.hour >= 17)]
to = email["to"].fillna("").str.lower()
cells = pd.concat(
    [
        count(on, "logon_count"), count(logon[logon["activity"] == "Logoff"], "logoff_count"),
        count(late, "after_hours_logon"),
        logon.groupby(["user", "hour"])["pc"].nunique().rename("unique_pcs"),
        count(device[device["activity"] == "Connect"], "connect"),
        count(device[device["activity"] == "Disconnect"], "disconnect"), count(http, "http_count"),
        http.groupby(["user", "hour"])["url"].nunique().rename("unique_urls"), count(email, "email_sent"),
        count(email[to.str.contains("@dtaa", regex=False)], "email_internal"),
        count(email[to.str.contains("@(?!dtaa)")], "email_external"), count(file, "file_ops"),
    ],
    axis=1,
).fillna(0).astype("int32").sort_index()
windows = 0
total = 0
for user, mine in cells.groupby(level="user"):
    hours = mine.index.get_level_values("hour")
    first, last = hours.min().floor("D"), hours.max().floor("D")
    days = (last - first).days + 1
    grid = np.zeros((days * 24, 12), dtype="int32")
    grid[((hours - first) // pd.Timedelta("1h")).to_numpy()] = mine.to_numpy()
    windows += days
    total += int(grid.reshape(days, 24, 12).sum())
print(windows, total)
"""


class Spent(NamedTuple):
    """Seconds of one run, its imports apart."""

    wall: float
    cpu: float
    imports: float


def measure(program: str, *args: str) -> tuple[str, Spent]:
    """Run a program in a process of its own; return what it found, and its seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", program + CLOCK, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer, clock = done.stdout.strip().splitlines()
    wall, cpu = map(float, clock.split())
    return answer, Spent(wall, cpu, whole - cpu)


def peak(program: str, *args: str) -> float:
    """Peak memory of a program in GiB."""
    watch = (
        "import resource, subprocess, sys; "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", watch, sys.executable, "-c", program, *args]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 2**20


def compare(release: Path, folder: Path, runs: int, sides: dict[str, str]) -> None:
    """Run each side so many times, in turn, and print the table."""
    spent: dict[str, list[Spent]] = {side: [] for side in sides}
    answers = set()
    for run in range(runs):
        for side, program in sides.items():
            answer, seconds = measure(program, str(release), str(folder / f"store{run}"))
            answers.add(answer)
            spent[side].append(seconds)
    if len(answers) > 1:
        sys.exit(f"the two disagree on windows and counts: {answers}")
    events = json.loads((folder / "store0" / "manifest.json").read_text())["events"]
    print(f"{events:,} events; median of {runs} runs")
    print(f"{'':8}{'wall s':>8}{'CPU s':>8}{'events per CPU-s':>18}{'peak GiB':>10}{'imports, CPU s':>16}")
    for side, program in sides.items():
        wall, cpu, imports = (median(column) for column in zip(*spent[side], strict=True))
        memory = peak(program, str(release), str(folder / "again"))
        print(f"{side:8}{wall:8.2f}{cpu:8.2f}{events / cpu:18,.0f}{memory:10.2f}{imports:16.2f}")
    if "pandas" in sides:
        ratios = [peer.cpu / own.cpu for own, peer in zip(spent["ours"], spent["pandas"], strict=True)]
        print(f"pandas / ours, CPU: {median(ratios):.2f}")


def main() -> None:
    """Settle what is compared."""
    parser = argparse.ArgumentParser(description="From raw CSV to training windows, beside pandas.")
    parser.add_argument("--release", type=Path, help="release on disk; default: a synthetic one")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each side, in turn")
    parser.add_argument("--alone", action="store_true", help="leave the peer out, which needs pandas")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        release = args.release or Path(name) / "release"
        if args.release is None:
            write_release(release, users=100, days=150, seed=0)
        compare(
            release, Path(name), args.runs, {"ours": OURS} if args.alone else {"ours": OURS, "pandas": PANDAS}
        )


if __name__ == "__main__":
    main()
