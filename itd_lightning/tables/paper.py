"""A paper's table beside ours: Markdown for a reader, CSV for a program, one HTML page to look at."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.results import Numbers
from itd_lightning.report.parts.template import template
from itd_lightning.tables.spec import TableSpec

_BAR = r"\|"  # within a cell of a Markdown table
_WORDS = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "f1": "F1",
    "fpr": "false positive rate",
    "pooled.user_days": "user-days,",
    "scenarios": "scenario",
    "test_optimal": "test-optimal",
    "budgets.share": "recall at a share of",
    "budgets.per_day": "alerts a day:",
    "at_prevalence": "at a prevalence of",
}


class Measurement(NamedTuple):
    """Our measurement of one number of a paper.

    Attributes:
        mean: Mean over seeds; None where it is not defined.
        least: Smallest over seeds.
        greatest: Greatest over seeds.
        low: Lower end of the first seed's 95 % interval over users.
        high: Upper end of it.
        base_rate: Share of malicious units, which is the PR-AUC of chance.
    """

    mean: float | None = None
    least: float | None = None
    greatest: float | None = None
    low: float | None = None
    high: float | None = None
    base_rate: float | None = None


class Line(NamedTuple):
    """One number of a paper, and ours in each column."""

    row: str
    measure: str
    paper: float | None
    ours: dict[str, Measurement]


def compare(row: str, measure: str, paper: float | None, results: Mapping[str, Sequence[Numbers]]) -> Line:
    """Read one measure out of the evaluations of all columns and seeds.

    Args:
        row: Name of the paper's row.
        measure: Place in ``evaluation.json``, such as ``scenarios.1.pr_auc``.
        paper: The paper's number; None where it has none.
        results: For each column the evaluations of its seeds.
    """
    return Line(
        row,
        measure,
        paper,
        {column: _summarise_seeds(measure, evaluations) for column, evaluations in results.items()},
    )


def _summarise_seeds(measure: str, results: Sequence[Numbers]) -> Measurement:
    """Return one measure over seeds."""
    places = [_find_node(result, measure) for result in results]
    values = [node[name] for node, name in places if node.get(name) is not None]
    if not values:
        return Measurement()
    node, name = places[0]
    low, high = node.get("intervals", {}).get(name) or (None, None)
    rate = node.get("base_rate", results[0]["base_rate"])
    return Measurement(sum(values) / len(values), min(values), max(values), low, high, rate)


def _find_node(node: Numbers, measure: str) -> tuple[Numbers, str]:
    """Return the node of an evaluation that holds a measure, and its name there; an empty node for none.

    Example:
        >>> _find_node({"share": {"0.05": 0.7}}, "share.0.05")
        ({'0.05': 0.7}, '0.05')
    """
    if measure in node:
        return node, measure
    for name, below in node.items():
        if measure.startswith(f"{name}.") and isinstance(below, dict):
            return _find_node(below, measure.removeprefix(f"{name}."))
    return {}, measure


def write_table(table: Path, spec: TableSpec, lines: list[Line], data: str) -> str:
    """Write ``NAME.md``, ``NAME.csv`` and ``NAME.html`` beside a table's YAML.

    Args:
        table: The YAML.
        spec: What it says: title, source, seeds, columns.
        lines: The numbers.
        data: What they stand on.

    Returns:
        The Markdown.
    """
    columns = list(spec["columns"])
    body = [
        [
            line.row,
            line.measure,
            _format_number(line.paper),
            *(_format_cell(line.ours[column]) for column in columns),
        ]
        for line in lines
    ]
    rates = {
        column: dict.fromkeys(_format_number(line.ours[column].base_rate) for line in lines)
        for column in columns
    }
    seeds = ", ".join(map(str, spec["seeds"]))
    notes = [
        f"Mean over seeds {seeds} [least, greatest] and, in brackets, the first seed's 95 % interval "
        "(bootstrap over users). PR-AUC is average precision; chance has the base rate.",
        "Base rate: " + "; ".join(f"{column} {' / '.join(shares)}" for column, shares in rates.items()) + ".",
        f"Data: {data}.",
    ]
    heads = [row(["", "measure", "paper", *columns]), "|" + "---|" * (3 + len(columns))]
    parts = [f"# {spec['title']}", spec["source"], "\n".join([*heads, *map(row, body)]), *notes]
    text = "\n\n".join(parts) + "\n"
    with atomic_file(table.with_suffix(".md")) as partial:
        partial.write_text(text, "utf-8")
    numbers = [
        {
            "row": line.row,
            "measure": line.measure,
            "paper": line.paper,
            "column": column,
            **line.ours[column]._asdict(),
        }
        for line in lines
        for column in columns
    ]
    with atomic_file(table.with_suffix(".csv")) as partial:
        pl.DataFrame(numbers, infer_schema_length=None).write_csv(partial)
    with atomic_file(table.with_suffix(".html")) as partial:
        partial.write_text(_page(spec, lines, notes), "utf-8")
    return text


def _page(spec: TableSpec, lines: list[Line], notes: list[str]) -> str:
    """Return the HTML page: measure by measure, every row's number as a dot beside the paper's."""
    measures: dict[str, list[Line]] = {}
    for line in lines:
        measures.setdefault(line.measure, []).append(line)
    numbers = [line.paper for line in lines] + [ours.mean for line in lines for ours in line.ours.values()]
    return template("paper.html").render(
        title=spec["title"],
        source=spec["source"],
        columns=list(spec["columns"]),
        measures=measures,
        scale=max([1.0, *(value for value in numbers if value is not None)]),
        format_number=_format_number,
        format_cell=_format_cell,
        measure_words=measure_words,
        bar_ends=bar_ends,
        notes=notes,
    )


def measure_words(measure: str) -> str:
    """Return a place in ``evaluation.json`` in words.

    Example:
        >>> measure_words("pooled.user_days.pr_auc"), measure_words("budgets.share.0.05")
        ('user-days, PR-AUC', 'recall at a share of 0.05')
    """
    for place, words in _WORDS.items():
        if measure == place:
            return words
        if measure.startswith(f"{place}."):
            return f"{words} {measure_words(measure.removeprefix(f'{place}.'))}"
    below = re.fullmatch(r"(\d+\.\d+|[^.]+)\.(\D.*)", measure)
    return f"{below[1]} {measure_words(below[2])}" if below else measure


def bar_ends(ours: Measurement) -> tuple[float | None, float | None]:
    """Return the ends of the bar: the spread over seeds, or with one seed its interval over users."""
    several = ours.low is None or ours.least != ours.greatest
    return (ours.least, ours.greatest) if several else (ours.low, ours.high)


def row(cells: list[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"


def _format_number(value: float | None) -> str:
    """Return a number with three digits, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def _format_cell(ours: Measurement) -> str:
    """Return one cell of the table."""
    spread = (
        ""
        if ours.least == ours.greatest
        else f" [{_format_number(ours.least)}, {_format_number(ours.greatest)}]"
    )
    span = "" if ours.low is None else f" ({ours.low:.2f}-{ours.high:.2f})"
    return _format_number(ours.mean) + spread + span
