"""A CERT release on disk -> an event store.

    STORE/manifest.json               what went in: rows read, kept and rejected a log, fingerprints, options
    STORE/events/shard=000/           users by a stable hash, each whole in one shard, sorted by time
    STORE/people.parquet              LDAP and psychometric data with validity dates
    STORE/answers/                    campaigns and malicious events; absent where there is no key
    STORE/rejects/rejects.parquet     every refused row: file, line, reason

Everything is written to ``.STORE.partial`` beside the store, which gets its name last, in one step.
"""

import fcntl
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

import itd_lightning
from itd_lightning.cert.answers import Answers, read_answers
from itd_lightning.cert.logs import LogReader
from itd_lightning.cert.people import read_people
from itd_lightning.cert.releases import SYNTHETIC, find_release
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS, REJECTS
from itd_lightning.events.store import SCHEMA_VERSION

ROW_GROUP = 250_000  # larger groups cost memory in streaming reads

Progress = Callable[[str, int, int], None]  # log, bytes done, bytes in all


class Staged(NamedTuple):
    """What became of one log.

    Attributes:
        read: Rows in the file, without its header.
        rejects: Refused rows: file, line, reason.
        fingerprint: Hash of the file's bytes.
    """

    read: int
    rejects: pl.DataFrame
    fingerprint: str


def shard_of(user: str, shards: int) -> int:
    """Shard of a user: stable over runs, machines and versions.

    Example:
        >>> shard_of("ABC0001", 16) == shard_of("ABC0001", 16)
        True
    """
    return int.from_bytes(blake2b(user.encode(), digest_size=8).digest()) % shards


def build_store(
    source: Path,
    store: Path,
    release: str = "r4.2",
    shards: int = 16,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Build an event store from a release on disk.

    Args:
        source: Folder with the release's CSV files, and ``LDAP/`` and ``answers/`` where there are any.
        store: Folder to make; must not exist.
        release: Name of the release.
        shards: Number of parts; each must fit into memory.
        on_progress: Called with the log's name, bytes done and bytes in all.

    Returns:
        The manifest.

    Raises:
        InputError: If the source does not fit the release, or the store exists.
    """
    found = find_release(release)
    if not source.is_dir():
        raise InputError(f"no folder at {source}; expected a CERT release")
    if store.exists():
        raise InputError(f"{store} exists already; remove it or name another store")
    if shards < 1:
        raise InputError(f"shards must be at least 1, got {shards}")
    readers = [LogReader(source / f"{log.name}.csv", log) for log in found.logs]
    answers = read_answers(source / "answers", found)
    people = read_people(source)
    with alone(store.with_name(f".{store.name}.partial")) as partial:
        staged = {
            reader.log.name: stage(reader, order, partial / "staging", shards, on_progress)
            for order, reader in enumerate(readers)
        }
        about = {"release": found.name, "synthetic": (source / SYNTHETIC).is_file()}
        manifest = assemble(partial, staged, answers, people, about, shards)
        partial.replace(store)
    return manifest


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """An empty folder that only this program writes to, removed at the end.

    Raises:
        InputError: If another program is writing to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the program, however that ends
    except BlockingIOError as error:
        os.close(lock)
        raise InputError(f"another program is building this store in {folder}; wait for it") from error
    try:
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def stage(reader: LogReader, order: int, folder: Path, shards: int, on_progress: Progress | None) -> Staged:
    """Read one log and leave its rows in files by shard, in the log's own order."""
    read, rejects = 0, [pl.DataFrame(schema=REJECTS)]
    size = reader.path.stat().st_size
    known: dict[str, int] = {}
    for number, block in enumerate(reader):
        read += block.read
        rejects.append(block.rejects)
        known |= {user: shard_of(user, shards) for user in block.rows["user"].unique() if user not in known}
        parts = block.rows.with_columns(
            shard=pl.col("user").replace_strict(known, return_dtype=pl.UInt16),
            log=pl.lit(reader.path.name),
        ).partition_by("shard", as_dict=True, include_key=False)
        for (shard,), rows in parts.items():
            target = folder / f"{shard:03d}"
            target.mkdir(parents=True, exist_ok=True)
            rows.write_parquet(target / f"{order}-{number:06d}.parquet", compression="lz4")
        if on_progress:
            on_progress(reader.log.name, block.bytes_done, size)
    return Staged(read, pl.concat(rejects), reader.fingerprint.hexdigest())


def assemble(
    folder: Path,
    staged: dict[str, Staged],
    answers: Answers | None,
    people: pl.DataFrame | None,
    about: dict[str, Any],
    shards: int,
) -> dict[str, Any]:
    """Sort the shards, add people and key, and write the manifest last."""
    rejects = [log.rejects for log in staged.values()]
    hits: list[pl.DataFrame] = []
    users, spans = 0, []
    for shard in range(shards):
        events, repeated = sort_shard(folder / "staging" / f"{shard:03d}")
        rejects.append(repeated)
        target = folder / "events" / f"shard={shard:03d}"
        target.mkdir(parents=True)
        events.write_parquet(target / "events.parquet", row_group_size=ROW_GROUP)
        users += events["user"].n_unique()
        spans += [events["time"].min(), events["time"].max()]
        if answers:
            hits += find_key_rows(events, answers.rows)
    shutil.rmtree(folder / "staging", ignore_errors=True)
    refused = pl.concat(rejects).sort("file", "line")
    (folder / "rejects").mkdir()
    refused.write_parquet(folder / "rejects" / "rejects.parquet")
    if people is not None:
        people.write_parquet(folder / "people.parquet")
    by_file = dict(refused.group_by("file").len().iter_rows())
    known = [str(time) for time in spans if time is not None]
    rejected = {name: by_file.get(f"{name}.csv", 0) for name in staged}
    manifest: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        **about,
        "users": users,
        "events": sum(log.read - rejected[name] for name, log in staged.items()),
        "first": min(known, default=None),
        "last": max(known, default=None),
        "logs": {
            name: {
                "read": log.read,
                "kept": log.read - rejected[name],
                "rejected": rejected[name],
                "fingerprint": log.fingerprint,
            }
            for name, log in staged.items()
        },
        "people": None if people is None else people["user"].n_unique(),
        "answers": write_answers(folder / "answers", answers, hits),
        "options": {"shards": shards},
        "software": {
            "itd_lightning": itd_lightning.__version__,
            "polars": pl.__version__,
            "python": platform.python_version(),
        },
    }
    manifest["fingerprint"] = fingerprint(manifest, people, answers)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return manifest


