"""One row of the event store: names, dtypes and the words for what happened."""

from collections.abc import Collection

import polars as pl

KINDS = (
    "logon",
    "logoff",
    "connect",
    "disconnect",
    "file_copy",
    "file_open",
    "file_write",
    "file_delete",
    "email_send",
    "email_view",
    "http_visit",
    "http_download",
    "http_upload",
    "process",
    "other",
    "logon_failed",
    "connection",
    "admin_change",
)
# Kinds that views put together under one name, by that name. Any further kind stands for itself.
FAMILIES = {
    "logon": ("logon",),
    "logoff": ("logoff",),
    "connect": ("connect",),
    "disconnect": ("disconnect",),
    "file": ("file_open", "file_copy", "file_write", "file_delete"),
    "email": ("email_send", "email_view"),
    "http": ("http_visit", "http_download", "http_upload"),
}
FAMILY_KINDS = frozenset(kind for kinds in FAMILIES.values() for kind in kinds)

Kind = pl.Enum(KINDS)  # whose order is that of their appearance in the program: only ever add at the end
COPIES = ";;"  # parts the direct recipients of a mail from those who get a copy, open or blind

# What a release does not record is null, never 0 or "".
EVENTS = pl.Schema(
    {
        "event_id": pl.String(),
        "user": pl.String(),
        "time": pl.Datetime("us"),  # naive local time, as logged
        "pc": pl.String(),
        "kind": Kind,
        "object": pl.String(),  # file name, URL, or recipients joined by ";", copies after COPIES
        "size": pl.Int64(),  # bytes
        "attachments": pl.Int32(),
        "to_removable": pl.Boolean(),
        "from_removable": pl.Boolean(),
        "content": pl.String(),
    }
)

# The number of a source counts from 0, in the order in which they came into the store.
REJECTS = pl.Schema({"source": pl.UInt16(), "file": pl.String(), "line": pl.UInt32(), "reason": pl.String()})


def is_recorded(kinds: Collection[str], records: Collection[str]) -> bool:
    """Return whether any of some kinds is recorded; what no kind decides always is."""
    return not kinds or any(kind in records for kind in kinds)


def further_kinds(records: Collection[str]) -> list[str]:
    """Return the recorded kinds that belong to no family; views count each under its own name.

    Example:
        >>> further_kinds({"logon", "http_visit", "process"})
        ['process']
    """
    return [kind for kind in KINDS if kind in records and kind not in FAMILY_KINDS]
