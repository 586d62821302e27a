"""A score table on disk: Parquet, one row a unit, and how it was made in the file's own metadata."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, get_args

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.run_files import TEST_COMMAND
from itd_lightning.contracts.scores import SCORES

METADATA = "itd_lightning"
ROWS_AT_ONCE = 250_000  # of behaviours there are many millions: so a table is read chunk by chunk


class About(NamedTuple):
    """Metadata of a score table: how it was made. They travel into every result.

    Attributes:
        run: Name of the run's folder.
        method: Class that scored.
        view: View that it scored.
        grain: What a row is: window, user-day, ...
        seed: Seed of the run.
        split: Class that split the units.
        labels: Label policy of the evaluation.
        leaks: What the split leaks, in words.
        moved_days: Days by which the null attack moved the campaigns; 0 for the key as it is.
        store: Path of the event store.
        store_fingerprint: Hash of what the store holds.
        config: Hash of the run's whole config.
        checkpoint: File name of the checkpoint that scored.
    """

    run: str
    method: str
    view: str
    grain: str
    seed: int
    split: str
    labels: LabelPolicy
    leaks: str
    moved_days: int
    store: str
    store_fingerprint: str
    config: str
    checkpoint: str


def write_scores(
    path: Path,
    scores: pl.DataFrame | pl.LazyFrame,
    about: About,
    before_replacing: Callable[[], None] | None = None,
) -> None:
    """Write a score table beside its final name and move it into place.

    Args:
        path: Its final name.
        scores: Its rows.
        about: What made it.
        before_replacing: Called when the new table is whole and the old one still in place.
    """
    metadata = {METADATA: json.dumps(about._asdict())}
    with atomic_file(path) as partial:
        scores.lazy().match_to_schema(SCORES).sink_parquet(
            partial, metadata=metadata, row_group_size=ROWS_AT_ONCE
        )
        if before_replacing is not None:
            before_replacing()


def scan_scores(path: Path) -> tuple[pl.LazyFrame, About]:
    """Open a score table without reading its rows.

    Raises:
        InputError: If there is none, or it is none of ours.
    """
    if not path.is_file():
        raise InputError(f"no scores at {path}; write them with `{TEST_COMMAND}`")
    try:
        about = About(**json.loads(pl.read_parquet_metadata(path)[METADATA]))
        # Tables of older versions do not say which units are in warm-up.
        table = pl.scan_parquet(path, glob=False).match_to_schema(
            SCORES, missing_columns={"warm_up": "insert"}
        )
        table.head(1).collect()
    except (KeyError, TypeError, json.JSONDecodeError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path} is no score table of this program: {str(error).splitlines()[0]}") from error
    if not _is_valid(about):
        raise InputError(f"{path} is no score table of this program: its metadata hold other values")
    return table, about


def _is_valid(about: About) -> bool:
    """Return whether every metadata field has its declared type."""
    numbers = {name: value for name, value in about._asdict().items() if name in ("seed", "moved_days")}
    texts = [value for name, value in about._asdict().items() if name not in numbers]
    return (
        about.labels in get_args(LabelPolicy)
        and all(isinstance(value, str) for value in texts)
        and all(type(value) is int and value >= 0 for value in numbers.values())
    )


def read_scores(path: Path) -> tuple[pl.DataFrame, About]:
    """Read a score table that fits into memory; errors as in ``scan_scores``."""
    table, about = scan_scores(path)
    return table.collect(), about
