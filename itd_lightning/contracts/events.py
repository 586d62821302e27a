"""One row of the event store: names, dtypes and the words for what happened."""

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
)

Kind = pl.Enum(KINDS)
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
