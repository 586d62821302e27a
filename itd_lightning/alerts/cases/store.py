"""The case store: cases of a SQLite file or a PostgreSQL database, read and written.

    with CaseStore.open("cases.sqlite") as store:
        store.close(3, "benign", by="ann", reason="a move of offices")

Everything that is written is written in one transaction, and a second time changes nothing. What somebody
did with a case is added to its actions; no action is changed. No label of a model follows from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Engine, Select, delete, exists, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from itd_lightning.alerts.cases.connect import connect, database_error_text, writing
from itd_lightning.alerts.cases.risk import DAYS, HALF_LIFE, entity_risk, risk_level
from itd_lightning.alerts.cases.rows import (
    ActionRow,
    CaseDetail,
    CaseRow,
    DayRecord,
    RunRecord,
    UnmaskRecord,
    Unsent,
)
from itd_lightning.alerts.cases.schema import (
    ACKNOWLEDGED,
    BENIGN,
    NEW,
    OPEN_STATES,
    TRUE,
    Alert,
    Case,
    CaseAction,
    Delivery,
    Run,
    ScoredDay,
    Unmasking,
)
from itd_lightning.alerts.records import AlertRecord
from itd_lightning.contracts.errors import InputError

_Verdict = Literal["benign", "true"]
_CLOSED: Mapping[str, str] = {"benign": BENIGN, "true": TRUE}
_LONGEST = 2_000  # letters of a reason
_Query = TypeVar("_Query", bound="Select[*tuple[Any, ...]]")


class CaseStore:
    """Cases, alerts, scored days, runs and the outbox of one or several deployments."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, place: str | Path, *, create: bool = True) -> "CaseStore":
        """Open a case store, and bring it to the newest schema.

        Args:
            place: Path of a SQLite file, or a URL such as ``postgresql://user@host/database``.
            create: Whether a missing file is made.

        Raises:
            InputError: If it cannot be opened.
        """
        return cls(connect(place, create=create))

    def __enter__(self) -> "CaseStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        """Yield a session to read in.

        Raises:
            InputError: If the database fails.
        """
        try:
            with Session(self._engine) as session:
                yield session
        except SQLAlchemyError as error:
            raise InputError(f"the case store failed: {database_error_text(error)}") from error

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """Yield a session whose changes are written together at the end, or not at all.

        Raises:
            InputError: If the database fails.
        """
        try:
            with writing(self._engine) as connection, Session(connection) as session:
                yield session
                session.flush()
        except SQLAlchemyError as error:
            raise InputError(f"the case store failed: {database_error_text(error)}") from error

    # Written by `itd daily`.

    def add_day(self, day: DayRecord, alerts: Sequence[AlertRecord], targets: Sequence[str] = ()) -> bool:
        """Write a scored day with its alerts, and put them into the outbox; nothing if it is there.

        Args:
            day: The day.
            alerts: Its alerts; each joins the open case of its user, or opens one.
            targets: Names of those to whom the alerts are sent.

        Returns:
            Whether it was written.
        """
        with self._writing() as session:
            if session.scalar(select(_has_day(day.deployment, day.day))):
                return False
            now = datetime.now(UTC)
            session.add(ScoredDay(**day._asdict(), scored_at=now))
            for alert in sorted(alerts, key=lambda one: one.rank):
                row = Alert(case_id=_open_case(session, day.deployment, alert.user, now), **_columns(alert))
                session.add(row)
                session.flush()
                session.add_all(
                    Delivery(alert_id=row.id, target=name, attempts=0, last_error="") for name in targets
                )
        return True

    def begin_run(self, deployment: str) -> int:
        """Write that a run has begun; earlier ones that never ended were killed. Return its number."""
        with self._writing() as session:
            killed = (Run.deployment == deployment) & (Run.outcome == "running")
            session.execute(update(Run).where(killed).values(outcome="failed", message="killed"))
            run = Run(deployment=deployment, started_at=datetime.now(UTC), outcome="running", message="")
            session.add(run)
            session.flush()
            return run.id

    def end_run(self, run: int, outcome: Literal["done", "failed"], message: str) -> None:
        """Write how a run ended."""
        with self._writing() as session:
            values = {"ended_at": datetime.now(UTC), "outcome": outcome, "message": message}
            session.execute(update(Run).where(Run.id == run).values(**values))

    def drop_before(self, day: date, deployment: str) -> int:
        """Remove what is older than a day: scored days, runs, alerts, and cases without any alert left.

        Returns:
            How many alerts were removed.
        """
        with self._writing() as session:
            old = select(Alert.id).where(Alert.deployment == deployment, Alert.day < day)
            session.execute(delete(Delivery).where(Delivery.alert_id.in_(old)))
            removed = session.execute(
                delete(Alert).where(Alert.deployment == deployment, Alert.day < day).returning(Alert.id)
            ).all()
            empty = select(Case.id).where(
                Case.deployment == deployment, ~exists().where(Alert.case_id == Case.id)
            )
            session.execute(delete(CaseAction).where(CaseAction.case_id.in_(empty)))
            session.execute(delete(Case).where(Case.id.in_(empty)))
            session.execute(delete(ScoredDay).where(ScoredDay.deployment == deployment, ScoredDay.day < day))
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
            session.execute(delete(Run).where(Run.deployment == deployment, Run.started_at < moment))
            return len(removed)

    # The outbox.

    def unsent(self, target: str, limit: int = 1_000) -> list[Unsent]:
        """Return the alerts that a target has not taken yet, oldest first."""
        waiting = (
            select(Delivery, Alert, Case.state)
            .join(Alert, Alert.id == Delivery.alert_id)
            .join(Case, Case.id == Alert.case_id)
            .where(Delivery.target == target, Delivery.sent_at.is_(None))
            .order_by(Delivery.id)
            .limit(limit)
        )
        with self._reading() as session:
            return [
                Unsent(row.id, row.attempts, _record(alert, state))
                for row, alert, state in session.execute(waiting)
            ]

    def count_unsent(self, target: str) -> int:
        """Return how many alerts a target has not taken yet."""
        waiting = select(func.count()).where(Delivery.target == target, Delivery.sent_at.is_(None))
        with self._reading() as session:
            return session.scalar(waiting) or 0

    def note_delivery(self, delivery: int, error: str = "") -> None:
        """Write that an alert was sent; with an error, that it was tried in vain."""
        values: dict[str, Any] = {"attempts": Delivery.attempts + 1, "last_error": error}
        with self._writing() as session:
            sent = {} if error else {"sent_at": datetime.now(UTC)}
            session.execute(update(Delivery).where(Delivery.id == delivery).values(**values, **sent))

    # Done by analysts.

    def acknowledge(self, case: int, by: str, reason: str = "") -> None:
        """Write that somebody looks after a case.

        Raises:
            InputError: If there is no such case, or it is closed.
        """
        self._act(case, ACKNOWLEDGED, by, reason)

    def close(self, case: int, verdict: _Verdict, by: str, reason: str) -> None:
        """Close a case; one that is closed may be closed otherwise, and both stand in its history.

        Raises:
            InputError: If there is no such case, or no reason is given.
        """
        if verdict not in _CLOSED:
            raise InputError(f"a case is closed as benign or true, not as {verdict!r}")
        if not reason.strip():
            raise InputError("a case is closed for a reason: give --reason TEXT")
        self._act(case, _CLOSED[verdict], by, reason)

    def _act(self, case: int, state: str, by: str, reason: str) -> None:
        """Add an action to a case, and give the case its state.

        Raises:
            InputError: If there is no such case, it is closed and would be opened, or a text is no good.
        """
        if not by.strip():
            raise InputError("somebody must do it: give --by NAME")
        if len(reason) > _LONGEST:
            raise InputError(f"a reason has at most {_LONGEST:,} letters, got {len(reason):,}")
        with self._writing() as session:
            row = session.get(Case, case, with_for_update=True)
            if row is None:
                raise InputError(f"there is no case {case}; `itd case list` shows them")
            if state == ACKNOWLEDGED and row.state not in OPEN_STATES:
                raise InputError(f"case {case} is {row.state}; a new alert of the user opens another one")
            row.state = state
            action = CaseAction(case_id=case, state=state, by=by, reason=reason, at=datetime.now(UTC))
            session.add(action)

    def log_unmasking(self, case: int, pseudonym: str, by: str, reason: str) -> None:
        """Write that somebody asks for the name behind a pseudonym, before they get it.

        Raises:
            InputError: If there is no such case, the case is another user's, or no reason is given.
        """
        if not reason.strip() or not by.strip():
            raise InputError("a name is unmasked by somebody for a reason: give --reason TEXT")
        with self._writing() as session:
            row = session.get(Case, case)
            if row is None or row.user != pseudonym:
                raise InputError(f"case {case} is not of {pseudonym}; `itd case list` shows them")
            session.add(
                Unmasking(case_id=case, pseudonym=pseudonym, by=by, reason=reason, at=datetime.now(UTC))
            )

    # Read by commands and pages.

    def cases(
        self,
        states: Sequence[str] = OPEN_STATES,
        *,
        deployment: str | None = None,
        user: str | None = None,
        case: int | None = None,
    ) -> list[CaseRow]:
        """Return cases, those of the users with the highest risk first, then the latest ones.

        Args:
            states: Which states.
            deployment: Only its cases.
            user: Only theirs.
            case: Only the one of this number.
        """
        query = _filtered(_case_query(), Case, deployment, user).where(Case.state.in_(states))
        if case is not None:
            query = query.where(Case.id == case)
        risks = self.risks(deployment=deployment, user=user)
        with self._reading() as session:
            rows = [_case_row(*row, risks=risks) for row in session.execute(query)]
        return sorted(rows, key=lambda row: (-row.risk, -row.last.toordinal(), row.best_rank, row.id))

    def case(self, case: int) -> CaseDetail:
        """Return one case.

        Raises:
            InputError: If there is none of that number.
        """
        with self._reading() as session:
            row = session.execute(_case_query().where(Case.id == case)).first()
            if row is None:
                raise InputError(f"there is no case {case}; `itd case list` shows them")
            actions = select(CaseAction).where(CaseAction.case_id == case).order_by(CaseAction.id)
            history = [ActionRow(one.state, one.by, one.reason, one.at) for one in session.scalars(actions)]
        found = _case_row(*row, risks=self.risks(deployment=row[1], user=row[2]))
        return CaseDetail(found, self.alerts(case=case), history)

    def alerts(
        self,
        *,
        deployment: str | None = None,
        user: str | None = None,
        case: int | None = None,
        since: date | None = None,
        until: date | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[AlertRecord]:
        """Return alerts, the newest day first, on each day by rank.

        Args:
            deployment: Only its alerts.
            user: Only theirs.
            case: Only those of this case.
            since: First day.
            until: Last day.
            limit: Most of them.
            offset: How many are left out before.
        """
        query = _filtered(select(Alert, Case.state).join(Case), Alert, deployment, user)
        if case is not None:
            query = query.where(Alert.case_id == case)
        if since is not None:
            query = query.where(Alert.day >= since)
        if until is not None:
            query = query.where(Alert.day <= until)
        query = query.order_by(Alert.day.desc(), Alert.rank, Alert.id).limit(limit).offset(offset)
        with self._reading() as session:
            return [_record(alert, state) for alert, state in session.execute(query)]

    def risks(
        self,
        *,
        deployment: str | None = None,
        user: str | None = None,
        as_of: date | None = None,
        half_life: float = HALF_LIFE,
    ) -> dict[tuple[str, str], float]:
        """Return the risk of each user with open alerts, by deployment and user.

        Args:
            deployment: Only its users.
            user: Only theirs.
            as_of: The day; default: the latest day that the deployment scored, if any.
            half_life: Days after which an alert counts half.
        """
        latest = self._latest_days() if as_of is None else {}
        oldest = min([as_of] if as_of else latest.values(), default=None)
        if oldest is None:
            return {}
        query = _filtered(
            select(Case.deployment, Case.user, Alert.day, Alert.p_value).join(Alert), Case, deployment, user
        ).where(Case.state.in_(OPEN_STATES), Alert.day > oldest - timedelta(days=DAYS))
        found: dict[tuple[str, str], list[tuple[date, float | None]]] = {}
        with self._reading() as session:
            for name, user, day, p_value in session.execute(query):
                found.setdefault((name, user), []).append((day, p_value))
        return {key: entity_risk(alerts, as_of or latest[key[0]], half_life) for key, alerts in found.items()}

    def _latest_days(self) -> dict[str, date]:
        """Return the latest day that each deployment scored."""
        latest = select(ScoredDay.deployment, func.max(ScoredDay.day)).group_by(ScoredDay.deployment)
        with self._reading() as session:
            return {row[0]: row[1] for row in session.execute(latest)}

    def last_day(self, deployment: str) -> date | None:
        """Return the latest day that a deployment scored; None before the first one."""
        with self._reading() as session:
            return session.scalar(select(func.max(ScoredDay.day)).where(ScoredDay.deployment == deployment))

    def days(self, deployment: str | None = None, limit: int | None = None) -> list[DayRecord]:
        """Return the scored days, the newest first."""
        query = select(ScoredDay).order_by(ScoredDay.day.desc(), ScoredDay.id.desc()).limit(limit)
        with self._reading() as session:
            rows = session.scalars(_filtered(query, ScoredDay, deployment, None)).all()
            return [DayRecord(*(getattr(row, name) for name in DayRecord._fields)) for row in rows]

    def runs(self, deployment: str | None = None, limit: int | None = None) -> list[RunRecord]:
        """Return the calls of ``itd daily``, the newest first."""
        query = select(Run).order_by(Run.id.desc()).limit(limit)
        with self._reading() as session:
            rows = session.scalars(_filtered(query, Run, deployment, None)).all()
            return [RunRecord(*(getattr(row, name) for name in RunRecord._fields)) for row in rows]

    def unmaskings(self, case: int | None = None) -> list[UnmaskRecord]:
        """Return who asked for a name, oldest first."""
        query = select(Unmasking).order_by(Unmasking.id)
        if case is not None:
            query = query.where(Unmasking.case_id == case)
        with self._reading() as session:
            rows = session.scalars(query).all()
            return [UnmaskRecord(*(getattr(row, name) for name in UnmaskRecord._fields)) for row in rows]


def _has_day(deployment: str, day: date) -> Any:  # noqa: ANN401 - SQLAlchemy's
    """Return the question whether a deployment scored a day."""
    return exists().where(ScoredDay.deployment == deployment, ScoredDay.day == day)


def _open_case(session: Session, deployment: str, user: str, now: datetime) -> int:
    """Return the number of a user's open case, which is made if there is none."""
    mine = (Case.deployment == deployment) & (Case.user == user) & Case.state.in_(OPEN_STATES)
    # Locked, so that nobody closes it before the alert is in it.
    case = session.scalar(select(Case).where(mine).with_for_update())
    if case is None:
        case = Case(deployment=deployment, user=user, state=NEW, opened_at=now)
        session.add(case)
        session.flush()
    return case.id


