"""Results in a terminal: tables and one progress bar; text from logs is made harmless."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from itd_lightning.contracts.results import AuditResult, Evaluation, Numbers
from itd_lightning.store.read import Store

if TYPE_CHECKING:  # most commands print no threshold
    from itd_lightning.evaluation.alarm_days import ThresholdChoice

_MAX_REMARKS = 5  # remarks on the answer key


def print_store(store: Store) -> None:
    """Print the content of a store, and the rows of the answer key that are in no log."""
    say = console().print
    manifest = store.manifest
    zone = manifest.get("zone")
    say(
        f"{safe(str(store.path))}: {store.data}, {manifest['events']:,} events of {manifest['users']:,} "
        f"users, {manifest['first']} to {manifest['last']}{f' ({zone})' if zone else ''}",
        highlight=False,
        soft_wrap=True,
    )
    answers = manifest["answers"]
    if answers is None:
        say("no answer key: the store can be scored, not evaluated")
        return
    if spanned := answers.get("found_by_span"):
        words = f"answer key: {answers['campaigns']} known spans, {spanned:,} events of their users within"
        say(words, highlight=False, soft_wrap=True)
        return
    by_id, by_time = answers["found_by_id"], answers["found_by_time"]
    say(
        f"answer key: {answers['campaigns']} campaigns, {answers['rows']:,} rows; {by_id + by_time:,} in the "
        f"logs ({by_id:,} by id, {by_time:,} by time), {answers['missing']:,} in none",
        highlight=False,
        soft_wrap=True,
    )
    if answers["missing_by_account"]:
        names = ", ".join(f"{safe(user)} {count}" for user, count in answers["missing_by_account"].items())
        say(f"in no log, by account: {names}", highlight=False, soft_wrap=True)
    for line in answers["remarks"][:_MAX_REMARKS]:
        say(f"answers/{safe(line)}", highlight=False, soft_wrap=True)
    if (more := len(answers["remarks"]) - _MAX_REMARKS) > 0:
        say(f"and {more:,} more remarks on the key")


def result_table(name: str, result: Evaluation) -> Table:
    """Return the table of one score table's numbers."""
    protocol = result["protocol"]
    how = f"{protocol['split']}, {protocol['labels']} labels"
    title = f"{safe(name)}: {protocol['method']} on {protocol['data']}, {how}"
    table = Table("", column("PR-AUC"), column("95 %"), column("ROC-AUC"), column("base rate"), title=title)
    for row, entry in _result_rows(result):
        span = entry["intervals"]["pr_auc"]
        limits = "-" if span is None else f"{span[0]:.3f} - {span[1]:.3f}"
        table.add_row(
            row, *(_number(entry[key]) if key else limits for key in ("pr_auc", None, "roc_auc", "base_rate"))
        )
    by_share = result["budgets"]["share"].items()
    shares = ", ".join(f"{float(share):.0%} {_number(recall)}" for share, recall in by_share)
    table.caption = (
        f"threshold {_number(result['threshold'])}: precision {_number(result['precision'])}, recall "
        f"{_number(result['recall'])}, FPR {_number(result['fpr'])}; recall before the first false alarm "
        f"{_number(result['clean_recall'])}; recall within the highest {shares}"
    )
    return table


def _result_rows(result: Evaluation) -> Iterator[tuple[str, Numbers]]:
    """Yield the lines of a result table."""
    pooled: Numbers = result["pooled"]
    yield "all", result
    warm_up = result.get("warm_up")
    if warm_up and warm_up["units"]:
        yield f"without {warm_up['units']:,} warm-up units", warm_up["without"]
    yield from ((f"scenario {name}", entry) for name, entry in result["scenarios"].items())
    yield from ((f"{name} labels", entry) for name, entry in result["labels"].items())
    yield "user-days", result["pooled"]["user_days"]
    for kind, what in (("sequences", "six in a row"), ("sessions", "sessions")):
        yield from ((f"{what}, {pool}", entry) for pool, entry in pooled.get(kind, {}).items())
    for name, entry in result["baselines"].items():
        yield "ceiling: oracle" if name == "oracle" else f"baseline: {name.replace('_', ' ')}", entry


