"""Microsoft 365's unified audit log: mails sent, as a rule for all mails of Purview (DLP) records them.

Not carried: the PC from which a mail was sent, how many attachments it has, and the sender's address where it
is not the user's own.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from itd_lightning.synth.formats.base import GUID, TIME, read_log, struct, write_lines

_ORGANISATION = "00000000-0000-4000-8000-000000000026"
_NONE = pl.lit([], pl.List(pl.String))


def write(release: Path, folder: Path, addresses: pl.DataFrame) -> int:
    """Write the log; return its rows.

    Args:
        release: Folder of the release.
        folder: Where to write.
        addresses: ``user`` and ``mail``.
    """
    return write_lines(folder / "audit.ndjson", _mails(release, addresses))


def _mails(release: Path, addresses: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the mails."""
    for rows in read_log(release, "email", "to", "cc", "bcc", "size"):
        stamp = TIME.dt.strftime("%Y-%m-%dT%H:%M:%S")
        meta = struct(
            From=pl.col("mail"),
            To=_listed("to"),
            CC=_listed("cc"),
            BCC=_listed("bcc"),
            MessageID="<" + GUID + "@corp.example>",
            Sent=stamp,
            FileSize=pl.col("size").cast(pl.Int64),
        )
        yield rows.join(addresses, on="user", how="left", maintain_order="left").select(
            CreationTime=stamp,
            Id=GUID,
            Operation=pl.lit("DlpRuleMatch"),
            OrganizationId=pl.lit(_ORGANISATION),
            RecordType=pl.lit(13),
            UserType=pl.lit(4),
            Workload=pl.lit("Exchange"),
            UserId=pl.col("mail"),
            ExchangeMetaData=meta,
        )


def _listed(column: str) -> pl.Expr:
    """Return the addresses in a column."""
    return pl.when(pl.col(column) != "").then(pl.col(column).str.split(";")).otherwise(_NONE)
