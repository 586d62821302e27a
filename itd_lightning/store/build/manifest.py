"""The manifest of a store: the rows of each log, counts of refused rows, hashes, versions."""

import json
import platform
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from xxhash import xxh3_128

import itd_lightning
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import KINDS, REJECTS
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.store_files import MANIFEST_FILE, REJECT_FILE
from itd_lightning.sources.base import Facts, Piece
from itd_lightning.store.build.plan import Plan
from itd_lightning.store.build.shards import Shard
from itd_lightning.store.build.sort import DUPLICATES
from itd_lightning.store.build.stage import REFUSALS, SORTED, Job, PieceNote, piece_folder
from itd_lightning.store.read import SCHEMA_VERSION


class StagedLog(NamedTuple):
    """A log of a source, all of whose pieces are staged.

    Attributes:
        source: Number of the source in the store.
        log: Name of the log.
        pieces: Its pieces, in order, and the note of each.
    """

    source: int
    log: str
    pieces: list[tuple[Piece, PieceNote]]

    @property
    def read(self) -> int:
        """Rows in the log's files, without headers."""
        return sum(note.read for _, note in self.pieces)

    @property
    def files(self) -> set[str]:
        """Names of the log's files."""
        return {piece.file for piece, _ in self.pieces}

    @property
    def first_lines(self) -> list[int]:
        """Number of the first line of each piece in its file; a header is line 1."""
        following: dict[str, int] = {}
        first = []
        for piece, note in self.pieces:
            first.append(following.get(piece.file, 2 if piece.header else 1))
            following[piece.file] = first[-1] + note.lines
        return first

    @property
    def fingerprint(self) -> str:
        """Hash of the log: of its header and of the hashes of its pieces.

        XXH3 tells logs apart at the speed of memory; it is no proof against somebody who forges one.
        """
        whole = xxh3_128(self.pieces[0][0].header if self.pieces else b"")
        for _, note in self.pieces:
            whole.update(bytes.fromhex(note.digest))
        return whole.hexdigest()


