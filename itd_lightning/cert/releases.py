"""What each release holds: files, columns, and how a raw row becomes an event.

Source: the readme of release r4.2 and the files' own headers.
"""

from dataclasses import dataclass, field

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import COPIES

SYNTHETIC = (
    "synthetic.txt"  # a release of ours holds this file, so that nobody takes its numbers for real ones
)
YEARS = (1990, 2100)  # an event outside would stretch its user's calendar over centuries
TIME_FORMAT = "%m/%d/%Y %H:%M:%S"


@dataclass(frozen=True)
class Log:
    """One CSV of a release.

    Args:
        name: File name without ``.csv``; also the first column of the answer key's detail files.
        columns: Columns that must be there, in the order of the genuine header.
        kinds: Kind of event by the text of ``activity``; by "" where the log has no such column.
        numbers: Columns that must hold whole numbers.
        events: Event columns that this log fills, as expressions over its raw text columns.
    """

    name: str
    columns: tuple[str, ...]
    kinds: dict[str, str]
    numbers: tuple[str, ...] = ()
    events: dict[str, pl.Expr] = field(default_factory=dict)

    def kind(self) -> pl.Expr:
        """Kind of each raw row; null where the activity is unknown."""
        if "" in self.kinds:
            return pl.lit(self.kinds[""])
        return pl.col("activity").replace_strict(self.kinds, default=None, return_dtype=pl.String)


@dataclass(frozen=True)
class Release:
    """A release of the data set.

    Args:
        name: As the data set writes it, such as ``"r4.2"``.
        dataset: As the answer key writes it, such as ``"4.2"``.
        logs: Its logs, in the order that settles equal time stamps.
    """

    name: str
    dataset: str
    logs: tuple[Log, ...]


KEYED = ("id", "date", "user", "pc")

R42 = Release(
    "r4.2",
    "4.2",
    (
        Log("logon", (*KEYED, "activity"), {"Logon": "logon", "Logoff": "logoff"}),
        Log("device", (*KEYED, "activity"), {"Connect": "connect", "Disconnect": "disconnect"}),
        Log(
            "file",
            (*KEYED, "filename", "content"),
            {"": "file_copy"},
            # Readme r4.2: each row is a copy to removable media.
            events={
                "object": pl.col("filename"),
                "content": pl.col("content"),
                "to_removable": pl.lit(value=True),
            },
        ),
        Log(
            "email",
            (*KEYED, "to", "cc", "bcc", "from", "size", "attachments", "content"),
            {"": "email_send"},
            numbers=("size", "attachments"),
            events={
                "object": pl.concat_str(
                    pl.col("to").fill_null(""),
                    pl.lit(COPIES)
                    + pl.concat_str("cc", "bcc", separator=";", ignore_nulls=True).replace("", None),
                    ignore_nulls=True,
                ),
                "size": pl.col("size").cast(pl.Int64, strict=False),
                "attachments": pl.col("attachments").cast(pl.Int32, strict=False),
                "content": pl.col("content"),
            },
        ),
        Log(
            "http",
            (*KEYED, "url", "content"),
            {"": "http_visit"},
            events={"object": pl.col("url"), "content": pl.col("content")},
        ),
    ),
)

RELEASES = {release.name: release for release in (R42,)}


def find_release(name: str) -> Release:
    """Look a release up by name.

    Raises:
        InputError: If the release is not supported.

    Example:
        >>> find_release("r4.2").dataset
        '4.2'
    """
    if name not in RELEASES:
        raise InputError(f"release must be one of {', '.join(RELEASES)}, got {name!r}")
    return RELEASES[name]
