"""YAML of a table to repeat: configs, seeds, columns, rows and the paper's numbers."""

from pathlib import Path
from typing import NotRequired, TypedDict, cast

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.run_files import EVALUATION_FILE
from itd_lightning.contracts.yaml_files import (
    ARGUMENTS,
    FILE_NAME,
    FLAG,
    SEEDS,
    TEXT,
    Requirement,
    check,
    is_number,
    mapping_to,
    read_whole,
)
from itd_lightning.tables.arguments import check_arguments


class _RowSpec(TypedDict, total=False):
    """A row of a table: the paper's numbers, and what differs from the table's own entries."""

    paper: dict[str, float | None]
    fit: list[str]
    test: list[str]
    config: str
    checkpoint: str
    seeds: list[int]


class TableSpec(TypedDict):
    """A table: its title and source, and how its cells are fitted.

    Attributes:
        title: Heading.
        source: Where the paper has it.
        config: Path of the config, from the table's folder.
        seeds: One fit a seed.
        checkpoint: File name of the checkpoint that is tested.
        fit: Arguments of every fit.
        columns: Arguments of the fits of each column, by its name.
        rows: By name.
        common: Whether all methods are compared on their common user-days.
    """

    title: str
    source: str
    config: str
    seeds: list[int]
    checkpoint: str
    fit: list[str]
    columns: dict[str, list[str]]
    rows: dict[str, _RowSpec]
    common: NotRequired[bool]


_ROW_KEYS = {
    "paper": Requirement(
        f"numbers by their place in {EVALUATION_FILE}, null where the paper has none",
        mapping_to(lambda value: value is None or is_number(value)),
    ),
    "fit": ARGUMENTS,
    "test": ARGUMENTS,
    "config": TEXT,
    "checkpoint": FILE_NAME,
    "seeds": SEEDS,
}
_KEYS = {
    "title": TEXT,
    "source": TEXT,
    "config": TEXT,
    "seeds": SEEDS,
    "checkpoint": FILE_NAME,
    "fit": ARGUMENTS,
    "columns": Requirement("a list of arguments for each column, by its name", mapping_to(ARGUMENTS.accepts)),
    "rows": Requirement(
        "what differs in each row, by its name", mapping_to(lambda row: isinstance(row, dict))
    ),
    "common": FLAG,
}


def read_spec(path: Path) -> TableSpec:
    """Read a table's YAML and check that it is one, and sets only what a table may set."""
    if not path.is_file():
        raise InputError(f"no table at {path}; the papers' tables lie in experiments/")
    spec = cast("TableSpec", read_whole(path, _KEYS, optional=["common"]))
    common = spec.get("common", False)
    if common and len(spec["columns"]) != 1:
        raise InputError(f"{path} compares methods on common user-days, so it must have one column")
    for row, entry in spec["rows"].items():
        check(path, entry, _ROW_KEYS, f"rows.{row}.")
        if not common and "paper" not in entry:
            raise InputError(f"{path}: rows.{row} lacks paper, the numbers to compare with")
    _check_passed_on(path, spec)
    return spec


def _check_passed_on(path: Path, spec: TableSpec) -> None:
    """Check the arguments that a table passes to its fits and tests."""
    check_arguments(path, "fit", spec["fit"])
    for column, arguments in spec["columns"].items():
        check_arguments(path, f"column {column}", arguments)
    for row, entry in spec["rows"].items():
        check_arguments(path, f"row {row}, fit", entry.get("fit", []))
        check_arguments(path, f"row {row}, test", entry.get("test", []))
