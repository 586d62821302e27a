"""How audits and thresholds look in a terminal."""

from collections.abc import Sequence

from rich.table import Table

from itd_lightning.evaluation.alarm_days import Chosen
from itd_lightning.evaluation.verdicts import Audit
from itd_lightning.terminal import column, number, safe


def audit_table(name: str, audits: Sequence[Audit]) -> Table:
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


def threshold_table(name: str, chosen: Chosen) -> Table:
    """What a threshold means on validation and on test user-days."""
    parts = (chosen.validation, chosen.test)
    title = f"{safe(name)}: threshold {chosen.threshold:.6g}"
    table = Table("user-days", column("validation"), column("test"), title=title)
    table.add_row("scored", *(f"{part.days:,}" for part in parts))
    table.add_row("alarms", *(f"{part.alarms:,}" for part in parts))
    table.add_row("alarms a day", *(f"{part.a_day:.2f}" for part in parts))
    table.add_row("alarms on the worst day", *(f"{part.most:,}" for part in parts))
    table.add_row("share of harmless ones (FPR)", *(share(part.fpr) for part in parts))
    table.add_row("false alarms among alarms", *(share(part.false) for part in parts))
    table.add_row("malicious ones found (recall)", *(share(part.recall) for part in parts))
    return table


def share(value: float | None) -> str:
    """A share in per cent, or a dash."""
    return "-" if value is None else f"{value:.2%}"