def audit_table(name: str, audits: Sequence[AuditResult]) -> Table:
    """Return the table of a run's audits."""
    marks = {True: "[green]pass[/]", False: "[bold red]FAIL[/]", None: "[yellow]open[/]"}
    counts = ", ".join(
        f"{sum(entry.passed is passed for entry in audits)} {what}"
        for passed, what in ((True, "passed"), (False, "failed"), (None, "open"))
    )
    table = Table("audit", "", column("number"), "verdict", title=f"audits of {safe(name)}: {counts}")
    for entry in audits:
        table.add_section()
        table.add_row(entry.name, marks[entry.passed], _number(entry.number), safe(entry.verdict))
    return table


def threshold_table(name: str, choice: "ThresholdChoice") -> Table:
    """Return the table of alarms above a threshold on validation and on test user-days."""
    parts = (choice.validation, choice.test)
    title = f"{safe(name)}: threshold {choice.threshold:.6g}"
    table = Table("user-days", column("validation"), column("test"), title=title)
    table.add_row("scored", *(f"{part.days:,}" for part in parts))
    table.add_row("alarms", *(f"{part.alarms:,}" for part in parts))
    table.add_row("alarms a day", *(f"{part.per_day:.2f}" for part in parts))
    table.add_row("alarms on the worst day", *(f"{part.worst_day:,}" for part in parts))
    table.add_row("share of harmless ones (FPR)", *(_share(part.fpr) for part in parts))
    table.add_row("false alarms among alarms", *(_share(part.false_share) for part in parts))
    table.add_row("malicious ones found (recall)", *(_share(part.recall) for part in parts))
    return table


def _share(value: float | None) -> str:
    """Return a share in per cent, or a dash."""
    return "-" if value is None else f"{value:.2%}"


def alert_table(name: str, days: pl.DataFrame, words: str) -> Table:
    """Return the table of user-days to look at, with their conformal p-values where there are any.

    Args:
        name: Of the run.
        days: As ``alerts.lists.top_days`` returns them, and perhaps ``p``. Those in warm-up are marked.
        words: What stands below, such as the rule by which they were chosen.
    """
    numbers = [name for name in ("score", "p") if name in days]
    heads = [column(name) for name in numbers]
    is_marked = days["warm_up"].any()
    table = Table(
        column("#"),
        "user",
        "day",
        *heads,
        *["history"] * is_marked,
        "what contributed most",
        title=f"look at these first: {safe(name)}",
        caption=words or None,
    )
    for row in days.iter_rows(named=True):
        if row["rank"] == 1:
            table.add_section()
        reasons = safe("; ".join(text for text in row["reasons"] or [] if text)) or "no explanation kept"
        values = (f"{row[name]:.4f}" if name == "p" else f"{row[name]:.3f}" for name in numbers)
        mark = ["warm-up" if row["warm_up"] else ""] * is_marked
        table.add_row(str(row["rank"]), safe(row["user"]), str(row["day"])[:10], *values, *mark, reasons)
    return table


def cost_text(rows: int, seconds: float, peak_bytes: int, store_bytes: int, free_bytes: int) -> str:
    """Return the cost of a build in words; the arguments are the fields of ``Estimate``."""
    time = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return (
        f"about {rows:,} rows, {time}, {_size(peak_bytes)} of disk while building, "
        f"{_size(store_bytes)} in the end; {_size(free_bytes)} are free"
    )


def _size(count: int) -> str:
    """Return a number of bytes in the unit that fits.

    Example:
        >>> _size(2_300_000)
        '2.3 MB'
    """
    power = min((len(str(count)) - 1) // 3, 3)
    return f"{count / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB')[power]}"


def _number(value: float | None) -> str:
    """Return a number with three digits, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def column(name: str) -> Column:
    """Return a table column of numbers."""
    return Column(name, justify="right")


def safe(text: str) -> str:
    """Return text from a log or a path without markup, control and direction characters."""
    return escape(re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "?", text))


def console() -> Console:
    """Return the console for results."""
    return Console(file=sys.stdout, emoji=False)


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield a progress bar on standard error; it is silent where that is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        yield bar
