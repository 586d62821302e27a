"""What a case store hands out: cases, actions, scored days and runs as plain records; needs no database."""

from datetime import date, datetime
from typing import NamedTuple

from itd_lightning.alerts.records import AlertRecord


class CaseRow(NamedTuple):
    """A case in a list.

    Attributes:
        id: Its number.
        deployment: Whose alerts it holds.
        user: Name or pseudonym.
        state: ``new``, ``acknowledged``, ``closed-benign`` or ``closed-true``.
        opened_at: When its first alert was written.
        alerts: How many it holds.
        first: Day of the earliest alert.
        last: Day of the latest alert.
        best_rank: The highest place of an alert on its day.
        p_value: The lowest one; None where nothing was calibrated.
        risk: Of the user, as of the latest scored day; of open cases only, 0 for closed ones.
        level: Name of that risk.
    """

    id: int
    deployment: str
    user: str
    state: str
    opened_at: datetime
    alerts: int
    first: date
    last: date
    best_rank: int
    p_value: float | None
    risk: float
    level: str


class ActionRow(NamedTuple):
    """What somebody did with a case; ``state`` is the case's from then on."""

    state: str
    by: str
    reason: str
    at: datetime


class CaseDetail(NamedTuple):
    """A case with its alerts, newest day first, and what was done with it, oldest first."""

    case: CaseRow
    alerts: list[AlertRecord]
    actions: list[ActionRow]


class DayRecord(NamedTuple):
    """A day that was scored, as ``schema.ScoredDay`` describes it."""

    deployment: str
    day: date
    checkpoint: str
    shadow: bool
    users: int
    warm_up: int
    calibrated_on: int
    drift: float | None
    drift_chance: float | None
    alerts: int


class RunRecord(NamedTuple):
    """A call of ``itd daily``; ``outcome`` is running, done or failed."""

    id: int
    deployment: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    message: str


class Unsent(NamedTuple):
    """An alert that waits in the outbox for a target."""

    delivery: int
    attempts: int
    alert: AlertRecord


class UnmaskRecord(NamedTuple):
    """Somebody who asked for the name behind a pseudonym."""

    case_id: int
    pseudonym: str
    by: str
    reason: str
    at: datetime
