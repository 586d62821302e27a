"""All methods on common user-days: Markdown for a reader, CSV for a program, one HTML page to look at."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from itd_lightning.contracts.files import written_beside
from itd_lightning.evaluation.common import BUDGETS, LISTED, CommonTable, Measured
from itd_lightning.report.common_audits import ASKED, AUDITS, Audited, Audits, answers, audited
from itd_lightning.report.paper_table import row as markdown_row
from itd_lightning.report.template import template

Cost = Mapping[str, float]  # seconds, cpu_seconds and gib of a method's fit, where they are known

HEADS = (
    "PR-AUC (95 %)",
    "behind the best",
    "ROC-AUC",
    *(f"recall at {budget} a day" for budget in BUDGETS),
    f"found at {LISTED} a day",
    "days until found",
)


def write_common(
    stem: Path,
    spec: Mapping[str, Any],
    table: CommonTable,
    costs: Mapping[str, Cost],
    audits: Audits,
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
    said = [*notes(table), *absent(spec, table), f"Data: {data}."]
    asked = audited(table, audits)
    parts = [f"# {spec['title']}", str(spec["source"]), markdown(names, rows), *said]
    if asked.heads:
        failed = [f"- {line}" for line in asked.failed] or ["No audit failed."]
        meanings = "\n".join(f"- {line}" for line in asked.meanings)
        parts += [f"## {AUDITS}", ASKED, meanings, markdown(asked.heads, asked.rows), "\n".join(failed)]
    text = "\n\n".join(parts) + "\n"
    known = asked.names
    flat_rows = [
        flat(row, costs.get(row.name, {})) | answers(audits.get(row.name, ()), known)
        for row in (*table.rows, *table.references)
    ]
    written = {
        ".md": text,
        ".csv": pl.DataFrame(flat_rows, infer_schema_length=None).write_csv(),
        ".html": page(spec, table, names, rows, said, asked),
    }
    for suffix, content in written.items():
        with written_beside(stem.with_suffix(suffix)) as partial:
            partial.write_text(content, "utf-8")
    return text


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join([markdown_row(heads), "|" + "---|" * len(heads), *map(markdown_row, rows)])


def heads(table: CommonTable) -> list[str]:
    """Heads of the columns; the first has none."""
    return ["", *HEADS, *(f"scenario {name}" for name in table.scenarios), "fit s", "GiB"]


def notes(table: CommonTable) -> list[str]:
    """How the table is read."""
    return [summary(table), *([weighed(table)] if len(table.weights) > 1 else [])]


def cells(row: Measured, table: CommonTable, cost: Cost) -> list[str]:
    """One row of the table, as text."""
    spread = "" if row.seeds == 1 else f" [{row.spread[0]:.3f}, {row.spread[1]:.3f}]"
    span = "" if row.interval is None else f" ({row.interval[0]:.2f}-{row.interval[1]:.2f})"
    return [
        row.name,
        f"{row.pr_auc:.3f}{spread}{span}",
        lag(row),
        f"{row.roc_auc:.3f}",
        *(f"{row.recall[budget]:.2f}" for budget in BUDGETS),
        f"{row.found} of {table.insiders}",
        "-" if row.days_until_found is None else f"{row.days_until_found:g}",
        *(f"{row.scenarios[name]:.3f}" for name in table.scenarios),
        f"{cost['seconds']:.0f}" if "seconds" in cost else "-",
        f"{cost['gib']:.1f}" if "gib" in cost else "-",
    ]


def lag(row: Measured) -> str:
    """How far a method is behind the best one, and whether users could have made the difference."""
    if row.behind is None:
        return "-"
    low, high = row.behind
    return f"{low:.2f} to {high:.2f}" if low > 0 else f"not shown ({low:.2f} to {high:.2f})"


def summary(table: CommonTable) -> str:
    """What the numbers rest on and how they are read."""
    counts = ", ".join(f"{count} of scenario {name}" for name, count in table.scenarios.items())
    return (
        f"{table.user_days:,} test user-days of {table.users} users, about {table.per_day:.0f} a day; "
        f"{table.malicious} are malicious ({counts}), of {table.insiders} insiders, so chance has PR-AUC "
        f"{table.malicious / table.user_days:.3f}. "
        "PR-AUC is average precision, the mean over seeds [least, greatest]; all else is of the first seed: "
        "in brackets the 95 % interval over users; behind the best, that of the difference of PR-AUC, paired "
        "over the same draws of users, not shown where it reaches 0. A scenario's numbers are PR-AUC of its "
        "days among all harmless ones; fit s and GiB are what training took. No method is behind the rows "
        "random, number of events, and days before the last: how near a day is to its user's last one."
    )


def weighed(table: CommonTable) -> str:
    """What the fused row is made of."""
    shares = sorted(table.weights.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {share:.2f}" for name, share in shares if share >= 0.005)
    return (
        "Fused: the weighted sum of conformal surprises, -log of the share of harmless validation days that "
        f"score as high or higher; weights from validation days: {named}."
    )


def absent(spec: Mapping[str, Any], table: CommonTable) -> list[str]:
    """Which rows could not be filled."""
    there = {row.name for row in table.rows}
    gone = [name for name in spec["rows"] if name not in there]
    return [f"Not there, as a run of it is missing: {', '.join(gone)}."] if gone else []


def flat(row: Measured, cost: Cost) -> dict[str, Any]:
    """One row for a program."""
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
        "insiders_found": row.found,
        "days_until_found": row.days_until_found,
        **{f"scenario_{name}": area for name, area in row.scenarios.items()},
        "missing": row.missing,
        "fit_seconds": cost.get("seconds"),
        "fit_gib": cost.get("gib"),
    }


def page(
    spec: Mapping[str, Any],
    table: CommonTable,
    names: list[str],
    rows: list[list[str]],
    said: list[str],
    asked: Audited,
) -> str:
    """The HTML page: the table, and each PR-AUC with its interval as a bar."""
    return template("common.html").render(
        title=spec["title"],
        source=spec["source"],
        heads=names,
        rows=rows,
        table=table,
        notes=said,
        audits=AUDITS,
        asked=ASKED,
        audited=asked,
    )
