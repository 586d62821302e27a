"""Trajectories of a whole company: seconds and peak memory of features, signals and scores.

    python benchmarks/trajectories.py                1,000 users, 500 days, 33 million events
    python benchmarks/trajectories.py --users 100    a tenth
    python benchmarks/trajectories.py --workers 2    counts in two processes instead of Polars' two threads

The page gives "~16 GB RAM, ~45 min for feature extraction and CVX ingestion" of r4.2: 1,000 users and
32.8 million events. The store here is generated, not CERT: events are drawn at random, as many of a kind a
user and day as in r4.2, with the columns that a store holds and without content. What is measured runs in a
process of its own; peak memory is that of the process, imports included, and of the largest of its workers.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import torch

from itd_lightning.contracts.events import EVENTS
from itd_lightning.methods import Chronos
from itd_lightning.numerics.change_points import bic_penalty, change_points, last_changes
from itd_lightning.splits import Dates
from itd_lightning.views import Trajectories

START = date(2010, 1, 2)
SHARDS = 16
# Events of each kind a user and active day, of r4.2's 32.8 million over 1,000 users and 350 work days.
RATES = {
    "logon": 1.2,
    "logoff": 1.2,
    "connect": 0.6,
    "disconnect": 0.6,
    "file_copy": 1.3,
    "email_send": 7.5,
    "http_visit": 81.0,
}


def write_store(folder: Path, users: int, days: int) -> int:
    """Write a store of random events; return how many."""
    events = 0
    for shard in range(SHARDS):
        target = folder / "events" / f"shard={shard:03d}"
        target.mkdir(parents=True)
        rows = random_events(np.random.default_rng(shard), range(shard, users, SHARDS), days)
        rows.write_parquet(target / "events.parquet")
        events += len(rows)
    manifest = {"schema": 3, "fingerprint": f"{users}x{days}", "release": "r4.2", "synthetic": True}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "options": {"shards": SHARDS}}), "utf-8")
    return events


def random_events(rng: np.random.Generator, users: range, days: int) -> pl.DataFrame:
    """Events of some users: Monday to Friday, most of them by day."""
    calendar = np.array([day for day in range(days) if (START + timedelta(days=day)).weekday() < 5])
    counts = {kind: rng.poisson(rate, (len(users), len(calendar))) for kind, rate in RATES.items()}
    urls = pl.Series(
        [f"http://site{number % 997}.com/page/{number:05d}/index.html" for number in range(20_000)]
    )
    mails = pl.Series([f"User{number}@dtaa.com;Other{number}@dtaa.com" for number in range(900)])
    away = pl.Series([f"User{number}@dtaa.com;Friend{number}@mail{number % 9}.com" for number in range(300)])
    files = pl.Series([f"FILE{number}.{('doc', 'pdf', 'exe', 'zip')[number % 4]}" for number in range(5_000)])
    pools = {"http_visit": urls, "email_send": pl.concat([mails, away]), "file_copy": files}
    parts = []
    for kind, count in counts.items():
        owner, day = (axis.ravel() for axis in np.meshgrid(users, calendar, indexing="ij"))
        owner, day = np.repeat(owner, count.ravel()), np.repeat(day, count.ravel())
        second = np.clip(rng.normal(13 * 3600, 2.5 * 3600, len(day)), 0, 86_399).astype(np.int64)
        time = (np.datetime64(START, "us") + day * np.timedelta64(1, "D")) + second * np.timedelta64(1, "s")
        columns: dict[str, object] = {"user": owner, "time": time, "pc": owner}
        if kind in pools:
            columns["object"] = pools[kind].gather(rng.integers(0, len(pools[kind]), len(day)))
        if kind == "email_send":
            columns |= {
                "size": rng.integers(1_000, 60_000, len(day)),
                "attachments": rng.poisson(0.4, len(day)),
            }
        parts.append(pl.DataFrame(columns).with_columns(kind=pl.lit(kind, EVENTS["kind"])))
    whole = pl.concat(parts, how="diagonal").sort("user", "time")
    names = {
        "user": "USR" + pl.col("user").cast(pl.String).str.zfill(4),
        "pc": "PC-" + pl.col("pc").cast(pl.String),
    }
    lacking = [pl.lit(None, dtype).alias(name) for name, dtype in EVENTS.items() if name not in whole.columns]
    return (
        whole.with_columns(**names)
        .with_columns(lacking)
        .select(pl.col(name).cast(dtype) for name, dtype in EVENTS.items())
    )


def measure(store: Path, days: int, workers: int) -> dict[str, float]:
    """Seconds of each step, and peak memory in GiB.

    By the wall clock, and those that cores worked for this process: on a machine that others use too, half of
    the latter is what two cores need.
    """
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    third = START + timedelta(days=2 * days // 3)
    split = Dates(third, third + timedelta(days=days // 6))
    view = Trajectories(store, split, build_workers=workers)
    seconds = {}

    def took(name: str, begin: tuple[float, float]) -> None:
        for kind, now, before in zip(("", ", CPU"), clocks(), begin, strict=True):
            seconds[f"{name}{kind}"] = now - before

    begin = clocks()
    view.prepare_data()
    took("features", begin)
    begin = clocks()
    view.setup("fit")
    took("setup", begin)
    method = Chronos()
    with torch.inference_mode():
        begin = clocks()
        method.training_step(view.batch("train", context=False), 0)
        took("train", begin)
        begin = clocks()
        batch = view.batch("train", "val", "test", context=True)
        method.score(batch)
        took("score", begin)
    used = [user[active] for user, active in zip(batch.values, batch.active, strict=True)]
    begin = clocks()
    for points in used:
        change_points(points)
    took("PELT by ruptures", begin)
    begin = clocks()
    last_changes(torch.stack(used), bic_penalty(365, batch.values.shape[2]))
    took("cuts of every prefix", begin)
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {**seconds, "peak GiB": peaks[0] / 2**20, "worker GiB": peaks[1] / 2**20}


def clocks() -> tuple[float, float]:
    """The wall clock, and CPU seconds of this process and of workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(part.ru_utime + part.ru_stime for part in used)


