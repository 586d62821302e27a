"""What the writers of formats share: rows of a release, ids, addresses of PCs, and lines of JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from itd_lightning.contracts.files import private_folder

DOMAIN = "corp.example"  # of the PCs
TIME = pl.col("date").str.to_datetime("%m/%d/%Y %H:%M:%S", time_unit="us")
SAM = pl.col("user").str.to_lowercase()  # account name in Windows
COMPUTER = pl.col("pc") + f".{DOMAIN}"
_NUMBER = pl.col("pc").str.extract(r"(\d+)$").cast(pl.Int64)
ADDRESS = pl.format("10.20.{}.{}", _NUMBER // 256, _NUMBER % 256)
_HEX = pl.col("id").str.replace_all(r"[{}-]", "").str.to_lowercase()
UID = "C" + _HEX  # of a connection, as Zeek counts them
GUID = pl.concat_str(
    pl.concat_str(_HEX, _HEX).str.slice(start, length) for start, length in ((0, 8), (8, 4), (12, 4), (16, 4))
).str.replace(r"^(.{8})(.{4})(.{4})(.{4})$", "${1}-${2}-${3}-${4}-") + _HEX.str.slice(0, 12)


def read_log(release: Path, log: str, *columns: str) -> Iterator[pl.DataFrame]:
    """Yield the rows of a log of a release of CERT 4, block by block."""
    names = ["id", "date", "user", "pc", *columns]
    frame = pl.scan_csv(release / f"{log}.csv", infer_schema=False, quote_char=None, glob=False).select(names)
    yield from frame.collect_batches(maintain_order=True)


def write_lines(file: Path, blocks: Iterator[pl.DataFrame]) -> int:
    """Write rows as lines of JSON; return how many."""
    rows = 0
    private_folder(file.parent)
    with file.open("wb") as out:
        for block in blocks:
            block.write_ndjson(out)
            rows += len(block)
    return rows


def struct(**fields: Any) -> pl.Expr:  # noqa: ANN401 - expressions and constants
    """Return an object of these fields; what is no expression is a constant."""
    return pl.struct(
        (value if isinstance(value, pl.Expr) else pl.lit(value)).alias(name) for name, value in fields.items()
    )
