"""The protocol of a source of events, and the tables that a source hands to the store.

The store knows no format. It asks a ``Source`` for pieces, sends them to workers and has each parsed into
rows. It also asks for what is known beside the events: people, decoys and the answer key. A CERT release is
one source.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import polars as pl

from itd_lightning.contracts.events import EVENTS, REJECTS, Kind

ROW_SIZE = 500  # bytes of a row of a log, about; for estimates where nobody has looked into the logs
# The line of a row counts from the beginning of its piece, from 0.
PARSED = pl.Schema({**EVENTS, "line": pl.UInt32()})
REFUSED = pl.Schema({name: REJECTS[name] for name in ("line", "reason")})
DECOYS = pl.Schema({"file": pl.String(), "pc": pl.String()})
ATTRIBUTES = (  # of a person in one month; all text
    "user",
    "name",
    "email",
    "role",
    "business_unit",
    "unit",
    "department",
    "team",
    "supervisor",
    "projects",
)
CAMPAIGNS = pl.Schema(
    {"user": pl.String(), "scenario": pl.Int32(), "start": pl.Datetime("us"), "end": pl.Datetime("us")}
)
KEY_ROWS = pl.Schema(
    {
        "insider": pl.String(),  # whose campaign it is
        "scenario": pl.Int32(),
        "event_id": pl.String(),
        "user": pl.String(),  # whose account it is; the supervisor's in parts of scenario 3
        "time": pl.Datetime("us"),
        "pc": pl.String(),
        "kind": Kind,
    }
)
CAMPAIGN_ORDER = ["user", "start", "end", "scenario"]
KEY_ORDER = ["insider", "time", "kind", "event_id", "user", "pc", "scenario"]


@runtime_checkable
class Piece(Protocol):
    """A part of a log that can be read without the others; picklable.

    Attributes:
        log: Name of the log.
        number: Place among the log's pieces, from 0.
        path: File that holds it. A file in the folder that ``Source.pieces`` was given holds this piece
            alone, and is removed when the piece is parsed.
        file: Name of the log's file in the table of refused rows.
        header: First line of the file, which no piece counts among its lines; empty where there is none.
        size: Bytes.
    """

    @property
    def log(self) -> str: ...  # noqa: D102 - described above

    @property
    def number(self) -> int: ...  # noqa: D102

    @property
    def path(self) -> Path: ...  # noqa: D102

    @property
    def file(self) -> str: ...  # noqa: D102

    @property
    def header(self) -> bytes: ...  # noqa: D102

    @property
    def size(self) -> int: ...  # noqa: D102


class ParsedPiece(NamedTuple):
    """The rows of a piece; every row that was read is among the events or the refused ones.

    Attributes:
        events: Columns of ``PARSED``, in the log's own order.
        refused: Columns of ``REFUSED``.
        lines: Number of lines of the file in the piece.
        digest: Hash of its bytes, in hex.
    """

    events: pl.DataFrame
    refused: pl.DataFrame
    lines: int
    digest: str


class Sample(NamedTuple):
    """The first rows of a log, from which the cost of reading all of it is estimated.

    Attributes:
        events: Columns of ``PARSED``.
        seconds: Time that parsing them took.
        scale: Size of the log, as a multiple of the sample's.
    """

    events: pl.DataFrame
    seconds: float
    scale: float


class Guess(NamedTuple):
    """The cost of reading logs that cannot be sampled, such as those within an archive.

    Attributes:
        rows: Rows, about.
        seconds: Time to read them, about.
    """

    rows: float
    seconds: float


class Directory(NamedTuple):
    """The people of a source by month, and their scores in personality tests.

    Attributes:
        entries: One row a user and month: ``month`` (its first day) and ``ATTRIBUTES``.
        traits: One row a user: ``user`` and a column a trait; no row where nobody was tested.
    """

    entries: pl.DataFrame
    traits: pl.DataFrame


class Answers(NamedTuple):
    """The answer key of a source.

    Attributes:
        campaigns: Columns of ``CAMPAIGNS``; the last moment belongs to a campaign.
        rows: Columns of ``KEY_ROWS``: one row a malicious event.
        remarks: Lines of the key that could not be read, or were repaired, as "file:line: reason".
    """

    campaigns: pl.DataFrame
    rows: pl.DataFrame
    remarks: list[str]


class Facts(NamedTuple):
    """Everything that a source knows beside its events.

    Attributes:
        directory: People; None where the source does not know them.
        answers: The answer key; None where there is none.
        decoys: Columns of ``DECOYS``; None where no file is known to be one.
        synthetic: Whether a generator of ours wrote the logs.
        current: Whether the directory says who is there as what now, not month by month.
    """

    directory: Directory | None
    answers: Answers | None
    decoys: pl.DataFrame | None
    synthetic: bool
    current: bool = False


class Source(ABC):
    """Logs on disk that can be read into a store. Small and picklable: workers get a copy.

    Attributes:
        name: Which kind of logs they are, such as ``"r4.2"``; all sources of a store have the same name.
        path: Folder or file, for messages.
        logs: Names of the logs, and the kinds of events that each records; their order settles equal times.
        records: All kinds of events that the source can record, whether or not it holds any.
        archived: Whether everything lies in one archive, which is streamed and never looked up.
        size: Bytes of all logs, about.
        piece_size: Most bytes of a piece, about.
        unwanted: Reasons for which rows are refused because they were not asked for: they are no faults.
        identity: JSON values that change when the files do, or how they are cut into pieces; a build that was
            interrupted goes on only where they are equal.
    """

    @property
    @abstractmethod
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    @abstractmethod
    def path(self) -> Path: ...  # noqa: D102

    @property
    @abstractmethod
    def logs(self) -> Mapping[str, tuple[str, ...]]: ...  # noqa: D102

    @property
    @abstractmethod
    def records(self) -> frozenset[str]: ...  # noqa: D102

    @property
    def zone(self) -> str | None:
        """Zone of the events' local times; None where times are as logged."""
        return None

    @property
    @abstractmethod
    def archived(self) -> bool: ...  # noqa: D102

    @property
    @abstractmethod
    def size(self) -> int: ...  # noqa: D102

    @property
    @abstractmethod
    def piece_size(self) -> int: ...  # noqa: D102

    @property
    @abstractmethod
    def identity(self) -> list[Any]: ...  # noqa: D102

    @property
    def unwanted(self) -> frozenset[str]:  # noqa: D102 - described above
        return frozenset()

    @abstractmethod
    def expected_row(self, log: str) -> str:
        """Return what a row of a log must look like, in words for who has a log of which most is refused."""

    @abstractmethod
    def pieces(self, folder: Path, is_done: Callable[[str, int], bool]) -> Iterator[Piece]:
        """Yield the pieces of all logs, just ahead of who parses them; the same ones each time.

        Args:
            folder: For the files of an archive: pieces, and the small files that ``read_facts`` reads.
            is_done: Tells by log and number whether a piece is parsed already, and need not be written.

        Raises:
            InputError: If a log is missing or cannot be read.
        """

    def row_text(self, piece: Piece, line: int) -> str:
        """Return the text of a row of a piece; '' where the rows are no lines of text."""
        return ""

    @abstractmethod
    def parse(self, piece: Piece, content: tuple[str, ...] | None, now: datetime) -> ParsedPiece:
        """Parse a piece, in any process, in any order.

        Args:
            piece: One of ``pieces``.
            content: Kinds of event whose content is wanted, all for None; the others may lack it.
            now: Events after it are refused.

        Raises:
            InputError: If it is no part of such a log at all.
        """

    @abstractmethod
    def samples(self, content: tuple[str, ...] | None, now: datetime) -> Iterator[Sample | Guess]:
        """Yield the cost of each log, for an estimate; arguments as those of ``parse``."""

    @abstractmethod
    def read_facts(self, folder: Path, *, streamed: bool) -> Facts | None:
        """Return what is known beside the events; None if that lies in an archive not yet streamed.

        Args:
            folder: As that of ``pieces``.
            streamed: Whether all ``pieces`` were read. The store asks before that, so that a damaged key
                shows at once, and a second time where the answer was None.

        Raises:
            InputError: If people or key cannot be read.
        """