def sort_shard(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put a shard's rows in order; return them and the rows whose id its user's log had before.

    Ids are unique within one log only, and the join to the key asks for the user too: so the same id under
    two users is kept twice.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return pl.DataFrame(schema=EVENTS), pl.DataFrame(schema=REJECTS)
    rows = pl.concat([pl.read_parquet(file, glob=False) for file in files])
    first = rows.select(pl.struct("log", "user", "event_id").is_first_distinct()).to_series()
    repeated = rows.filter(~first).select(
        pl.col("log").alias("file"), "line", pl.lit("duplicate id").alias("reason")
    )
    # A stable sort keeps the logs' order, and each log's own, where time stamps are equal.
    events = rows.filter(first).sort("user", "time", maintain_order=True).select(EVENTS.names())
    return events, repeated


def find_key_rows(events: pl.DataFrame, key: pl.DataFrame) -> list[pl.DataFrame]:
    """Events of a shard that a key row may mean: by kind, id and user, or else by user, kind, PC and time."""
    mine = key.filter(pl.col("user").is_in(events["user"].unique().implode()))
    if mine.is_empty():
        return []
    columns = ("event_id", "user", "kind", "pc", "time")
    by_id = events.select(columns).join(mine, on=["kind", "event_id", "user"], how="semi")
    by_time = events.select(columns).join(mine, on=["user", "kind", "pc", "time"], how="semi")
    return [by_id.with_columns(found_by=pl.lit("id")), by_time.with_columns(found_by=pl.lit("time"))]


def write_answers(folder: Path, answers: Answers | None, hits: list[pl.DataFrame]) -> dict[str, Any] | None:
    """Write the key with each row resolved to an event of the store, and count what no log holds."""
    if answers is None:
        return None
    columns = ("event_id", "user", "kind", "pc", "time")
    empty = pl.DataFrame(schema={**{name: EVENTS[name] for name in columns}, "found_by": pl.String()})
    found = pl.concat([empty, *hits])
    by_id = found.filter(pl.col("found_by") == "id").select("kind", "event_id", "user", "found_by")
    rows = answers.rows.join(
        by_id.unique(), on=["kind", "event_id", "user"], how="left", maintain_order="left"
    )
    # A log without genuine ids is paired in order: the second key row of a second means its second event.
    place = ["user", "kind", "pc", "time"]
    genuine = by_id["kind"].unique().implode()
    rest = rows.filter(pl.col("found_by").is_null()).drop("found_by")
    taken = rows.filter(pl.col("found_by").is_not_null())
    free = found.filter(pl.col("found_by") == "time", ~pl.col("kind").is_in(genuine))
    number = pl.int_range(pl.len()).over(place).alias("number")
    paired = (
        rest.with_columns(number)
        .join(
            free.with_columns(number),
            on=[*place, "number"],
            how="left",
            suffix="_found",
            maintain_order="left",
        )
        .with_columns(event_id=pl.coalesce("event_id_found", "event_id"))
        .select(taken.columns)
    )
    resolved = pl.concat([taken, paired]).sort("insider", "time", "event_id")
    folder.mkdir()
    answers.campaigns.write_parquet(folder / "campaigns.parquet")
    resolved.write_parquet(folder / "malicious.parquet")
    missing = resolved.filter(pl.col("found_by").is_null())
    return {
        "campaigns": len(answers.campaigns),
        "rows": len(resolved),
        "found_by_id": len(resolved.filter(pl.col("found_by") == "id")),
        "found_by_time": len(resolved.filter(pl.col("found_by") == "time")),
        "missing": len(missing),
        "missing_by_account": dict(missing.group_by("user").len().sort("user").iter_rows()),
        "refused": answers.refused,
    }


def fingerprint(manifest: dict[str, Any], people: pl.DataFrame | None, answers: Answers | None) -> str:
    """Hash of everything in the store that can change a result."""
    about = {name: manifest[name] for name in ("schema", "release", "logs", "answers", "options")}
    tables = [people] if answers is None else [people, answers.campaigns, answers.rows]
    text = json.dumps(about, sort_keys=True) + "".join(t.write_json() for t in tables if t is not None)
    return blake2b(text.encode(), digest_size=16).hexdigest()
