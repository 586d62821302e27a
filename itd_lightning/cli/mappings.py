"""What ``itd check`` prints of a mapping."""

from typing import TYPE_CHECKING

import polars as pl
from rich.table import Table

from itd_lightning.cli.terminal import column, console, safe
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.view_needs import method_lines, view_line

if TYPE_CHECKING:
    from itd_lightning.sources.mapped.check import InputCheck, MappingCheck

_SHOWN = 5  # rows of an input
_WIDTH = 40  # characters of a value
_COLUMNS = ("time", "user", "pc", "kind", "object", "size", "reason")
_PARSED = ("time", "user", "pc")


def print_input(check: "InputCheck") -> None:
    """Print the first rows of an input as they will be, and what becomes of all that were looked at."""
    say = console().print
    say(_row_table(check))
    shares = ", ".join(f"a {name} {check.share(name):.1%}" for name in _PARSED)
    say(
        f"{len(check.rows):,} rows, {len(check.events):,} become events; with {shares}",
        highlight=False,
        soft_wrap=True,
    )
    if check.reasons:
        reasons = ", ".join(f"{reason} ({rows:,})" for reason, rows in check.reasons.items())
        say(f"refused: {reasons}", highlight=False, soft_wrap=True, markup=False)
    if len(check.unmapped):
        say(_unmapped_table(check))


def _row_table(check: "InputCheck") -> Table:
    """Return the table of an input's first rows."""
    table = Table(*_COLUMNS, title=safe(f"{check.name}: {check.files} file{'s' if check.files > 1 else ''}"))
    rows = check.wanted if len(check.wanted) else check.rows
    for row in rows.select(_COLUMNS).head(_SHOWN).iter_rows():
        table.add_row(*(safe("" if value is None else str(value)[:_WIDTH]) for value in row))
    return table


def _unmapped_table(check: "InputCheck") -> Table:
    """Return the table of the most frequent rows that no rule maps."""
    names = check.unmapped.columns[:-1]
    table = Table(*map(safe, names), column("rows"), title="no rule gives a kind to")
    for row in check.unmapped.iter_rows():
        table.add_row(
            *(safe("" if value is None else str(value)[:_WIDTH]) for value in row[:-1]), f"{row[-1]:,}"
        )
    return table


def print_mapping(check: "MappingCheck") -> None:
    """Print kinds, times and views of all inputs together; the last line says whether the mapping is ready.

    Raises:
        InputError: If no row becomes an event.
    """
    say = console().print
    events = check.events
    counts = dict(events["kind"].cast(pl.String).value_counts().rows())
    say(
        f"kinds: {', '.join(f'{kind} ({counts.get(kind, 0):,})' for kind in check.kinds)}",
        highlight=False,
        soft_wrap=True,
    )
    if len(events):
        busiest = events["time"].dt.hour().value_counts(sort=True)["time"][0]
        first, last = map(str, events.select(pl.min("time"), last=pl.max("time")).row(0))
        say(
            f"times: {first} to {last}, in {check.zone}; most events between "
            f"{busiest}:00 and {busiest}:59 (if nobody works then, mend the zone)",
            highlight=False,
            soft_wrap=True,
        )
    for view, missing in check.missing.items():
        say(view_line(view, missing), highlight=False, soft_wrap=True)
    for line in method_lines(has_labels=check.has_labels, has_people=check.has_people):
        say(line, highlight=False, soft_wrap=True)
    faults = check.faults
    if not len(events):
        raise InputError("; ".join(faults) or "no row becomes an event")
    say(f"to mend: {'; '.join(faults)}" if faults else "ready", highlight=False, soft_wrap=True, markup=False)
