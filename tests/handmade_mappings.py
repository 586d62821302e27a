"""Mappings and small logs, written by hand."""

from datetime import datetime
from pathlib import Path

import polars as pl

from itd_lightning.sources.base import PARSED, ParsedPiece
from itd_lightning.sources.mapped.mapping import read_mapping
from itd_lightning.sources.mapped.source import MappedSource, open_mapping
from itd_lightning.store.build.build import build
from itd_lightning.store.build.plan import plan_build

NOW = datetime(2030, 1, 1)
COLUMNS = "{user: user, pc: host, object: what, size: CAST(size AS BIGINT)}"
CSV = """\
inputs:
  logons:
    files: "*.csv*"
    format: csv
    time: time
    columns: {user: user, pc: host, object: what, size: CAST(size AS BIGINT)}
    kind:
      - {kind: logon, when: act = 'in'}
      - {kind: logoff, when: act = 'out'}
"""
NDJSON = CSV.replace("csv*", "json*").replace("format: csv", "format: ndjson")
HEADER = "time,user,host,act,what,size\n"


def open_logs(folder: Path, mapping: str, files: dict[str, str | bytes]) -> MappedSource:
    """Write a mapping and its logs, and return them as a source."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mapping.yaml").write_text(mapping, "utf-8")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return open_mapping(read_mapping(folder / "mapping.yaml"))


def parse(source: MappedSource, content: tuple[str, ...] | None = None) -> list[ParsedPiece]:
    """Return all pieces of a source, parsed."""
    spool = source.mapping.file.parent / "spool"
    return [source.parse(piece, content, NOW) for piece in source.pieces(spool, lambda *_: False)]


def events(source: MappedSource) -> pl.DataFrame:
    """Return all events of a source."""
    return pl.concat([PARSED.to_frame(), *(piece.events for piece in parse(source))])


def refusals(source: MappedSource) -> list[tuple[int, str]]:
    """Return line and reason of all refused rows of a source."""
    return [row for piece in parse(source) for row in piece.refused.rows()]


def build_logs(source: MappedSource, store: Path, *, append: bool = False) -> dict[str, dict[str, int]]:
    """Build a store, or add to one, and return the counts of its logs."""
    shards = None if append else 2
    counts: dict[str, dict[str, int]] = build(plan_build([source], store, shards=shards, append=append))[
        "logs"
    ]
    return counts
