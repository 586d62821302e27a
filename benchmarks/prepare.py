"""From CSV on disk to sorted shards: seconds, events per CPU-second and memory, beside pandas and DuckDB.

    python benchmarks/prepare.py                            1, 3, 10 and 30 million events, ours and both peers
    python benchmarks/prepare.py --sizes 1 3 --sides ours   less of it

All sides do one job on the same generated r4.2 (rows as long as the genuine ones): read five CSVs, leave the
content out, parse the time, and write Parquet shards in which each user is whole and in time order. Ours also
refuses bad rows with a reason, drops repeated ids, hashes the files, finds the key's events, and notes presence
and PCs; the peers do none of that. pandas reads in chunks, as it must; DuckDB sorts once, or shard by shard. Each side
runs in a process of its own, imports included, once; what it wrote is read back and checked. Memory is the sum
of the peaks of all processes. Read the ratios, not the seconds.
"""

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter
from typing import NamedTuple

import polars as pl

from itd_lightning.synth import write_release

DAYS = 460
USER_DAYS = 63.0  # events a user and day, about
SHARDS = 64

OURS = """
import sys
from pathlib import Path
from itd_lightning.ingest import build_store
if __name__ == "__main__":
    build_store([Path(sys.argv[1])], Path(sys.argv[2]), shards=64, content=[], workers=WORKERS)
"""

PANDAS = """
import sys
from hashlib import blake2b
from pathlib import Path
import pandas as pd
source, out = Path(sys.argv[1]), Path(sys.argv[2])
OBJECT = {"file": ["filename"], "email": ["to", "cc", "bcc", "size", "attachments"], "http": ["url"]}
KIND = {"file": "file_copy", "email": "email_send", "http": "http_visit"}
numbers = {}
def shard(user):
    if user not in numbers:
        numbers[user] = int.from_bytes(blake2b(user.encode(), digest_size=8).digest()) % 64
    return numbers[user]
for log in ("logon", "device", "file", "email", "http"):
    rest = OBJECT.get(log, ["activity"])
    columns = ["id", "date", "user", "pc", *rest]
    for number, chunk in enumerate(pd.read_csv(source / f"{log}.csv", usecols=columns, dtype=str, chunksize=500_000)):
        chunk["date"] = pd.to_datetime(chunk["date"], format="%m/%d/%Y %H:%M:%S")
        rows = pd.DataFrame({"event_id": chunk["id"], "user": chunk["user"], "time": chunk["date"], "pc": chunk["pc"]})
        rows["kind"] = KIND.get(log) or chunk["activity"].str.lower()
        if log == "email":
            rows["object"] = chunk["to"].fillna("") + ";" + chunk["cc"].fillna("") + ";" + chunk["bcc"].fillna("")
            rows["size"], rows["attachments"] = chunk["size"].astype("int64"), chunk["attachments"].astype("int32")
        elif log in OBJECT:
            rows["object"] = chunk[rest[0]]
        for part, mine in rows.groupby(rows["user"].map(shard)):
            folder = out / "staging" / f"{part:03d}"
            folder.mkdir(parents=True, exist_ok=True)
            mine.to_parquet(folder / f"{log}-{number:05d}.parquet", index=False, compression="lz4")
for folder in sorted((out / "staging").iterdir()):
    rows = pd.concat([pd.read_parquet(file) for file in sorted(folder.iterdir())])
    target = out / f"shard={folder.name}"
    target.mkdir()
    rows.sort_values(["user", "time"], kind="stable").to_parquet(target / "events.parquet", compression="zstd")
"""

DUCKDB = """
import sys
from pathlib import Path
import duckdb
source, out = Path(sys.argv[1]), sys.argv[2]
def log(name, kind, object="NULL", size="NULL", attachments="NULL"):
    return f'''select id as event_id, user, strptime(date, '%m/%d/%Y %H:%M:%S') as time, pc, {kind} as kind,
        {object} as object, {size} as size, {attachments} as attachments
        from read_csv('{source / name}.csv', header=true, all_varchar=true, delim=',', quote='', escape='')'''
logs = [
    log("logon", "lower(activity)"), log("device", "lower(activity)"), log("file", "'file_copy'", "filename"),
    log("email", "'email_send'", 'concat_ws(\\';\\', "to", cc, bcc)', "size::bigint", "attachments::int"),
    log("http", "'http_visit'", "url"),
]
database = duckdb.connect()
database.execute(f"set temp_directory='{out}.spilled'")
rows = f"select *, hash(user) % 64 as shard from ({' union all '.join(logs)})"
"""

# Several threads would write a shard's row groups in any order.
ONE_SORT = '''
database.execute("set threads=1")
database.execute(f"""copy ({rows} order by shard, user, time) to '{out}'
    (format parquet, compression zstd, partition_by (shard))""")
'''

BY_SHARD = '''
database.execute("set threads=2")
database.execute(f"copy ({rows}) to '{out}.staged' (format parquet, compression lz4, partition_by (shard))")
for folder in sorted(Path(f"{out}.staged").iterdir()):
    (Path(out) / folder.name).mkdir(parents=True)
    database.execute(f"""copy (from read_parquet('{folder}/*.parquet', hive_partitioning=false)
        order by user, time) to '{out}/{folder.name}/events.parquet' (format parquet, compression zstd)""")
'''

