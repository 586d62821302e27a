"""How results look in a terminal: tables, one bar for long work, and nothing that a log could smuggle in."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from itd_lightning.contracts.results import Evaluation, Numbers
from itd_lightning.store.read import Store

SHOWN = 5  # remarks on the answer key


def describe(store: Store) -> None:
    """Say what a store holds, and what of the answer key no log holds."""
    say = console().print
    manifest = store.manifest
    say(
        f"{safe(str(store.path))}: {store.data}, {manifest['events']:,} events of {manifest['users']:,} "
        f"users, {manifest['first']} to {manifest['last']}",
        highlight=False,
        soft_wrap=True,
    )
    answers = manifest["answers"]
    if answers is None:
        say("no answer key: the store can be scored, not evaluated")
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
    for line in answers["remarks"][:SHOWN]:
        say(f"answers/{safe(line)}", highlight=False, soft_wrap=True)
    if (more := len(answers["remarks"]) - SHOWN) > 0:
        say(f"and {more:,} more remarks on the key")


def result_table(name: str, result: Evaluation) -> Table:
    """One score table's numbers."""
    protocol = result["protocol"]
    how = f"{protocol['split']}, {protocol['labels']} labels"
    title = f"{safe(name)}: {protocol['method']} on {protocol['data']}, {how}"
    table = Table("", column("PR-AUC"), column("95 %"), column("ROC-AUC"), column("base rate"), title=title)
    for row, entry in rows(result):
        span = entry["intervals"]["pr_auc"]
        limits = "-" if span is None else f"{span[0]:.3f} - {span[1]:.3f}"
        table.add_row(
            row, *(number(entry[key]) if key else limits for key in ("pr_auc", None, "roc_auc", "base_rate"))
        )
    found = result["budgets"]["share"].items()
    shares = ", ".join(f"{float(share):.0%} {number(recall)}" for share, recall in found)
    table.caption = (
        f"threshold {number(result['threshold'])}: precision {number(result['precision'])}, recall "
        f"{number(result['recall'])}, FPR {number(result['fpr'])}; recall before the first false alarm "
        f"{number(result['clean_recall'])}; recall within the highest {shares}"
    )
    return table


def rows(result: Evaluation) -> Iterator[tuple[str, Numbers]]:
    """The lines of a result table."""
    pooled: Numbers = result["pooled"]
    yield "all", result
    yield from ((f"scenario {name}", entry) for name, entry in result["scenarios"].items())
    yield from ((f"{name} labels", entry) for name, entry in result["labels"].items())
    yield "user-days", result["pooled"]["user_days"]
    for kind, what in (("sequences", "six in a row"), ("sessions", "sessions")):
        yield from ((f"{what}, {pool}", entry) for pool, entry in pooled.get(kind, {}).items())
    yield from ((f"baseline: {name.replace('_', ' ')}", entry) for name, entry in result["baselines"].items())


def costs(rows: int, seconds: float, building: int, kept: int, free: int) -> str:
    """What a build will cost, in words; the arguments are the fields of ``Estimate``."""
    time = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return (
        f"about {rows:,} rows, {time}, {size(building)} of disk while building, {size(kept)} in the end; "
        f"{size(free)} are free"
    )


def size(count: int) -> str:
    """Bytes, in the unit that fits.

    Example:
        >>> size(2_300_000)
        '2.3 MB'
    """
    power = min((len(str(count)) - 1) // 3, 3)
    return f"{count / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB')[power]}"


def number(value: float | None) -> str:
    """Three digits, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def column(name: str) -> Column:
    """A table column of numbers."""
    return Column(name, justify="right")


def safe(text: str) -> str:
    """Text from a log or a path, without markup, control and direction characters."""
    return escape(re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "?", text))


def console() -> Console:
    """Where results go."""
    return Console(file=sys.stdout, emoji=False)


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on standard error, for a person; silence for a log file."""
    shown = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    errors = Console(stderr=True)
    with Progress(*shown, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        yield bar
