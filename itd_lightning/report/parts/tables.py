"""A table of the page, as data: groups of rows, and for each measure one cell a run."""

from typing import NamedTuple

from itd_lightning.report.parts.numbers import Cell

NO_INTERVAL = "fewer than three users have a malicious unit, which says nothing about other users"
NOT_MEASURED = "this run's evaluation does not hold it"


class Row(NamedTuple):
    """One row: a label, then for each measure one cell a run."""

    label: str
    cells: list[Cell]

    @property
    def is_uniform(self) -> bool:
        """Return whether all cells say the same."""
        return len(set(self.cells)) == 1


class Group(NamedTuple):
    """Rows under one heading; the heading may be empty."""

    title: str
    rows: list[Row]


class Table(NamedTuple):
    """A table in which runs stand side by side under each measure.

    Attributes:
        title: What it is about.
        corner: What the rows are.
        measures: Headings; each spans one column a run.
        groups: The rows.
    """

    title: str
    corner: str
    measures: list[str]
    groups: list[Group]

    @property
    def reasons(self) -> list[str]:
        """Return the footnotes, in the order in which they first appear."""
        cells = (cell for group in self.groups for row in group.rows for cell in row.cells)
        return list(dict.fromkeys(cell.reason for cell in cells if cell.reason))