def _columns(alert: AlertRecord) -> dict[str, Any]:
    """Return an alert by the names of its columns."""
    values = alert._asdict()
    values["deployment"] = values.pop("source")
    return {name: value for name, value in values.items() if name not in ("id", "case_id", "state")}


def _record(alert: Alert, state: str) -> AlertRecord:
    """Return an alert as a plain record."""
    values = {name: getattr(alert, name) for name in AlertRecord._fields if name not in ("source", "state")}
    return AlertRecord(source=alert.deployment, state=state, **values)


def _case_query() -> "Select[*tuple[Any, ...]]":
    """Return the question for cases, with counts of their alerts."""
    counts = (func.count(Alert.id), func.min(Alert.day), func.max(Alert.day), func.min(Alert.rank))
    return (
        select(
            Case.id, Case.deployment, Case.user, Case.state, Case.opened_at, *counts, func.min(Alert.p_value)
        )
        .join(Alert, Alert.case_id == Case.id)
        .group_by(Case.id, Case.deployment, Case.user, Case.state, Case.opened_at)
    )


def _case_row(*values: Any, risks: Mapping[tuple[str, str], float]) -> CaseRow:  # noqa: ANN401 - of any column
    """Return a row of the question for cases, with the user's risk."""
    deployment, user, state = values[1:4]
    risk = risks.get((deployment, user), 0.0) if state in OPEN_STATES else 0.0
    return CaseRow._make([*values, risk, risk_level(risk)])


def _filtered(query: _Query, table: Any, deployment: str | None, user: str | None) -> _Query:  # noqa: ANN401 - a table
    """Return a question about one deployment or user only."""
    if deployment is not None:
        query = query.where(table.deployment == deployment)
    return query if user is None else query.where(table.user == user)