SIDES = {
    "ours": OURS.replace("WORKERS", "1"),
    "ours, 2 workers": OURS.replace("WORKERS", "2"),
    "pandas": PANDAS,
    "DuckDB, one sort": DUCKDB + ONE_SORT,
    "DuckDB, by shard": DUCKDB + BY_SHARD,
}


class Spent(NamedTuple):
    """What a side took: seconds, and GiB."""

    wall: float
    cpu: float
    memory: float


class Memory(threading.Thread):
    """Watches a process and its children, and remembers the peak of each."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.process, self.peaks, self.ended = process, dict[int, int](), threading.Event()

    def run(self) -> None:
        """Look ten times a second."""
        while not self.ended.wait(0.1):
            for process in family(self.process):
                try:
                    status = Path(f"/proc/{process}/status").read_text()
                except OSError:
                    continue  # it ended meanwhile
                peak = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
                self.peaks[process] = max([self.peaks.get(process, 0), *peak])


def family(process: int) -> list[int]:
    """A process and its descendants."""
    found = [process]
    for parent in found:
        try:
            found += [int(c) for c in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        except OSError:
            continue
    return found


def measure(program: str, release: Path, out: Path) -> Spent:
    """Run a program to its end."""
    before, began = getrusage(RUSAGE_CHILDREN), perf_counter()
    script = out.with_name(f"run-{out.name}.py")  # not pandas.py
    script.write_text(program)
    with subprocess.Popen([sys.executable, str(script), str(release), str(out)]) as child:
        memory = Memory(child.pid)
        memory.start()
        if child.wait():
            sys.exit(f"{script} failed")
    memory.ended.set()
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(perf_counter() - began, cpu, sum(memory.peaks.values()) / 2**20)


def check(out: Path) -> tuple[int, int]:
    """Events and users of what was written; each user must be whole in a shard and in time order."""
    events = users = 0
    for shard in sorted(path for path in out.rglob("shard=*") if path.is_dir()):
        files = sorted(shard.glob("events.parquet")) or sorted(shard.glob("*.parquet"))
        rows = pl.read_parquet(files, columns=["user", "time"])
        turns = rows.select((pl.col("user") != pl.col("user").shift()).sum()).item() + 1 if len(rows) else 0
        late = rows.select((pl.col("time").diff().over("user") < pl.duration()).any()).item()
        if turns != rows["user"].n_unique() or late:
            sys.exit(f"{shard} is not in order")
        events, users = events + len(rows), users + turns
    return events, users


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of cost over size, both as logarithms, by least squares: 1 where cost is linear."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True)) / sum(
        (x - middle) ** 2 for x in xs
    )


def release_of(folder: Path, millions: float) -> Path:
    """A generated release of about so many million events; made once."""
    release = folder / f"release-{millions:g}"
    if not release.exists():
        users = round(millions * 1e6 / (DAYS * USER_DAYS))
        write_release(release, users=users, days=DAYS, seed=0, insiders=0.07)
    return release


def main() -> None:
    """Settle what is compared."""
    parser = argparse.ArgumentParser(description="From CSV to sorted shards, beside pandas and DuckDB.")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 3, 10, 30], help="million events")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), help="what is measured")
    parser.add_argument("--folder", type=Path, help="where releases are kept; default: a temporary folder")
    args = parser.parse_args()
    if args.folder:
        args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        compare(args.folder or Path(name), Path(name), args.sizes, args.sides)


def compare(releases: Path, folder: Path, sizes: list[float], sides: list[str]) -> None:
    """Run each side on each size, and print what it took."""
    events: dict[float, int] = {}
    spent: dict[str, list[Spent]] = {side: [] for side in sides}
    print(f"{'events':>12}  {'side':18}{'wall s':>8}{'CPU s':>8}{'events per CPU-s':>18}{'peak GiB':>10}")
    for size in sizes:
        release = release_of(releases, size)
        for log in release.glob("*.csv"):  # no side shall pay for what the others find in memory
            subprocess.run(["cat", log], stdout=subprocess.DEVNULL, check=True)
        answers = set()
        for side in sides:
            out = folder / side.replace(", ", "-").replace(" ", "-")
            run = measure(SIDES[side], release, out)
            answers.add(check(out))
            spent[side].append(run)
            events[size] = max(answers)[0]
            rate = events[size] / run.cpu
            print(
                f"{events[size]:12,}  {side:18}{run.wall:8.1f}{run.cpu:8.1f}{rate:18,.0f}{run.memory:10.2f}",
                flush=True,
            )
            for left in folder.glob(f"*{out.name}*"):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        if len(answers) > 1:
            sys.exit(f"the sides disagree on events and users: {answers}")
    if len(sizes) > 1:
        for side, runs in spent.items():
            slope = exponent(list(events.values()), [run.cpu for run in runs])
            print(f"{side}: CPU time grows with the number of events to the power of {slope:.2f}")


if __name__ == "__main__":
    main()
