"""What a manifest says of a store: the rows of each log, what was refused and why, hashes, versions."""

import json
import platform
from hashlib import blake2b
from itertools import accumulate
from typing import Any, NamedTuple

import polars as pl

import itd_lightning
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import REJECTS
from itd_lightning.sources.cert.pieces import fingerprint
from itd_lightning.store.build.facts import Facts
from itd_lightning.store.build.plan import Plan
from itd_lightning.store.build.shards import DUPLICATES, Shard
from itd_lightning.store.build.stage import REFUSALS, Job, Note, piece_folder
from itd_lightning.store.read import SCHEMA_VERSION


class Staged(NamedTuple):
    """A log of a source, all of whose pieces are staged.

    Attributes:
        source: Number of the source in the store.
        log: Name of the log.
        notes: What became of each piece.
        header: First line of the log.
    """

    source: int
    log: str
    notes: list[Note]
    header: bytes

    @property
    def read(self) -> int:
        """Rows in the file, without its header."""
        return sum(note.read for note in self.notes)

    @property
    def first_lines(self) -> list[int]:
        """Number in the file of the first line of each piece; the header is line 1."""
        return list(accumulate([note.lines for note in self.notes[:-1]], initial=2))


def describe(
    plan: Plan,
    logs: list[Staged],
    shards: list[Shard],
    rejects: pl.DataFrame,
    facts: Facts,
    answers: dict[str, Any] | None,
) -> dict[str, Any]:
    """The manifest of a store.

    Args:
        plan: What was built.
        logs: The logs that were read.
        shards: What each shard holds.
        rejects: Every refused row, as ``collect_rejects`` returns them.
        facts: What was read beside the logs.
        answers: What became of the key.
    """
    earlier = [] if plan.base is None else plan.base.manifest["sources"]
    sources = [*earlier, *count_logs(logs, rejects)]
    manifest: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "release": plan.release.name,
        "synthetic": facts.synthetic,
        "users": sum(shard.users for shard in shards),
        "events": sum(shard.events for shard in shards),
        "first": min((shard.first for shard in shards if shard.first), default=None),
        "last": max((shard.last for shard in shards if shard.last), default=None),
        "logs": {
            log.name: {
                what: sum(source[log.name][what] for source in sources)
                for what in ("read", "kept", "rejected")
            }
            for log in plan.release.logs
        },
        "people": None if facts.directory is None else facts.directory.entries["user"].n_unique(),
        "answers": answers,
        "options": plan.options,
        "sources": sources,
        "shards": [shard._asdict() for shard in shards],
        "software": {
            "itd_lightning": itd_lightning.__version__,
            "polars": pl.__version__,
            "python": platform.python_version(),
        },
    }
    if (kept := sum(log["kept"] for log in manifest["logs"].values())) != manifest["events"]:
        raise InputError(
            f"{kept:,} rows were kept and the shards hold {manifest['events']:,}: something was lost; "
            "build again"
        )
    manifest["fingerprint"] = fingerprint_of(manifest, facts)
    return manifest


def collect_rejects(plan: Plan, job: Job, logs: list[Staged]) -> pl.DataFrame:
    """Every refused row, by its line in its file: no row at all, no event, or an id that had been there."""
    rejects = [REJECTS.to_frame()]
    if plan.base is not None:
        rejects.append(pl.read_parquet(plan.base.path / "rejects" / "rejects.parquet", glob=False))
    notes = [pl.read_parquet(path, glob=False) for path in sorted(job.folder.glob("sorted/*.parquet"))]
    repeated = pl.concat([DUPLICATES.to_frame(), *notes]).partition_by("piece", as_dict=True)
    for log in logs:
        for number, first_line in enumerate(log.first_lines):
            folder = piece_folder(job, log.source, log.log, number)
            again = repeated.get((folder.name,), DUPLICATES.to_frame())
            refused = pl.concat(
                [
                    pl.read_parquet(folder / REFUSALS, glob=False),
                    again.select("line", reason=pl.lit("duplicate id")),
                ]
            )
            rejects.append(
                refused.select(
                    source=pl.lit(log.source, REJECTS["source"]),
                    file=pl.lit(f"{log.log}.csv"),
                    line=pl.col("line") + first_line,
                    reason="reason",
                )
            )
    return pl.concat(rejects).sort("source", "file", "line").rechunk()


def count_logs(logs: list[Staged], rejects: pl.DataFrame) -> list[dict[str, Any]]:
    """For each new source and each of its logs, the rows read, kept and rejected, and the file's hash."""
    refused = {
        (source, file): count for source, file, count in rejects.group_by("source", "file").len().rows()
    }
    counts: dict[int, dict[str, Any]] = {}
    for log in logs:
        rejected = refused.get((log.source, f"{log.log}.csv"), 0)
        counts.setdefault(log.source, {})[log.log] = {
            "read": log.read,
            "kept": log.read - rejected,
            "rejected": rejected,
            "fingerprint": fingerprint(log.header, [note.digest for note in log.notes]),
        }
    return list(counts.values())


def fingerprint_of(manifest: dict[str, Any], facts: Facts) -> str:
    """Hash of everything that went into the store and can change a result."""
    about = {name: manifest[name] for name in ("schema", "release", "sources", "answers", "options")}
    tables: list[pl.DataFrame] = []
    if facts.directory is not None:
        tables += facts.directory
    if facts.answers is not None:
        tables += [facts.answers.campaigns, facts.answers.rows]
    text = json.dumps(about, sort_keys=True) + "".join(table.write_json() for table in tables)
    return blake2b(text.encode(), digest_size=16).hexdigest()
