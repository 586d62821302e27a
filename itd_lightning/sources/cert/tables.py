"""The small CSV files of a release, as text."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError

SMALL = 64 << 20  # bytes of a file that is no log; no release comes near


def read_small(path: Path) -> bytes:
    """Return the bytes of a file that is no log.

    Raises:
        InputError: If it is no file, or far too large.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file")
    if (size := path.stat().st_size) > SMALL:
        raise InputError(f"{path} has {size >> 20} MiB; no release has such a file")
    return path.read_bytes()


def read_table(path: Path, columns: Iterable[str]) -> pl.DataFrame:
    """Return a small CSV as text; lines that are too long lose their end.

    Raises:
        InputError: If it is no CSV, or lacks one of these columns.
    """
    text = read_small(path)
    try:
        rows = pl.read_csv(text, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True)
    except (pl.exceptions.ComputeError, pl.exceptions.NoDataError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"{path} cannot be read as CSV: {reason}") from error
    if missing := [name for name in columns if name not in rows.columns]:
        raise InputError(f"{path} lacks the column {', '.join(map(repr, missing))}")
    return rows
