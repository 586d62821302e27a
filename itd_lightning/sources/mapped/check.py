"""What a mapping would make of the first rows of its logs, before anything is written; for ``itd check``."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.contracts.events import KINDS
from itd_lightning.contracts.view_needs import missing_kinds
from itd_lightning.sources.mapped.expressions import column_names
from itd_lightning.sources.mapped.formats import RawRows
from itd_lightning.sources.mapped.mapping import Input
from itd_lightning.sources.mapped.rows import LEFT_OUT, UNMAPPED, checked_rows
from itd_lightning.sources.mapped.source import MappedSource, read_first_rows, select_fields
from itd_lightning.sources.mapped.tables import read_people

_ROW_BYTES = 2_000  # of a row at most, about
_TOP = 10
_FILES = 5  # of an input
_TOLERATED = 0.05  # share of rows with one fault


class InputCheck(NamedTuple):
    """The first rows of one input.

    Attributes:
        name: Name of the input.
        files: Number of its files.
        rows: Columns of ``EVENTS`` and ``reason``.
        unreadable: Reasons of what is no row, and how many.
        unmapped: What the rules ask for, of the rows that no rule maps, and ``rows``: how many; the most
            frequent first.
    """

    name: str
    files: int
    rows: pl.DataFrame
    unreadable: dict[str, int]
    unmapped: pl.DataFrame

    @property
    def wanted(self) -> pl.DataFrame:
        """Rows but those that ``where`` leaves out."""
        return self.rows.filter(pl.col("reason").ne_missing(LEFT_OUT))

    @property
    def events(self) -> pl.DataFrame:
        """Rows that become events."""
        return self.rows.filter(pl.col("reason").is_null())

    @property
    def reasons(self) -> dict[str, int]:
        """Reasons to refuse a row, and how many; the most frequent first."""
        refused = self.rows["reason"].drop_nulls().value_counts(sort=True)
        return {**dict(refused.iter_rows()), **self.unreadable}

    def share(self, column: str) -> float:
        """Return the share of the wanted rows that have a value."""
        rows = self.wanted
        return 1 - rows[column].null_count() / len(rows) if len(rows) else 0.0


class MappingCheck(NamedTuple):
    """The first rows of every input.

    Attributes:
        inputs: One an input that has files.
        zone: Zone of the times.
        kinds: Kinds that the rules can give.
        has_labels: Whether the mapping names known cases.
        has_people: Whether its identity table says who is there as what.
    """

    inputs: list[InputCheck]
    zone: str
    kinds: list[str]
    has_labels: bool
    has_people: bool

    @property
    def events(self) -> pl.DataFrame:
        """Rows that become events, of all inputs."""
        return pl.concat(one.events for one in self.inputs)

    @property
    def missing(self) -> dict[str, list[str]]:
        """Kinds that each view needs and no rule gives."""
        return missing_kinds(self.kinds)

    @property
    def faults(self) -> list[str]:
        """What should be mended, the worst first; none for a mapping that is ready."""
        return [fault for one in self.inputs for fault in _faults(one)]


def check_mapping(source: MappedSource, rows: int) -> MappingCheck:
    """Return what becomes of the first rows of each input.

    Args:
        source: The mapping and its files.
        rows: Rows of each input.

    Raises:
        InputError: If a file cannot be read.
    """
    inputs = [_check_input(source, one, files, rows) for one, files in source.inputs]
    mapping = source.mapping
    return MappingCheck(
        inputs,
        mapping.zone,
        [kind for kind in KINDS if kind in source.records],
        has_labels=mapping.answers is not None,
        has_people=mapping.identity is not None and read_people(mapping.identity) is not None,
    )


def _check_input(source: MappedSource, one: Input, files: tuple[Path, ...], rows: int) -> InputCheck:
    """Return what becomes of the first rows of an input."""
    parts = []
    left = rows
    for raw in _first_rows(one, files, rows):
        parts.append(raw._replace(rows=raw.rows.head(left)))
        left -= len(parts[-1].rows)
        if left <= 0:
            break
    raw_rows = pl.concat([part.rows for part in parts], how="vertical_relaxed")
    refused = pl.concat(part.refused for part in parts)["reason"].value_counts(sort=True)
    checked = checked_rows(raw_rows, source.mapping, one, datetime.max)
    return InputCheck(
        one.name, len(files), checked, dict(refused.iter_rows()), _unmapped(raw_rows, checked, one)
    )


def _first_rows(one: Input, files: tuple[Path, ...], rows: int) -> Iterator[RawRows]:
    """Yield the first rows of the first files."""
    for file in files[:_FILES]:
        if one.format != "parquet":
            yield read_first_rows(file, one, rows * _ROW_BYTES)[0]
            continue
        frame = select_fields(pl.scan_parquet(file, glob=False), one, file).head(rows).collect()
        yield RawRows(
            frame,
            np.arange(len(frame), dtype=np.uint32),
            pl.DataFrame(schema={"line": pl.UInt32, "reason": pl.String}),
            len(frame),
        )


def _unmapped(raw: pl.DataFrame, checked: pl.DataFrame, one: Input) -> pl.DataFrame:
    """Return the most frequent values of what the rules ask for, among rows that no rule maps."""
    names = list(dict.fromkeys(name for rule in one.kinds if rule.when for name in column_names(rule.when)))
    if not names:
        return pl.DataFrame(schema={"rows": pl.UInt32})
    rows = raw.filter((checked["reason"] == UNMAPPED).fill_null(value=False))
    counts = rows.group_by(names).agg(pl.len().alias("rows"))
    return counts.sort("rows", *names, descending=[True, *(False for _ in names)], nulls_last=True).head(_TOP)


def _faults(one: InputCheck) -> Iterator[str]:
    """Yield what should be mended in an input."""
    total = len(one.wanted)
    if not total:
        yield f"{one.name}: no row is left; mend where, or the files"
        return
    for reason, rows in one.reasons.items():
        if reason not in (LEFT_OUT, UNMAPPED) and rows > total * _TOLERATED:
            yield f"{one.name}: {rows:,} of {total:,} rows are refused: {reason}"
    if not len(one.events):
        yield f"{one.name}: no row becomes an event"
