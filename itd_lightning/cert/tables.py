"""The small CSV files of a release, as text."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from itd_lightning.contracts.errors import InputError


def read_table(path: Path, columns: Iterable[str]) -> pl.DataFrame:
    """Read a small CSV as text; lines that are too long lose their end.

    Raises:
        InputError: If it is no CSV, or lacks one of these columns.
    """
    try:
        rows = pl.read_csv(
            path, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True, glob=False
        )
    except (pl.exceptions.ComputeError, pl.exceptions.NoDataError, OSError) as error:
        raise InputError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from error
    if lacking := [name for name in columns if name not in rows.columns]:
        raise InputError(f"{path} lacks the column {', '.join(map(repr, lacking))}")
    return rows
