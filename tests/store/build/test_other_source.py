"""A source of another format needs nothing but the protocol: a log of JSON lines, in many files."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.base import PARSED, REFUSED, Facts, Guess, ParsedPiece, Piece, Source
from itd_lightning.store.build.build import build
from itd_lightning.store.build.estimate import estimate
from itd_lightning.store.build.plan import plan_build
from itd_lightning.store.read import Store


class JsonFile(NamedTuple):
    """A file of a log, which is one piece."""

    log: str
    number: int
    path: Path
    file: str
    size: int
    header: bytes = b""


@dataclass(frozen=True)
class JsonLines(Source):
    """Sign-ins and started programs, a file an hour."""

    folder: Path
    kind: str = "own logs"

    @property
    def name(self) -> str:
        """Name of the logs."""
        return self.kind

    @property
    def path(self) -> Path:
        """Folder."""
        return self.folder

    @property
    def logs(self) -> dict[str, tuple[str, ...]]:
        """Both logs."""
        return {"sign_ins": ("logon", "logoff"), "programs": ("process",)}

    @property
    def records(self) -> frozenset[str]:
        """Three kinds."""
        return frozenset({"logon", "logoff", "process"})

    @property
    def archived(self) -> bool:
        """No."""
        return False

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.stat().st_size for file in self.folder.glob("*.ndjson"))

    @property
    def piece_size(self) -> int:
        """Bytes."""
        return 1 << 20

    @property
    def identity(self) -> list[Any]:
        """Names and sizes."""
        return [[file.name, file.stat().st_size] for file in sorted(self.folder.glob("*.ndjson"))]

    def pieces(self, folder: Path, is_done: Callable[[str, int], bool]) -> Iterator[JsonFile]:
        """Yield the files."""
        for log in self.logs:
            for number, path in enumerate(sorted(self.folder.glob(f"{log}-*.ndjson"))):
                yield JsonFile(log, number, path, path.name, path.stat().st_size)

    def expected_row(self, log: str) -> str:
        """Return what a line must be."""
        return "JSON"

    def parse(self, piece: Piece, content: tuple[str, ...] | None, now: datetime) -> ParsedPiece:
        """Parse the lines of a file."""
        events, refused = [], []
        lines = piece.path.read_text().splitlines()
        for line, text in enumerate(lines):
            try:
                events.append({**json.loads(text), "line": line})
            except ValueError:
                refused.append((line, "no JSON"))
        rows = pl.DataFrame(events, schema={"time": pl.String, **dict.fromkeys(("id", "user", "kind"))})
        rows = pl.DataFrame(
            {
                "event_id": rows["id"].cast(pl.String),
                "user": rows["user"].cast(pl.String),
                "time": rows["time"].str.to_datetime(),
                "kind": rows["kind"].cast(pl.String),
                "line": [event["line"] for event in events],
            }
        )
        empty = [pl.lit(None).alias(name) for name in PARSED if name not in rows.columns]
        return ParsedPiece(
            rows.with_columns(empty).select(pl.col(name).cast(dtype) for name, dtype in PARSED.items()),
            pl.DataFrame(refused, schema=REFUSED, orient="row"),
            len(lines),
            sha256(piece.path.read_bytes()).hexdigest(),
        )

    def samples(self, content: tuple[str, ...] | None, now: datetime) -> Iterator[Guess]:
        """Yield a guess."""
        yield Guess(self.size / 60, 1.0)

    def read_facts(self, folder: Path, *, streamed: bool) -> Facts:
        """Return that nothing else is known."""
        return Facts(directory=None, answers=None, decoys=None, synthetic=False)


def event(number: int, kind: str, hour: int, user: str = "ann") -> str:
    """A line."""
    return json.dumps(
        {"id": f"e{number}", "user": user, "kind": kind, "time": f"2026-03-02T{hour:02d}:00:00"}
    )


def write(folder: Path, files: dict[str, list[str]]) -> JsonLines:
    """Write files of lines."""
    folder.mkdir()
    for name, lines in files.items():
        (folder / f"{name}.ndjson").write_text("".join(f"{line}\n" for line in lines))
    return JsonLines(folder)


@pytest.fixture
def source(tmp_path: Path) -> JsonLines:
    """Return a source of two files a log with a line that is none."""
    return write(
        tmp_path / "logs",
        {
            "sign_ins-08": [event(1, "logon", 8), "broken", event(2, "logon", 8, "bob")],
            "sign_ins-17": ["broken", event(3, "logoff", 17)],
            "programs-08": [event(4, "process", 8)],
        },
    )


def test_it_becomes_a_store_whose_every_line_is_accounted_for(source: JsonLines, tmp_path: Path) -> None:
    plan = plan_build([source], tmp_path / "store", shards=2)
    assert estimate(plan, workers=1).rows == source.size // 60
    manifest = build(plan)
    store = Store(tmp_path / "store")
    assert store.data == "own logs"
    assert manifest["logs"] == {
        "sign_ins": {"read": 5, "kept": 3, "rejected": 2},
        "programs": {"read": 1, "kept": 1, "rejected": 0},
    }
    rejects = pl.read_parquet(store.path / "rejects" / "rejects.parquet")
    # There is no header, so a file begins with line 1.
    assert rejects.rows() == [
        (0, "sign_ins-08.ndjson", 2, "no JSON"),
        (0, "sign_ins-17.ndjson", 1, "no JSON"),
    ]
    ann = store.scan().filter(pl.col("user") == "ann").collect()
    assert ann["kind"].to_list() == ["logon", "process", "logoff"]
    assert ann["pc"].null_count() == 3


def test_the_store_says_which_kinds_it_can_record_whether_or_not_there_are_any(
    source: JsonLines, tmp_path: Path
) -> None:
    (source.folder / "programs-08.ndjson").unlink()
    manifest = build(plan_build([source], tmp_path / "store", shards=2))
    assert manifest["records"] == ["logon", "logoff", "process"]
    assert Store(tmp_path / "store").records == {"logon", "logoff", "process"}
    assert manifest["logs"]["programs"] == {"read": 0, "kept": 0, "rejected": 0}


def test_it_is_added_to_as_any_other(source: JsonLines, tmp_path: Path) -> None:
    build(plan_build([source], tmp_path / "store", shards=2))
    night = write(tmp_path / "night", {"sign_ins-23": [event(5, "logon", 23), event(3, "logoff", 17)]})
    manifest = build(plan_build([night], tmp_path / "store", append=True))
    assert (manifest["events"], manifest["sources"][1]["sign_ins"]["rejected"]) == (5, 1)
    assert manifest["records"] == ["logon", "logoff", "process"]


def test_sources_of_two_kinds_do_not_share_a_store(source: JsonLines, tmp_path: Path) -> None:
    other = JsonLines(source.folder, "their logs")
    with pytest.raises(InputError, match="a store holds logs of one kind, not own logs and their logs"):
        plan_build([source, other], tmp_path / "store")
    build(plan_build([source], tmp_path / "store", shards=2))
    with pytest.raises(InputError, match="store holds own logs; their logs cannot be added to it"):
        plan_build([other], tmp_path / "store", append=True)
