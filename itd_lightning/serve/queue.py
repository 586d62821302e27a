"""The queue: cases, filtered, sorted and paged; kept in memory, and read anew only where they changed."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

from itd_lightning.alerts.cases.risk import LEVELS
from itd_lightning.alerts.cases.rows import CaseRow, Changes
from itd_lightning.alerts.cases.schema import ACKNOWLEDGED, BENIGN, NEW, OPEN_STATES, TRUE
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.contracts.errors import InputError

_PAGE_ROWS = 50
_ALL = (NEW, ACKNOWLEDGED, BENIGN, TRUE)
STATES: Mapping[str, tuple[str, ...]] = {
    "open": OPEN_STATES,
    NEW: (NEW,),
    ACKNOWLEDGED: (ACKNOWLEDGED,),
    BENIGN: (BENIGN,),
    TRUE: (TRUE,),
    "closed": (BENIGN, TRUE),
    "all": _ALL,
}
# Orders of the queue; in each, equal ones are in that of risk.
ORDERS: Mapping[str, Callable[[CaseRow], Any]] = {
    "risk": lambda row: -row.risk,
    "latest": lambda row: -row.last.toordinal(),
    "alerts": lambda row: -row.alerts,
    "rank": lambda row: row.best_rank,
    "user": lambda row: row.user.lower(),
    "case": lambda row: row.id,
}
_LOOK_EVERY = 10.0  # seconds
_MOST_REFRESHED = 50  # cases, beyond which all are read anew


class Selection(NamedTuple):
    """Which cases are shown, in which order.

    Attributes:
        state: A name in ``STATES``.
        level: Name of a risk level; empty for all.
        day: Only cases with an alert on it.
        user: Part of a user's name, in any case.
        deployment: Only its cases; empty for all.
        sort: A name in ``ORDERS``.
        backwards: Whether the order is turned round.
        page: From 1.
    """

    state: str = "open"
    level: str = ""
    day: date | None = None
    user: str = ""
    deployment: str = ""
    sort: str = "risk"
    backwards: bool = False
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Selection":
        """Return what a query asks for.

        Raises:
            InputError: If a value is none of those that are possible.
        """
        day = query.get("day", "")
        try:
            return cls(
                state=_one_of(query.get("state") or "open", STATES, "state"),
                level=_one_of(query.get("level", ""), ("", *LEVELS), "level"),
                day=date.fromisoformat(day) if day else None,
                user=query.get("user", "").strip(),
                deployment=query.get("deployment", ""),
                sort=_one_of(query.get("sort") or "risk", ORDERS, "sort"),
                backwards=query.get("backwards", "") == "1",
                page=max(int(query.get("page") or 1), 1),
            )
        except (ValueError, OverflowError) as error:
            raise InputError(f"no such list: {error}") from error

    def query(self, **changes: Any) -> str:  # noqa: ANN401 - a field's
        """Return the query that asks for this, or for this with changes."""
        values = (self._replace(**changes))._asdict()
        values["backwards"] = "1" if values["backwards"] else ""
        standard = {**Selection()._asdict(), "backwards": ""}
        return urlencode({name: value for name, value in values.items() if value != standard[name]})


def _one_of(value: str, names: Iterable[str], what: str) -> str:
    """Return a value that is one of some names.

    Raises:
        InputError: If it is not.
    """
    if value not in (possible := list(names)):
        raise InputError(f"{what} is one of {', '.join(filter(None, possible))}")
    return value


class _CasePage(NamedTuple):
    """A page of the queue: its cases, its number, how many pages there are, and how many cases on all."""

    rows: list[CaseRow]
    number: int
    pages: int
    total: int


class Queue:
    """The cases of a store; what somebody did elsewhere is seen at the next look.

    Args:
        store: The store.
        deployment: Only its cases; None for all.
    """

    def __init__(self, store: CaseStore, deployment: str | None) -> None:
        self._store, self._deployment = store, deployment
        self._lock = threading.Lock()
        self._seen: Changes | None = None
        self._cases: dict[int, CaseRow] = {}
        self._order: list[CaseRow] = []

    def cases(self) -> list[CaseRow]:
        """Return all cases as they are now, those of the users with the highest risk first."""
        with self._lock:
            now = self._store.last_changes()
            if now != self._seen:
                self._refresh(now)
                self._order = sorted(self._cases.values(), key=_by_risk)
                self._seen = now
            return self._order

    def _refresh(self, now: Changes) -> None:
        """Read what changed since the last look."""
        seen = self._seen
        if seen is not None and seen.days == now.days and seen.action < now.action:
            changed = self._store.cases_acted_on(seen.action)
            if len(changed) <= _MOST_REFRESHED and changed <= set(self._cases):
                for deployment, user in {self._cases[case][1:3] for case in changed}:
                    rows = self._store.cases(_ALL, deployment=deployment, user=user)
                    self._cases |= {row.id: row for row in rows}
                return
        self._cases = {row.id: row for row in self._store.cases(_ALL, deployment=self._deployment)}

    def keep_fresh(self) -> None:
        """Look again and again, so that nobody waits while the alerts of a new day are read."""
        while True:
            with suppress(InputError):  # whoever asks next is told
                self.cases()
            time.sleep(_LOOK_EVERY)

    def case(self, number: int) -> CaseRow | None:
        """Return a case; None if there is none of that number."""
        self.cases()
        return self._cases.get(number)

    def of_user(self, deployment: str, user: str) -> list[CaseRow]:
        """Return the cases of a user, the latest first."""
        mine = [row for row in self.cases() if row.user == user and row.deployment == deployment]
        return sorted(mine, key=lambda row: -row.id)

    def counts(self) -> dict[str, int]:
        """Return how many cases are in each of the groups of states."""
        states = [row.state for row in self.cases()]
        by_state = {state: states.count(state) for state in _ALL}
        return {name: sum(by_state[state] for state in group) for name, group in STATES.items()}

    def deployments(self) -> list[str]:
        """Return the names of the deployments with cases."""
        return sorted({row.deployment for row in self.cases()})

    def select(self, selection: Selection) -> list[CaseRow]:
        """Return the cases that are asked for, in the order that is."""
        states, user = set(STATES[selection.state]), selection.user.lower()
        on_day = None if selection.day is None else self._store.cases_on(selection.day, self._deployment)
        rows = [
            row
            for row in self.cases()
            if row.state in states
            and (not selection.level or row.level == selection.level)
            and (not user or user in row.user.lower())
            and (on_day is None or row.id in on_day)
            and (not selection.deployment or row.deployment == selection.deployment)
        ]
        return sorted(rows, key=ORDERS[selection.sort], reverse=selection.backwards)

    def page(self, selection: Selection) -> _CasePage:
        """Return the page that is asked for, or the last one if it is beyond."""
        rows = self.select(selection)
        pages = max(-(-len(rows) // _PAGE_ROWS), 1)
        number = min(selection.page, pages)
        return _CasePage(rows[(number - 1) * _PAGE_ROWS : number * _PAGE_ROWS], number, pages, len(rows))


def _by_risk(row: CaseRow) -> tuple[float, int, int, int]:
    """Return the place of a case in the order of risk."""
    return -row.risk, -row.last.toordinal(), row.best_rank, row.id
