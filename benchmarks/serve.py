"""Time of each page of `itd serve` over a case store of 100,000 alerts of 10,000 users, and its events.

    python benchmarks/serve.py --folder work/serve_benchmark

Everything is drawn from a seed. Half of the alerts close their case, so that about a tenth of the cases are
open; `--all-open` leaves all of them open. Each page is asked for several times; its median and its slowest
time are printed, with their ratio to the limit. `itd serve` takes the first look before it prints its link,
and looks for new days by itself; what that costs is printed, too.
"""

import argparse
import json
import random
import re
import shutil
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl
from sqlalchemy import insert
from starlette.testclient import TestClient

from itd_lightning.alerts.cases.connect import connect, writing
from itd_lightning.alerts.cases.rows import DayRecord
from itd_lightning.alerts.cases.schema import ACKNOWLEDGED, BENIGN, NEW, Alert, Case, CaseAction, ScoredDay
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.contracts.events import EVENTS
from itd_lightning.contracts.run_files import SCORE_FILE
from itd_lightning.contracts.scores import SCORES
from itd_lightning.contracts.store_files import PEOPLE_FILE, shard_folder
from itd_lightning.scores.table import About, write_scores
from itd_lightning.serve.access import Door
from itd_lightning.serve.app import Source, make_app
from itd_lightning.serve.company import Company
from itd_lightning.serve.score_days import ScoreDays
from itd_lightning.store.build.shards import shard_of, write_shard
from itd_lightning.store.read import SCHEMA_VERSION

LIMIT = 0.2  # seconds
DEPLOYMENT = "benchmark"
LAST = date(2010, 12, 31)
SHARDS = 64
EVENT_DAYS = 90
EVENTS_A_DAY = 12
SCORED_DAYS = 60
PER_DAY = 500  # alerts
HOST = "127.0.0.1:8321"


def name(number: int) -> str:
    """Return the name of a user."""
    return f"USR{number:05}"