def main() -> None:
    """Generate, measure in a fresh process, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store", type=Path, help="measure on this generated store instead of a new one")
    chosen = parser.parse_args()
    if chosen.store:
        print(json.dumps(measure(chosen.store, chosen.days, chosen.workers)))
        return
    with tempfile.TemporaryDirectory(prefix="trajectories.") as folder:
        begin = datetime.now()
        events = write_store(Path(folder), chosen.users, chosen.days)
        print(f"generated {events:,} events in {(datetime.now() - begin).total_seconds():.0f} s")
        again = [sys.executable, __file__, "--store", folder, "--days", str(chosen.days)]
        again += ["--workers", str(chosen.workers)]
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        found = json.loads(subprocess.check_output(again, env=environment, text=True))
    print(f"\n{chosen.users:,} users, {chosen.days} days, {os.cpu_count()} cores, {chosen.workers} workers")
    print(f"  {'':22} {'s':>8} {'CPU s':>8}")
    steps = [name for name in found if f"{name}, CPU" in found]
    for name in steps:
        print(f"  {name:22} {found[name]:8.2f} {found[f'{name}, CPU']:8.2f}")
    whole, cpu = (sum(found[f"{name}{kind}"] for name in steps[:4]) for kind in ("", ", CPU"))
    print(f"  {'features to scores':22} {whole:8.2f} {cpu:8.2f}    page: about 45 min = 2,700 s")
    peak = max(found["peak GiB"], found["worker GiB"])
    print(f"  {'peak memory, GiB':22} {peak:8.2f}{'':9}    page: about 16 GB")


if __name__ == "__main__":
    main()
