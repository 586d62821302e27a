"""How audits, thresholds and alerts look in a terminal."""

from collections.abc import Sequence

import polars as pl
from rich.table import Table

from itd_lightning.cli.terminal import column, number, safe
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.alarm_days import ThresholdChoice


def audit_table(name: str, audits: Sequence[AuditResult]) -> Table:
    """What the audits of a run found."""
    marks = {True: "[green]pass[/]", False: "[bold red]FAIL[/]", None: "[yellow]open[/]"}
    counts = ", ".join(
        f"{sum(entry.passed is passed for entry in audits)} {what}"
        for passed, what in ((True, "passed"), (False, "failed"), (None, "open"))
    )
    table = Table("audit", "", column("number"), "verdict", title=f"audits of {safe(name)}: {counts}")
    for entry in audits:
        table.add_section()
        table.add_row(entry.name, marks[entry.passed], number(entry.number), safe(entry.verdict))
    return table


def threshold_table(name: str, chosen: ThresholdChoice) -> Table:
    """What a threshold means on validation and on test user-days."""
    parts = (chosen.validation, chosen.test)
    title = f"{safe(name)}: threshold {chosen.threshold:.6g}"
    table = Table("user-days", column("validation"), column("test"), title=title)
    table.add_row("scored", *(f"{part.days:,}" for part in parts))
    table.add_row("alarms", *(f"{part.alarms:,}" for part in parts))
    table.add_row("alarms a day", *(f"{part.per_day:.2f}" for part in parts))
    table.add_row("alarms on the worst day", *(f"{part.worst_day:,}" for part in parts))
    table.add_row("share of harmless ones (FPR)", *(share(part.fpr) for part in parts))
    table.add_row("false alarms among alarms", *(share(part.false_share) for part in parts))
    table.add_row("malicious ones found (recall)", *(share(part.recall) for part in parts))
    return table


def share(value: float | None) -> str:
    """A share in per cent, or a dash."""
    return "-" if value is None else f"{value:.2%}"


def alert_table(name: str, days: pl.DataFrame, words: str) -> Table:
    """User-days to look at, with their conformal p-values where there are any.

    Args:
        name: Of the run.
        days: As ``report.alerts.top_days`` returns them, and perhaps ``p``.
        words: What stands below, such as the rule by which they were chosen.
    """
    numbers = [name for name in ("score", "p") if name in days]
    heads = [column(name) for name in numbers]
    table = Table(
        column("#"),
        "user",
        "day",
        *heads,
        "what contributed most",
        title=f"look at these first: {safe(name)}",
        caption=words or None,
    )
    for row in days.iter_rows(named=True):
        if row["rank"] == 1:
            table.add_section()
        why = safe(", ".join(text for text in row["reasons"] or [] if text)) or "no explanation kept"
        values = (f"{row[name]:.4f}" if name == "p" else f"{row[name]:.3f}" for name in numbers)
        table.add_row(str(row["rank"]), safe(row["user"]), str(row["day"])[:10], *values, why)
    return table
