"""Own history of user-days: what it costs to compute it anew for everybody that is scored.

    python benchmarks/own_history.py                1,000 users, 500 days
    python benchmarks/own_history.py --users 100    a tenth

The peer is the frozen history, whose moments lie in the checkpoint. Measured is the whole scoring of a built
view by own-history z: reading days, standardising them, loading batches, scores; in a process of its own for
each history, in turn, three times. The store is that of `benchmarks/trajectories.py`: generated, not CERT.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import polars as pl
import torch

from benchmarks.trajectories import write_store
from itd_lightning.contracts.store_files import PC_USE_FILE
from itd_lightning.methods import OwnHistoryZ
from itd_lightning.splits import Dates
from itd_lightning.store.presence import pc_use
from itd_lightning.store.read import Store
from itd_lightning.views import Days
from itd_lightning.views.days.dataset import History

SPLIT = Dates(date(2010, 11, 1), date(2011, 1, 1))
RAW = argparse.RawDescriptionHelpFormatter
HISTORIES: tuple[History, ...] = ("frozen", "own")


def write_pc_use(store: Path) -> None:
    """Write beside each shard which PCs its users used."""
    for shard in Store(store).shards:
        pc_use(pl.read_parquet(shard, glob=False)).write_parquet(shard.with_name(PC_USE_FILE))


def view_of(store: Path, history: History) -> Days:
    """Return the view of a store."""
    return Days(store, SPLIT, history=history, batch_size=4096)


def fit(store: Path, history: History, state: Path) -> None:
    """Build the view where it is not there yet, and write what it learned."""
    view = view_of(store, history)
    view.prepare_data()
    view.setup("fit")
    torch.save(view.state_dict(), state)


def score(store: Path, history: History, state: Path) -> dict[str, float]:
    """Score all days; return seconds of this process's CPU, and its peak memory in GiB."""
    start = time.process_time()
    view, method = view_of(store, history), OwnHistoryZ()
    view.setup("predict")
    view.load_state_dict(torch.load(state, weights_only=True))
    total = sum(float(method.score(batch).sum()) for batch in view.predict_dataloader())
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"days": len(view.units), "seconds": seconds, "GiB": peak, "total": total}


def main() -> None:
    """Run the comparison, or one of its processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--step", nargs=4, metavar=("STEP", "STORE", "HISTORY", "STATE"))
    arguments = parser.parse_args()
    if arguments.step:
        step, store, history, state = arguments.step
        result = (fit if step == "fit" else score)(Path(store), history, Path(state))
        print(json.dumps(result))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        print(f"{write_store(store, arguments.users, arguments.days):,} events")
        write_pc_use(store)
        for history in HISTORIES:
            run("fit", store, history)
        for _ in range(3):
            frozen, own = (run("score", store, history) for history in HISTORIES)
            ratio = own["seconds"] / frozen["seconds"]
            print(
                f"{own['days']:,} days: own {own['seconds']:.1f} CPU-s, frozen {frozen['seconds']:.1f}, "
                f"ratio {ratio:.2f}; {own['GiB']:.2f} and {frozen['GiB']:.2f} GiB"
            )


def run(step: str, store: Path, history: History) -> dict[str, float]:
    """Run one process; return what it printed."""
    state = store.with_name(f"{history}.pt")
    command = [
        sys.executable,
        "-m",
        "benchmarks.own_history",
        "--step",
        step,
        str(store),
        history,
        str(state),
    ]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, float] = json.loads(printed)
    return result


if __name__ == "__main__":
    main()
