"""The layout of each release: its files and columns, and how a raw row becomes an event.

Source: the readmes of releases r4.2 and r6.2 and the files' own headers.
"""

from dataclasses import dataclass, field, replace

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
        flags: Columns that must hold True or False.
        events: Event columns that this log fills, as expressions over its raw text columns.
        quoted: Whether fields may be quoted; elsewhere a quote is a character like any other.
    """

    name: str
    columns: tuple[str, ...]
    kinds: dict[str, str]
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    events: dict[str, pl.Expr] = field(default_factory=dict)
    quoted: bool = False

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
        logs: Its logs, in the order that settles equal time stamps.
        projects: Whether the directory (LDAP) has a column of projects.
        decoys: Whether there is a list of decoy files.
    """

    name: str
    logs: tuple[Log, ...]
    projects: bool = False
    decoys: bool = False

    @property
    def dataset(self) -> str:
        """As the answer key writes it, such as ``"4.2"``."""
        return self.name.removeprefix("r")

    @property
    def by_name(self) -> dict[str, Log]:
        """Its logs by name."""
        return {log.name: log for log in self.logs}


_KEYED = ("id", "date", "user", "pc")
_CONTENT = {"content": pl.col("content")}
_LOGON = Log("logon", (*_KEYED, "activity"), {"Logon": "logon", "Logoff": "logoff"})
_DEVICE_KINDS = {"Connect": "connect", "Disconnect": "disconnect"}
_FILE_KINDS = {
    "File Open": "file_open",
    "File Write": "file_write",
    "File Copy": "file_copy",
    "File Delete": "file_delete",
}
# A mail arrives (r5) or is read (r6) at a PC of its reader: both say who saw it, when and where.
_EMAIL_KINDS = {"Send": "email_send", "Receive": "email_view", "View": "email_view"}
_HTTP_KINDS = {"WWW Visit": "http_visit", "WWW Download": "http_download", "WWW Upload": "http_upload"}

_RECIPIENTS = pl.concat_str(
    pl.col("to").fill_null(""),
    pl.lit(COPIES) + pl.concat_str("cc", "bcc", separator=";", ignore_nulls=True).replace("", None),
    ignore_nulls=True,
)
_SENT = {"object": _RECIPIENTS, "size": pl.col("size").cast(pl.Int64, strict=False), **_CONTENT}
# r5 and r6 list attachments as name(size);name(size), or nothing.
_NAMED_ATTACHMENTS = pl.col("attachments").fill_null("").str.count_matches(r"\(\d+\)")

_DEVICE_4 = Log("device", (*_KEYED, "activity"), _DEVICE_KINDS)
# Readme r4.2: each row is a copy to removable media.
_FILE_4 = Log(
    "file",
    (*_KEYED, "filename", "content"),
    {"": "file_copy"},
    events={"object": pl.col("filename"), "to_removable": pl.lit(value=True), **_CONTENT},
)
_EMAIL_4 = Log(
    "email",
    (*_KEYED, "to", "cc", "bcc", "from", "size", "attachments", "content"),
    {"": "email_send"},
    numbers=("size", "attachments"),
    events={**_SENT, "attachments": pl.col("attachments").cast(pl.Int32, strict=False)},
)
_HTTP_4 = Log(
    "http",
    (*_KEYED, "url", "content"),
    {"": "http_visit"},
    events={"object": pl.col("url"), **_CONTENT},
)


# Since r5: the folders of a drive, what was done to a file and on which side of a drive, and mails seen.
_DEVICE_5 = Log(
    "device", (*_KEYED, "file_tree", "activity"), _DEVICE_KINDS, events={"object": pl.col("file_tree")}
)
_FLAGS = ("to_removable_media", "from_removable_media")
_FILE_5 = Log(
    "file",
    (*_KEYED, "filename", "activity", *_FLAGS, "content"),
    _FILE_KINDS,
    flags=_FLAGS,
    events={
        "object": pl.col("filename"),
        "to_removable": pl.col(_FLAGS[0]) == "True",
        "from_removable": pl.col(_FLAGS[1]) == "True",
        **_CONTENT,
    },
)
_EMAIL_5 = Log(
    "email",
    (*_KEYED, "to", "cc", "bcc", "from", "activity", "size", "attachments", "content"),
    _EMAIL_KINDS,
    numbers=("size",),
    events={**_SENT, "attachments": _NAMED_ATTACHMENTS},
)
_HTTP_6 = Log(
    "http",
    (*_KEYED, "url", "activity", "content"),
    _HTTP_KINDS,
    events={"object": pl.col("url"), **_CONTENT},
)

_LOGS_4 = (_LOGON, _DEVICE_4, _FILE_4, _EMAIL_4, _HTTP_4)
# Fields that need no quotes have none in r5; whoever writes one that does, quotes it as in r6.
_LOGS_5 = tuple(replace(log, quoted=True) for log in (_LOGON, _DEVICE_5, _FILE_5, _EMAIL_5, _HTTP_4))
_LOGS_6 = tuple(replace(log, quoted=True) for log in (_LOGON, _DEVICE_5, _FILE_5, _EMAIL_5, _HTTP_6))

# r1 to r3 have other columns and hold one insider or two.
RELEASES = {
    release.name: release
    for release in (
        Release("r4.1", _LOGS_4),
        Release("r4.2", _LOGS_4),
        Release("r5.1", _LOGS_5, projects=True),
        Release("r5.2", _LOGS_5, projects=True),
        Release("r6.1", _LOGS_6, projects=True, decoys=True),
        Release("r6.2", _LOGS_6, projects=True, decoys=True),
    )
}


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
