"""The tables of a case store, as SQLAlchemy knows them; ``migrations`` makes them in a database."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, Dialect, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator

NEW, ACKNOWLEDGED, BENIGN, TRUE = "new", "acknowledged", "closed-benign", "closed-true"
OPEN_STATES = (NEW, ACKNOWLEDGED)
_IS_OPEN = text("state IN ('new', 'acknowledged')")


class _UtcTime(TypeDecorator[datetime]):
    """A moment: aware in Python, UTC in the database, which need not know zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC, without its zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {datetime: _UtcTime, list[str]: JSON, list[dict[str, Any]]: JSON}  # noqa: RUF012 - SQLAlchemy's


class ScoredDay(Base):
    """A day that a deployment scored; there is one row a day, written together with the day's alerts."""

    __tablename__ = "scored_days"
    __table_args__ = (UniqueConstraint("deployment", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    deployment: Mapped[str]
    day: Mapped[date]
    checkpoint: Mapped[str]
    shadow: Mapped[bool]
    users: Mapped[int]  # user-days that were scored
    warm_up: Mapped[int]  # of them, how many in warm-up
    calibrated_on: Mapped[int]  # user-days that the p-values compare with
    drift: Mapped[float | None]  # distance of the last week's scores from those before
    drift_chance: Mapped[float | None]
    alerts: Mapped[int]
    scored_at: Mapped[datetime]


class Run(Base):
    """A call of ``itd daily``."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    deployment: Mapped[str] = mapped_column(index=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str]  # running, done or failed
    message: Mapped[str]


class Case(Base):
    """The alerts of one user, from the first until the case is closed."""

    __tablename__ = "cases"
    __table_args__ = (
        # So no user has two open cases, whoever writes.
        Index(
            "one_open_case",
            "deployment",
            "user",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        Index("cases_by_state", "state", "deployment"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    deployment: Mapped[str]
    user: Mapped[str] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(20))  # that of the last action
    opened_at: Mapped[datetime]


class Alert(Base):
    """A user-day that was alerted; its evidence is what the reasons are made of."""

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("deployment", "user", "day", "checkpoint"),
        Index("alerts_by_day", "day", "rank"),
        Index("counts_of_cases", "case_id", "day", "rank", "p_value"),  # lists read it alone
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    deployment: Mapped[str]
    user: Mapped[str] = mapped_column(index=True)
    day: Mapped[date]
    rank: Mapped[int]
    score: Mapped[float]
    p_value: Mapped[float | None]
    warm_up: Mapped[bool | None]
    reasons: Mapped[list[str]]
    evidence: Mapped[list[dict[str, Any]]]
    event_ids: Mapped[list[str]]
    method: Mapped[str]
    checkpoint: Mapped[str]
    made_at: Mapped[datetime]


class CaseAction(Base):
    """What somebody did with a case; rows are added, never changed."""

    __tablename__ = "case_actions"

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))  # of the case from then on
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class Delivery(Base):
    """An alert to send, in the outbox until somebody took it."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("alert_id", "target"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    target: Mapped[str] = mapped_column(index=True)
    attempts: Mapped[int]
    last_error: Mapped[str]
    sent_at: Mapped[datetime | None]


class Unmasking(Base):
    """Somebody who asked for the name behind a pseudonym; rows are added, never changed."""

    __tablename__ = "unmaskings"

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int]  # no reference: the row outlives its case
    pseudonym: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
