"""A paper's table beside ours: Markdown for a reader, CSV for a program."""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl


class Ours(NamedTuple):
    """What we measured for one number of a paper.

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
    ours: dict[str, Ours]


def compare(row: str, measure: str, paper: float | None, results: dict[str, list[dict[str, Any]]]) -> Line:
    """Read one measure out of the evaluations of all columns and seeds.

    Args:
        row: Name of the paper's row.
        measure: Place in ``evaluation.json``, such as ``scenarios.1.pr_auc``.
        paper: The paper's number; None where it has none.
        results: For each column the evaluations of its seeds.
    """
    return Line(row, measure, paper, {column: across(measure, found) for column, found in results.items()})


def across(measure: str, results: list[dict[str, Any]]) -> Ours:
    """One measure over seeds."""
    places = [at(result, measure) for result in results]
    values = [node[name] for node, name in places if node.get(name) is not None]
    if not values:
        return Ours()
    node, name = places[0]
    low, high = node.get("intervals", {}).get(name) or (None, None)
    rate = node.get("base_rate", results[0]["base_rate"])
    return Ours(sum(values) / len(values), min(values), max(values), low, high, rate)


def at(node: dict[str, Any], measure: str) -> tuple[dict[str, Any], str]:
    """The node of an evaluation that holds a measure, and its name there; an empty node for none.

    Example:
        >>> at({"share": {"0.05": 0.7}}, "share.0.05")
        ({'0.05': 0.7}, '0.05')
    """
    if measure in node:
        return node, measure
    for name, below in node.items():
        if measure.startswith(f"{name}.") and isinstance(below, dict):
            return at(below, measure.removeprefix(f"{name}."))
    return {}, measure


def write_table(table: Path, spec: dict[str, Any], lines: list[Line], data: str) -> str:
    """Write ``NAME.md`` and ``NAME.csv`` beside a table's YAML.

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
        [line.row, line.measure, shown(line.paper), *(told(line.ours[column]) for column in columns)]
        for line in lines
    ]
    rates = {
        column: dict.fromkeys(shown(line.ours[column].base_rate) for line in lines) for column in columns
    }
    seeds = ", ".join(map(str, spec["seeds"]))
    parts = [
        f"# {spec['title']}",
        spec["source"],
        "\n".join(
            [row(["", "measure", "paper", *columns]), "|" + "---|" * (3 + len(columns)), *map(row, body)]
        ),
        f"Mean over seeds {seeds} [least, greatest] and, in brackets, the first seed's 95 % interval "
        "(bootstrap over users). PR-AUC is average precision; chance has the base rate.",
        "Base rate: " + "; ".join(f"{column} {' / '.join(found)}" for column, found in rates.items()) + ".",
        f"Data: {data}.",
    ]
    text = "\n\n".join(parts) + "\n"
    table.with_suffix(".md").write_text(text, "utf-8")
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
    pl.DataFrame(numbers, infer_schema_length=None).write_csv(table.with_suffix(".csv"))
    return text


def row(cells: list[str]) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def shown(value: float | None) -> str:
    """Three digits, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def told(ours: Ours) -> str:
    """One cell of the table."""
    spread = "" if ours.least == ours.greatest else f" [{shown(ours.least)}, {shown(ours.greatest)}]"
    span = "" if ours.low is None else f" ({ours.low:.2f}-{ours.high:.2f})"
    return shown(ours.mean) + spread + span
