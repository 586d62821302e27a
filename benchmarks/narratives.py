"""Narratives of user-days: events a minute, beside the loop over events that the tests compare with.

    python benchmarks/narratives.py                  a synthetic release of some 300,000 events
    python benchmarks/narratives.py --store STORE    a store that `itd prepare` has built

Both sides start from the store's event files and from the usual hours of everybody, and end with the
narratives of all days; ours also writes what mails and pages said, of which ``--contents`` a day. The loop
takes whole users, the first ones of the store, up to ``--events``. Where both have been, the narratives must
be equal word for word. CPU seconds of one process after its imports. Printed besides: words and sentences of
a day in both styles, and the share of words that merging saves.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
import polars as pl

from itd_lightning.events.calendar import work_calendar
from itd_lightning.events.pcs import own_pcs
from itd_lightning.ingest import build_store
from itd_lightning.splits import Dates
from itd_lightning.store.read import Store
from itd_lightning.synth import write_release
from itd_lightning.views import Narratives
from itd_lightning.views.narratives import build as narratives
from itd_lightning.views.narratives.sentences import Style

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.views.literal_narratives import Teller, literal_narratives

STYLES: tuple[Style, ...] = ("merged", "plain")
Made = TypeVar("Made")


def timed(function: Callable[[], Made]) -> tuple[Made, float]:
    """What a function returns, and its CPU seconds."""
    began = time.process_time()
    made = function()
    return made, time.process_time() - began


def built(store: Path, contents: int | None) -> None:
    """Say what can be said of each event, as ``prepare_data`` does, into a folder that is thrown away."""
    opened = Store(store)
    own, people = own_pcs(opened.pc_use()), people_of(store)
    with tempfile.TemporaryDirectory() as target:
        for shard in opened.shards:
            narratives.build_shard(shard, Path(target), own, people, contents)


def people_of(store: Path) -> pl.DataFrame | None:
    """The store's people."""
    file = store / "people.parquet"
    return pl.read_parquet(file, glob=False) if file.is_file() else None


def view_of(store: Path, style: Style, contents: int | None) -> Narratives:
    """The view, set up, with everybody's hours of the first two thirds of the days."""
    days = Store(store).presence()["day"]
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    cut = first + (last - first) * 2 // 3
    view = Narratives(store, Dates(cut, cut + timedelta(days=7)), style=style, contents=contents)
    view.prepare_data()
    view.setup("fit")
    return view


def first_users(store: Path, events: int) -> pl.DataFrame:
    """Events of the first users, so many as fit."""
    rows = Store(store).scan().collect()
    counted = rows.group_by("user", maintain_order=True).len().with_columns(total=pl.col("len").cum_sum())
    fits = counted.filter(pl.col("total") <= max(events, counted["len"][0]))
    return rows.filter(pl.col("user").is_in(fits["user"].implode()))


def compare(store: Path, events: int, contents: int | None, runs: int) -> None:
    """Time both sides and print the table."""
    some, opened = first_users(store, events), Store(store)
    total = opened.scan().select(pl.len()).collect().item()
    build = median(timed(lambda: built(store, contents))[1] for _ in range(runs))
    print(f"{'':24}{'events':>12}{'CPU seconds':>14}{'events a minute':>18}")
    words = {}
    for style in STYLES:
        view = view_of(store, style, contents)
        hours = view.hours
        assert hours is not None
        every = np.arange(len(view.units))
        told, fast = timed(lambda: view.narrate(every, hours))  # noqa: B023
        fast = median([fast, *(timed(lambda: view.narrate(every, hours))[1] for _ in range(runs - 1))])  # noqa: B023
        presence = opened.presence()
        teller = Teller(own_pcs(opened.pc_use()), people_of(store), presence, hours, work_calendar(presence))
        expected, slow = timed(lambda: list(literal_narratives(some, teller, plain=style == "plain")))  # noqa: B023
        days = view.units.select("user", pl.col("start").dt.date())
        found = {(user, day): text for (user, day), text in zip(days.iter_rows(), told, strict=True)}
        if any(found[user, day] != text for user, day, text in expected):
            sys.exit(f"the two tell other {style} narratives")
        ours, loop = total / (build + fast) * 60, len(some) / slow * 60
        print(f"{style + ', ours':24}{total:12,}{build + fast:14.2f}{ours:18,.0f}")
        print(
            f"{style + ', loop':24}{len(some):12,}{slow:14.2f}{loop:18,.0f}  ours / loop: {ours / loop:.1f}"
        )
        words[style] = report(style, told)
    print(f"merging saves {1 - words['merged'] / words['plain']:.1%} of the words of a mean day")


def report(style: Style, told: list[str]) -> float:
    """Print words and sentences of a day; return the mean number of words."""
    words = np.array([len(text.split()) for text in told])
    sentences = np.array([text.count(". ") + 1 for text in told])
    print(
        f"{style}: {len(told):,} days, {words.mean():.1f} words a day (median {np.median(words):.0f}, "
        f"99 % {np.percentile(words, 99):.0f}, most {words.max()}), {sentences.mean():.2f} sentences "
        f"(median {np.median(sentences):.0f}, most {sentences.max()})"
    )
    return float(words.mean())


def main() -> None:
    """Settle what is compared."""
    parser = argparse.ArgumentParser(description="Narratives, beside a loop over events.")
    parser.add_argument("--store", type=Path, help="event store; default: of a synthetic release")
    parser.add_argument("--events", type=int, default=100000, help="events for the loop")
    parser.add_argument("--contents", type=int, help="texts a day that are written; default: all")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of ours")
    args = parser.parse_args()
    if args.store is not None:
        return compare(args.store, args.events, args.contents, args.runs)
    with tempfile.TemporaryDirectory() as name:
        write_release(Path(name) / "release", users=40, days=100, seed=0)
        build_store([Path(name) / "release"], Path(name) / "store")
        compare(Path(name) / "store", args.events, args.contents, args.runs)
    return None


if __name__ == "__main__":
    main()
