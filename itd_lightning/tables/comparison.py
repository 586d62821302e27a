"""All methods on common user-days: Markdown for a reader, CSV for a program, one HTML page to look at."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from itd_lightning.contracts.files import atomic_file
from itd_lightning.evaluation.comparison import CommonTable, MethodRow
from itd_lightning.report.parts.comparison_table import Cost, cells, heads, notes
from itd_lightning.report.parts.template import template
from itd_lightning.tables.comparison_audits import (
    INTRODUCTION,
    TITLE,
    AuditTable,
    ResultsByMethod,
    answer_columns,
    audit_table,
)
from itd_lightning.tables.paper import row as markdown_row
from itd_lightning.tables.spec import TableSpec


def write_common(
    stem: Path,
    spec: TableSpec,
    table: CommonTable,
    costs: Mapping[str, Cost],
    audits: ResultsByMethod,
    data: str,
) -> str:
    """Write ``NAME.md``, ``NAME.csv`` and ``NAME.html`` beside a table's YAML.

    Args:
        stem: The YAML.
        spec: What it says: title, source, rows.
        table: The numbers.
        costs: What training took, by method.
        audits: Of the first seed's run, by method.
        data: What the numbers stand on.

    Returns:
        The Markdown.
    """
    names = heads(table)
    rows = [cells(row, table, costs.get(row.name, {})) for row in (*table.rows, *table.references)]
    remarks = [*notes(table), *_missing_rows(spec, table), f"Data: {data}."]
    answers = audit_table(table, audits)
    parts = [f"# {spec['title']}", spec["source"], _markdown(names, rows), *remarks]
    if answers.heads:
        failures = [f"- {line}" for line in answers.failures] or ["No audit failed."]
        meanings = "\n".join(f"- {line}" for line in answers.meanings)
        parts += [
            f"## {TITLE}",
            INTRODUCTION,
            meanings,
            _markdown(answers.heads, answers.rows),
            "\n".join(failures),
        ]
    text = "\n\n".join(parts) + "\n"
    audit_names = answers.names
    csv_rows = [
        _csv_row(row, costs.get(row.name, {})) | answer_columns(audits.get(row.name, ()), audit_names)
        for row in (*table.rows, *table.references)
    ]
    contents = {
        ".md": text,
        ".csv": pl.DataFrame(csv_rows, infer_schema_length=None).write_csv(),
        ".html": _page(spec, table, names, rows, remarks, answers),
    }
    for suffix, content in contents.items():
        with atomic_file(stem.with_suffix(suffix)) as partial:
            partial.write_text(content, "utf-8")
    return text


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join([markdown_row(heads), "|" + "---|" * len(heads), *map(markdown_row, rows)])


def _missing_rows(spec: TableSpec, table: CommonTable) -> list[str]:
    """Return a line that names the rows without a run; none if every row is there."""
    present = {row.name for row in table.rows}
    missing = [name for name in spec["rows"] if name not in present]
    return [f"Not there, as a run of it is missing: {', '.join(missing)}."] if missing else []


def _csv_row(row: MethodRow, cost: Cost) -> dict[str, str | int | float | None]:
    """Return one row of the CSV."""
    low, high = row.interval or (None, None)
    behind = row.behind or (None, None)
    return {
        "method": row.name,
        "seeds": row.seeds,
        "pr_auc": row.pr_auc,
        "least": row.spread[0],
        "greatest": row.spread[1],
        "low": low,
        "high": high,
        "behind_low": behind[0],
        "behind_high": behind[1],
        "roc_auc": row.roc_auc,
        **{f"recall_at_{budget}": recall for budget, recall in row.recall.items()},
        "insiders_found": row.insiders_found,
        "days_until_found": row.days_until_found,
        **{f"scenario_{name}": area for name, area in row.scenarios.items()},
        "missing": row.missing,
        "fit_seconds": cost.get("seconds"),
        "fit_gib": cost.get("gib"),
    }


def _page(
    spec: TableSpec,
    table: CommonTable,
    names: list[str],
    rows: list[list[str]],
    remarks: list[str],
    answers: AuditTable,
) -> str:
    """Return the HTML page: the table, and each PR-AUC with its interval as a bar."""
    return template("common.html").render(
        title=spec["title"],
        source=spec["source"],
        heads=names,
        rows=rows,
        table=table,
        notes=remarks,
        audits=TITLE,
        introduction=INTRODUCTION,
        answers=answers,
    )
