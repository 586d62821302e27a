"""Windows security events as Winlogbeat writes them: logons, logoffs, drives, and files copied to drives.

Not carried: that a drive was taken out, for which Windows has no event that names a user.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from itd_lightning.synth.formats.base import COMPUTER, SAM, TIME, read_log, struct, write_lines

_VOLUME = r"\Device\HarddiskVolume7"
_PROVIDER = "Microsoft-Windows-Security-Auditing"


def write(release: Path, folder: Path) -> int:
    """Write the events; return how many."""
    parts = [("logons", _logons), ("drives", _drives), ("files", _files)]
    first, rows = 1, 0
    for name, make in parts:
        rows += write_lines(folder / f"{name}.ndjson", _numbered(make(release), first))
        first += 1_000_000_000  # a PC counts its own events; only that no number comes twice matters here
    return rows


def _numbered(blocks: Iterator[pl.DataFrame], first: int) -> Iterator[pl.DataFrame]:
    """Yield events with their number as the first field that tells them apart."""
    for block in blocks:
        yield block.with_columns(
            pl.col("winlog").struct.with_fields(pl.int_range(first, first + pl.len()).alias("record_id"))
        )
        first += len(block)


def _logons(release: Path) -> Iterator[pl.DataFrame]:
    """Yield logons and logoffs."""
    for rows in read_log(release, "logon", "activity"):
        code = pl.col("activity").replace_strict({"Logon": 4624, "Logoff": 4634}, return_dtype=pl.Int64)
        yield _events(rows, code, "Logon", TargetUserName=SAM, TargetDomainName="CORP", LogonType="2")


def _drives(release: Path) -> Iterator[pl.DataFrame]:
    """Yield connections of drives."""
    for rows in read_log(release, "device", "activity"):
        plugged = rows.filter(pl.col("activity") == "Connect")
        yield _events(
            plugged,
            pl.lit(6416),
            "Plug and Play Events",
            SubjectUserName=SAM,
            SubjectDomainName="CORP",
            DeviceDescription=pl.lit(None, pl.String),
            ClassName="DiskDrive",
        )


def _files(release: Path) -> Iterator[pl.DataFrame]:
    """Yield files written to drives."""
    for rows in read_log(release, "file", "filename"):
        yield _events(
            rows,
            pl.lit(4663),
            "Removable Storage",
            SubjectUserName=SAM,
            SubjectDomainName="CORP",
            ObjectName=_VOLUME + "\\" + pl.col("filename"),
            ObjectType="File",
            AccessMask="0x2",
        )


def _events(rows: pl.DataFrame, code: pl.Expr, task: str, **data: object) -> pl.DataFrame:
    """Return events as Winlogbeat writes them."""
    winlog = struct(
        channel="Security",
        provider_name=_PROVIDER,
        event_id=code.cast(pl.String),
        task=task,
        computer_name=COMPUTER,
        event_data=struct(**data),
    )
    stamp = TIME.dt.strftime("%Y-%m-%dT%H:%M:%S.000Z").alias("@timestamp")
    return rows.select(stamp, event=struct(code=code.cast(pl.String)), winlog=winlog)
