"""Commands about cases: ``itd case list``, ``show``, ``ack`` and ``close``."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from typing import TYPE_CHECKING, Literal

from rich.table import Column, Table

from itd_lightning.cli.terminal import column, console, safe

if TYPE_CHECKING:  # most commands need no database
    from itd_lightning.alerts.cases.rows import CaseDetail, CaseRow, UnmaskRecord
    from itd_lightning.alerts.cases.store import CaseStore

_Shown = Literal["open", "new", "acknowledged", "closed-benign", "closed-true", "closed", "all"]
_STATES = {
    "open": ("new", "acknowledged"),
    "closed": ("closed-benign", "closed-true"),
    "all": ("new", "acknowledged", "closed-benign", "closed-true"),
}
_COLOURS = {"Critical": "bold red", "High": "red", "Moderate": "yellow"}
_EVENTS = 3  # of an alert, in a list


def list_cases(
    cases: str, state: _Shown = "open", user: str | None = None, limit: int = 50, json: bool = False
) -> None:
    """List cases, those of the users with the highest risk first.

    The risk is made of the user's open alerts of the last 30 days: higher and newer ones count more, and
    closing a case lowers it at once. Levels: Unknown below 20, Low below 40, Moderate below 70, High below
    90, Critical.

    Args:
        cases: The case store: a file, postgresql://..., or the .yaml of a deployment.
        state: Which cases: open ones are new or acknowledged.
        user: Only cases of this user.
        limit: Most cases that are listed.
        json: Print JSON instead of a table.
    """
    with _open(cases) as store:
        rows = store.cases(_STATES.get(state, (state,)), user=user)
    say = console().print
    if json:
        sys.stdout.write(dumps([row._asdict() for row in rows[:limit]], default=str, indent=1) + "\n")
        return
    if not rows:
        say("no case" if state == "all" else f"no case is {state}", highlight=False)
        return
    say(_case_table(rows[:limit]))
    if (more := len(rows) - limit) > 0:
        say(f"and {more:,} more: give --limit {len(rows)}", highlight=False)


def show(cases: str, case: int) -> None:
    """Show a case: its alerts with reasons and raw events, and what was done with it.

    Args:
        cases: The case store: a file, postgresql://..., or the .yaml of a deployment.
        case: Number of the case.
    """
    with _open(cases) as store:
        _print_case(store.case(case), store.unmaskings(case))


def ack(cases: str, case: int, reason: str = "", by: str | None = None) -> None:
    """Acknowledge a case: somebody looks after it.

    Args:
        cases: The case store: a file, postgresql://..., or the .yaml of a deployment.
        case: Number of the case.
        reason: A remark.
        by: Who does; default: the login name.
    """
    with _open(cases) as store:
        store.acknowledge(case, by or getpass.getuser(), reason)
    console().print(f"case {case}: acknowledged", highlight=False)


def close(cases: str, case: int, as_: Literal["benign", "true"], reason: str, by: str | None = None) -> None:
    """Close a case as benign or as true; the history keeps what was decided before.

    A closed case changes no score: feedback is data. A later alert of the user opens another case.

    Args:
        cases: The case store: a file, postgresql://..., or the .yaml of a deployment.
        case: Number of the case.
        as_: What it turned out to be.
        reason: Why.
        by: Who closes it; default: the login name.
    """
    with _open(cases) as store:
        store.close(case, as_, by or getpass.getuser(), reason)
    console().print(f"case {case}: closed-{as_}", highlight=False)


@contextmanager
def _open(place: str) -> Iterator["CaseStore"]:
    """Yield the case store at a place, which exists."""
    from itd_lightning.alerts.cases.store import CaseStore
    from itd_lightning.daily.deployment import cases_of

    with CaseStore.open(cases_of(place), create=False) as store:
        yield store


def _case_table(rows: list["CaseRow"]) -> Table:
    """Return the table of cases."""
    # The most that a terminal of 80 columns holds; no name is ever cut.
    heads = ("user", "state", "latest")
    user, state, latest = (Column(name, no_wrap=name != "user", overflow="fold") for name in heads)
    table = Table(column("case"), user, state, column("alerts"), latest, "risk")
    for row in rows:
        colour = _COLOURS.get(row.level, "")
        words = f"{row.risk:.0f} {row.level}" if row.state in _STATES["open"] else "-"
        risk = f"[{colour}]{words}[/]" if colour else words
        table.add_row(str(row.id), safe(row.user), row.state, str(row.alerts), str(row.last), risk)
    return table


def _print_case(detail: "CaseDetail", unmaskings: list["UnmaskRecord"]) -> None:
    """Print a case with its alerts and its history."""
    say, case = console().print, detail.case
    risk = f", risk {case.risk:.0f} ({case.level})" if case.state in _STATES["open"] else ""
    say(
        f"case {case.id}: {safe(case.user)}, {case.state}, {safe(case.deployment)}{risk}",
        highlight=False,
        soft_wrap=True,
    )
    table = Table("day", column("rank"), column("score"), column("p"), "reasons")
    for alert in detail.alerts:
        p_value = "-" if alert.p_value is None else f"{alert.p_value:.2g}"
        words = [*alert.reasons, *(["warm-up: little is known of the user"] if alert.warm_up else [])]
        if alert.event_ids:
            more = f" and {len(alert.event_ids) - _EVENTS} more" if len(alert.event_ids) > _EVENTS else ""
            words.append(f"events {', '.join(alert.event_ids[:_EVENTS])}{more}")
        reasons = safe("; ".join(words) or "no explanation kept")
        table.add_row(str(alert.day), str(alert.rank), f"{alert.score:.3f}", p_value, reasons)
    say(table)
    for action in detail.actions:
        when = action.at.strftime("%Y-%m-%d %H:%M UTC")
        why = f": {safe(action.reason)}" if action.reason else ""
        say(f"{when} {safe(action.by)}: {action.state}{why}", highlight=False, soft_wrap=True)
    for one in unmaskings:
        when = one.at.strftime("%Y-%m-%d %H:%M UTC")
        say(f"{when} {safe(one.by)}: unmasked: {safe(one.reason)}", highlight=False, soft_wrap=True)