def fill_cases(file: Path, users: int, alerts: int, seed: int, *, all_open: bool) -> None:
    """Write the cases: each user's alerts in one open case, or in closed ones and an open one."""
    draw = random.Random(seed)
    engine = connect(file)
    days = [LAST - timedelta(days=number) for number in reversed(range(-(-alerts // PER_DAY)))]
    rows: dict[type, list[dict[str, Any]]] = {Case: [], Alert: [], CaseAction: [], ScoredDay: []}
    current: dict[str, int] = {}
    order = [number % users for number in range(alerts)]
    draw.shuffle(order)
    seen: set[tuple[str, date]] = set()
    for place, number in enumerate(order):
        user, day = name(number), days[place // PER_DAY]
        if (user, day) in seen:
            continue
        seen.add((user, day))
        if user not in current:
            _open(rows, current, user, day, draw)
        rows[Alert].append(_alert(user, day, place % PER_DAY + 1, current[user], draw))
        if not all_open and draw.random() < 0.5:
            _close(rows, current.pop(user), day)
    for day in days:
        rows[ScoredDay].append(_day(day, users)._asdict() | {"scored_at": datetime.now(UTC)})
    with writing(engine) as connection:
        for table, values in rows.items():
            if values:
                connection.execute(insert(table), values)
    engine.dispose()


def _open(
    rows: dict[type, list[dict[str, Any]]], current: dict[str, int], user: str, day: date, draw: random.Random
) -> None:
    """Add a case of a user."""
    current[user] = len(rows[Case]) + 1
    state = ACKNOWLEDGED if draw.random() < 0.2 else NEW
    opened = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    case = {"id": current[user], "deployment": DEPLOYMENT, "user": user, "state": state, "opened_at": opened}
    rows[Case].append(case)


def _close(rows: dict[type, list[dict[str, Any]]], case: int, day: date) -> None:
    """Close a case."""
    rows[Case][case - 1]["state"] = BENIGN
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    action = {"case_id": case, "state": BENIGN, "by": "ann", "reason": "known: a move of offices", "at": at}
    rows[CaseAction].append(action)


def _alert(user: str, day: date, rank: int, case: int, draw: random.Random) -> dict[str, Any]:
    """Return an alert."""
    features = draw.sample(["usb_count", "email_external_count", "http_job_count", "file_copy_count"], 3)
    evidence = [
        {"feature": one, "seen": float(draw.randint(5, 300)), "usual": draw.random()} for one in features
    ]
    return {
        "case_id": case,
        "deployment": DEPLOYMENT,
        "user": user,
        "day": day,
        "rank": rank,
        "score": draw.expovariate(0.1),
        "p_value": draw.random() ** 3 + 1e-5,
        "warm_up": False,
        "reasons": [f"{one['feature']} {one['seen']:.0f}, usually {one['usual']:.2g}" for one in evidence],
        "evidence": evidence,
        "event_ids": [f"{{{user}-{day}-{number}}}" for number in range(3)],
        "method": "OwnHistoryZ",
        "checkpoint": "c0ffee",
        "made_at": datetime(day.year, day.month, day.day, 6, tzinfo=UTC),
    }


def _day(day: date, users: int) -> DayRecord:
    """Return a scored day."""
    return DayRecord(DEPLOYMENT, day, "c0ffee", False, users, users // 50, 60 * users, 0.04, 0.5, PER_DAY)  # noqa: FBT003 - no shadow


def fill_events(folder: Path, users: int) -> None:
    """Write an event store, shard by shard, and its directory."""
    days = pl.DataFrame({"day": [LAST - timedelta(days=number) for number in range(EVENT_DAYS)]})
    numbers = pl.DataFrame({"number": range(EVENTS_A_DAY)})
    by_shard: dict[int, list[str]] = {shard: [] for shard in range(SHARDS)}
    for number in range(users):
        by_shard[shard_of(name(number), SHARDS)].append(name(number))
    for shard, names in by_shard.items():
        rows = (
            pl.DataFrame({"user": sorted(names)})
            .join(days.sort("day"), how="cross")
            .join(numbers, how="cross")
        )
        minutes = pl.duration(minutes=480 + 40 * pl.col("number"))
        text = pl.concat_str(pl.col("user"), pl.lit("-"), pl.col("day"), pl.lit("-"), pl.col("number"))
        events = rows.select(
            event_id=pl.concat_str(pl.lit("{"), text, pl.lit("}")),
            user="user",
            time=pl.col("day").cast(pl.Datetime("us")) + minutes,
            pc=pl.concat_str(pl.lit("PC-"), pl.col("user")),
            kind=pl.lit("http_visit").cast(EVENTS["kind"]),
            object=pl.concat_str(pl.lit("http://intranet.example/"), text),
            size=pl.lit(None, pl.Int64),
            attachments=pl.lit(None, pl.Int32),
            to_removable=pl.lit(None, pl.Boolean),
            from_removable=pl.lit(None, pl.Boolean),
            content=pl.lit(None, pl.String),
        )
        target = shard_folder(folder, shard)
        target.mkdir(parents=True)
        write_shard(events, target)
    people = pl.DataFrame({"user": [name(number) for number in range(users)]}).with_columns(
        valid_from=pl.lit(LAST - timedelta(days=400)),
        valid_to=pl.lit(LAST + timedelta(days=1)),
        name=pl.col("user"),
        role=pl.concat_str(pl.lit("Role "), pl.col("user").str.slice(-2)),
        department=pl.lit("Sales"),
        supervisor=pl.lit("Carl Chief"),
    )
    people.write_parquet(folder / PEOPLE_FILE)
    manifest = {"schema": SCHEMA_VERSION, "release": "benchmark", "options": {"shards": SHARDS}}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def fill_scores(folder: Path, users: int) -> None:
    """Write the scores of the last days, as `itd daily` keeps them."""
    days = pl.DataFrame({"start": [LAST - timedelta(days=number) for number in range(SCORED_DAYS)]})
    names = pl.DataFrame({"user": [name(number) for number in range(users)]})
    rows = names.join(days.sort("start"), how="cross").with_columns(pl.col("start").cast(pl.Datetime("us")))
    table = rows.with_columns(
        end=pl.col("start").dt.offset_by("1d"),
        event_id=pl.lit(None, pl.String),
        sequence=pl.lit(None, pl.Int64),
        score=pl.int_range(pl.len()).hash(1).cast(pl.Float64) / 2**64,
        part=pl.lit("test").cast(SCORES["part"]),
        warm_up=pl.lit(False),  # noqa: FBT003 - a value
    )
    about = About(
        run=DEPLOYMENT,
        method="OwnHistoryZ",
        view="",
        grain="user-day",
        seed=0,
        split="",
        labels="event",
        leaks="",
        moved_days=0,
        store="",
        store_fingerprint="",
        config="",
        checkpoint="",
    )
    write_scores(folder / SCORE_FILE, table.select(SCORES.names()), about)


def measure(label: str, ask: Callable[[], object], times: int) -> None:
    """Print how long a page takes."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - start)
    median, slowest = statistics.median(taken), max(taken)
    print(
        f"{label:34} {median * 1000:7.0f} ms {slowest * 1000:7.0f} ms"
        f"  {median / LIMIT:5.0%} {slowest / LIMIT:5.0%}"
    )


def main() -> None:
    """Fill what is not there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--all-open", action="store_true")
    options = parser.parse_args()
    folder: Path = options.folder
    file = folder / ("open.sqlite" if options.all_open else "cases.sqlite")
    if not file.exists():
        fill_cases(file, options.users, options.alerts, options.seed, all_open=options.all_open)
    if not (folder / "store" / "manifest.json").exists():
        fill_events(folder / "store", options.users)
    if not (folder / SCORE_FILE).exists():
        fill_scores(folder, options.users)
    measured = shutil.copyfile(file, folder / "measured.sqlite")
    with CaseStore.open(measured) as cases:
        measure_pages(cases, folder, options.users, options.times, random.Random(options.seed + 1))


def measure_pages(cases: CaseStore, folder: Path, users: int, times: int, draw: random.Random) -> None:
    """Print how long each page takes, and how much of the limit that is."""
    keys: list[str] = []
    door = Door(keys.append)
    door.open()
    source = Source(cases, None, Company(folder / "store"), ScoreDays(folder))
    app = make_app(source, door, hosts={HOST}, port=8321, secure=False, by="ann")
    client = TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)
    client.post("/enter", data={"key": keys[0], "name": "ann"})

    def get(path: str) -> str:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def any_user() -> str:
        return urlencode({"deployment": DEPLOYMENT, "name": name(draw.randrange(users))})

    print(f"{'page':34} {'median':>10} {'slowest':>10}  of {LIMIT * 1000:.0f} ms")
    measure("first look at the queue", lambda: get("/"), 1)
    total = re.search(r"([\d,]+) cases", get("/"))
    print(f"({0 if total is None else total[1]} open cases)")
    measure("queue", lambda: get("/"), times)
    measure("queue, last page", lambda: get("/?page=99999"), times)
    measure("queue, all states, by user", lambda: get("/?state=all&sort=user"), times)
    measure(
        "queue, one day", lambda: get(f"/?state=all&day={LAST - timedelta(days=draw.randrange(90))}"), times
    )
    measure("queue, part of a name", lambda: get(f"/?state=all&user={draw.randrange(999)}"), times)
    numbers = [row.id for row in cases.cases()]
    measure("case", lambda: get(f"/case/{draw.choice(numbers)}"), times)
    measure("case, search in its events", lambda: get(f"/case/{draw.choice(numbers)}?find=7"), times)
    measure("user, 90 days", lambda: get(f"/user?{any_user()}"), times)
    measure("user, 365 days", lambda: get(f"/user?{any_user()}&days=365"), times)
    measure("runs", lambda: get("/runs"), times)
    form = re.search(r'name="form_key" value="([^"]+)"', get("/"))
    values = {
        "form_key": "" if form is None else form[1],
        "verdict": "benign",
        "reason": "measured",
        "list": "",
    }

    def close() -> None:
        number = numbers.pop()
        assert client.post(f"/case/{number}/close", data=values).status_code == 303
        get(f"/?done={number}")

    measure("close a case, and the queue again", close, times)
    cases.add_day(_day(LAST + timedelta(days=1), users), [])
    measure("queue after a new day", lambda: get("/"), 1)


if __name__ == "__main__":
    main()
