"""The day feature matrix: events a second, beside the literal loop over events that the tests compare with.

    python benchmarks/day_features.py                  a synthetic release of some 300,000 events
    python benchmarks/day_features.py --store STORE    a store that `itd prepare` has built

Both sides start from the store's event files and find out whose PC is whose. The loop takes whole users, the
first ones of the store, up to ``--events``; ours takes all. Where both have been, all cells must agree. The
authors' own script manages 619 events a second on this kind of machine (pandas below 2, one core). Each side
is timed after its imports, ours several times. Read the ratio, not the seconds.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import numpy as np
import polars as pl

from itd_lightning.events.pcs import own_pcs
from itd_lightning.ingest import build_store
from itd_lightning.store.read import Store
from itd_lightning.synth import write_release
from itd_lightning.views.days.features import build, records

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.views.literal_days import literal_days

PUBLISHED = 619  # events a second
Made = TypeVar("Made")


def ours(store: Path) -> pl.DataFrame:
    """The matrix of a whole store, shard by shard."""
    opened = Store(store)
    own, people = own_pcs(opened.pc_use()), people_of(store)
    facts = pl.concat([records(pl.read_parquet(shard, glob=False)) for shard in opened.shards])
    recorded = facts.select(pl.all().any()).row(0, named=True)
    made = [build(pl.read_parquet(shard, glob=False), own, people, recorded) for shard in opened.shards]
    return pl.concat(made)


def people_of(store: Path) -> pl.DataFrame | None:
    """The store's people."""
    file = store / "people.parquet"
    return pl.read_parquet(file, glob=False) if file.is_file() else None


def first_users(store: Path, events: int) -> pl.DataFrame:
    """Events of the first users, so many as fit."""
    rows = Store(store).scan().collect()
    counted = rows.group_by("user", maintain_order=True).len().with_columns(total=pl.col("len").cum_sum())
    fits = counted.filter(pl.col("total") <= max(events, counted["len"][0]))
    return rows.filter(pl.col("user").is_in(fits["user"].implode()))


def timed(function: Callable[[], Made]) -> tuple[Made, float]:
    """What a function returns, and its seconds."""
    began = perf_counter()
    made = function()
    return made, perf_counter() - began


def agree(found: pl.DataFrame, expected: dict[tuple[str, date], dict[str, float]]) -> int:
    """Compare all cells of the users whom both have seen; return how many there are."""
    users = {user for user, _ in expected}
    mine = found.filter(pl.col("user").is_in(users)).sort("user", "day")
    names = mine.columns[2:]
    if [*mine.select("user", "day").iter_rows()] != sorted(expected):
        sys.exit("the two disagree on who was active when")
    wanted = np.array([[expected[key].get(name, 0.0) for name in names] for key in sorted(expected)])
    if not np.allclose(mine.select(names).to_numpy(), wanted, rtol=1e-5):
        sys.exit("the two disagree on cells")
    return wanted.size


def compare(store: Path, events: int, runs: int) -> None:
    """Time both and print the table."""
    some = first_users(store, events)
    opened = Store(store)
    expected, slow = timed(lambda: literal_days(some, own_pcs(opened.pc_use()), people_of(store)))
    found, fast = timed(lambda: ours(store))
    fast = median([fast, *(timed(lambda: ours(store))[1] for _ in range(runs - 1))])
    total = opened.scan().select(pl.len()).collect().item()
    cells = agree(found, expected)
    print(f"{found.height:,} user-days of {found.width - 2} features; {cells:,} cells agree")
    print(f"{'':14}{'events':>12}{'seconds':>10}{'events a second':>18}")
    print(f"{'ours':14}{total:12,}{fast:10.2f}{total / fast:18,.0f}")
    print(f"{'literal loop':14}{len(some):12,}{slow:10.2f}{len(some) / slow:18,.0f}")
    print(f"ours / literal loop: {total / fast / (len(some) / slow):,.0f}; ours / published: "
          f"{total / fast / PUBLISHED:,.0f}")  # fmt: skip


def main() -> None:
    """Settle what is compared."""
    parser = argparse.ArgumentParser(description="The day feature matrix, beside a loop over events.")
    parser.add_argument("--store", type=Path, help="event store; default: of a synthetic release")
    parser.add_argument("--events", type=int, default=50000, help="events for the loop")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of ours")
    args = parser.parse_args()
    if args.store is not None:
        return compare(args.store, args.events, args.runs)
    with tempfile.TemporaryDirectory() as name:
        write_release(Path(name) / "release", users=40, days=100, seed=0)
        build_store([Path(name) / "release"], Path(name) / "store")
        compare(Path(name) / "store", args.events, args.runs)
    return None


if __name__ == "__main__":
    main()