def make_manifest(
    plan: Plan,
    logs: list[StagedLog],
    shards: list[Shard],
    rejects: pl.DataFrame,
    facts: Facts,
    answers: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the manifest of a store.

    Args:
        plan: The build.
        logs: The logs that were read.
        shards: Size and span of each shard.
        rejects: Every refused row, as ``collect_rejects`` returns them.
        facts: What is known beside the events.
        answers: Counts of the key, as ``count_key`` returns them.
    """
    earlier = [] if plan.base is None else plan.base.manifest["sources"]
    sources = [*earlier, *_count_logs(logs, rejects)]
    manifest: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "release": plan.name,
        "synthetic": facts.synthetic,
        "zone": plan.zone,
        "records": [kind for kind in KINDS if kind in plan.records],
        **_count_shards(shards),
        "logs": {
            log: {
                count: sum(source[log][count] for source in sources if log in source)
                for count in ("read", "kept", "rejected")
            }
            for log in plan.all_logs
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
    # Of a store that is added to, early events may have been removed.
    trimmed = 0 if plan.base is None else int(plan.base.manifest.get("trimmed", 0))
    if trimmed:
        manifest["trimmed"] = trimmed
    if (total := sum(log["kept"] for log in manifest["logs"].values())) != manifest["events"] + trimmed:
        raise InputError(
            f"{total:,} rows were kept and the shards hold {manifest['events']:,}: something was lost; "
            "build again"
        )
    manifest["fingerprint"] = _fingerprint_of(manifest, facts)
    return manifest


def derive_manifest(
    old: Mapping[str, Any], shards: list[Shard], changes: Mapping[str, Any], identity: object
) -> dict[str, Any]:
    """Return the manifest of a store that holds a part of another one.

    Logs and sources stay: they say what was read once.

    Args:
        old: Manifest of the other store.
        shards: Size and span of each new shard.
        changes: Keys of the manifest that are new or differ.
        identity: JSON value that tells the new store from all others that were derived from the old one.
    """
    return {
        **old,
        **_count_shards(shards),
        "shards": [shard._asdict() for shard in shards],
        **changes,
        "fingerprint": blake2b(json.dumps(identity).encode(), digest_size=16).hexdigest(),
    }


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a store, which is complete with it."""
    with atomic_file(folder / MANIFEST_FILE) as file:
        file.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def count_key(campaigns: pl.DataFrame, rows: pl.DataFrame, remarks: list[str]) -> dict[str, Any]:
    """Return the counts of the answer key.

    Args:
        campaigns: One row a campaign.
        rows: The rows of the key, as ``resolve_key`` writes them.
        remarks: Lines that could not be read, or were repaired.
    """
    missing = rows.filter(pl.col("found_by").is_null())
    spanned = len(rows.filter(pl.col("found_by") == "span"))
    return {
        "campaigns": len(campaigns),
        "rows": len(rows),
        "found_by_id": len(rows.filter(pl.col("found_by") == "id")),
        "found_by_time": len(rows.filter(pl.col("found_by") == "time")),
        **({"found_by_span": spanned} if spanned else {}),
        "missing": len(missing),
        "missing_by_account": dict(missing.group_by("user").len().sort("user").iter_rows()),
        "remarks": remarks,
    }


def _count_shards(shards: list[Shard]) -> dict[str, Any]:
    """Return users, events and time span of all shards together."""
    return {
        "users": sum(shard.users for shard in shards),
        "events": sum(shard.events for shard in shards),
        "first": min((shard.first for shard in shards if shard.first), default=None),
        "last": max((shard.last for shard in shards if shard.last), default=None),
    }


def collect_rejects(plan: Plan, job: Job, logs: list[StagedLog]) -> pl.DataFrame:
    """Return every refused row, by its line in its file: no row at all, no event, or a repeated id."""
    rejects = [REJECTS.to_frame()]
    if plan.base is not None:
        rejects.append(pl.read_parquet(plan.base.path / REJECT_FILE, glob=False))
    notes = [pl.read_parquet(path, glob=False) for path in sorted(job.folder.glob(f"{SORTED}/*.parquet"))]
    repeated = pl.concat([DUPLICATES.to_frame(), *notes]).partition_by("piece", as_dict=True)
    for log in logs:
        for (piece, _), first_line in zip(log.pieces, log.first_lines, strict=True):
            folder = piece_folder(job, log.source, log.log, piece.number)
            duplicates = repeated.get((folder.name,), DUPLICATES.to_frame())
            refused = pl.concat(
                [
                    pl.read_parquet(folder / REFUSALS, glob=False),
                    duplicates.select("line", reason=pl.lit("duplicate id")),
                ]
            )
            rejects.append(
                refused.select(
                    source=pl.lit(log.source, REJECTS["source"]),
                    file=pl.lit(piece.file),
                    line=pl.col("line") + first_line,
                    reason="reason",
                )
            )
    return pl.concat(rejects).sort("source", "file", "line").rechunk()


def _count_logs(logs: list[StagedLog], rejects: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows read, kept and rejected, and the hash, of each log of each new source."""
    refused = {
        (source, file): count for source, file, count in rejects.group_by("source", "file").len().rows()
    }
    counts: dict[int, dict[str, Any]] = {}
    for log in logs:
        rejected = sum(refused.get((log.source, file), 0) for file in log.files)
        counts.setdefault(log.source, {})[log.log] = {
            "read": log.read,
            "kept": log.read - rejected,
            "rejected": rejected,
            "fingerprint": log.fingerprint,
        }
    return list(counts.values())


def _fingerprint_of(manifest: dict[str, Any], facts: Facts) -> str:
    """Return the hash of everything that went into the store and can change a result."""
    about = {name: manifest[name] for name in ("schema", "release", "sources", "answers", "options")}
    tables: list[pl.DataFrame] = []
    if facts.directory is not None:
        tables += facts.directory
    if facts.answers is not None:
        tables += [facts.answers.campaigns, facts.answers.rows]
    text = json.dumps(about, sort_keys=True) + "".join(table.write_json() for table in tables)
    return blake2b(text.encode(), digest_size=16).hexdigest()
