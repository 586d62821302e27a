"""The first tables: scored days, runs, cases, alerts, actions, outbox, unmaskings."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_IS_OPEN = sa.text("state IN ('new', 'acknowledged')")


def upgrade() -> None:
    """Make the tables."""
    _make_days_and_runs()
    _make_cases()
    _make_alerts()
    _make_records()


def _id() -> sa.Column[int]:
    """Return a primary key."""
    return sa.Column("id", sa.Integer, primary_key=True)


def _text(name: str, length: int | None = None) -> sa.Column[str]:
    """Return a column of text."""
    return sa.Column(name, sa.String(length), nullable=False)


def _make_days_and_runs() -> None:
    """Make ``scored_days`` and ``runs``."""
    op.create_table(
        "scored_days",
        _id(),
        _text("deployment"),
        sa.Column("day", sa.Date, nullable=False),
        _text("checkpoint"),
        sa.Column("shadow", sa.Boolean, nullable=False),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("users", "warm_up", "calibrated_on", "alerts")
        ),
        sa.Column("drift", sa.Float),
        sa.Column("drift_chance", sa.Float),
        sa.Column("scored_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("deployment", "day"),
    )
    op.create_table(
        "runs",
        _id(),
        _text("deployment"),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        _text("outcome"),
        _text("message"),
    )
    op.create_index("ix_runs_deployment", "runs", ["deployment"])


def _make_cases() -> None:
    """Make ``cases`` and ``case_actions``."""
    op.create_table(
        "cases",
        _id(),
        _text("deployment"),
        _text("user"),
        _text("state", 20),
        sa.Column("opened_at", sa.DateTime, nullable=False),
    )
    op.create_index(
        "one_open_case",
        "cases",
        ["deployment", "user"],
        unique=True,
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    )
    op.create_index("cases_by_state", "cases", ["state", "deployment"])
    op.create_index("ix_cases_user", "cases", ["user"])
    op.create_table(
        "case_actions",
        _id(),
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.id"), nullable=False),
        _text("state", 20),
        _text("by"),
        _text("reason"),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_case_actions_case_id", "case_actions", ["case_id"])


def _make_alerts() -> None:
    """Make ``alerts``."""
    op.create_table(
        "alerts",
        _id(),
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.id"), nullable=False),
        _text("deployment"),
        _text("user"),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("p_value", sa.Float),
        sa.Column("warm_up", sa.Boolean),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("reasons", "evidence", "event_ids")),
        _text("method"),
        _text("checkpoint"),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("deployment", "user", "day", "checkpoint"),
    )
    op.create_index("alerts_by_day", "alerts", ["day", "rank"])
    op.create_index("counts_of_cases", "alerts", ["case_id", "day", "rank", "p_value"])
    op.create_index("ix_alerts_user", "alerts", ["user"])


def _make_records() -> None:
    """Make ``outbox`` and ``unmaskings``."""
    op.create_table(
        "outbox",
        _id(),
        sa.Column("alert_id", sa.Integer, sa.ForeignKey("alerts.id"), nullable=False),
        _text("target"),
        sa.Column("attempts", sa.Integer, nullable=False),
        _text("last_error"),
        sa.Column("sent_at", sa.DateTime),
        sa.UniqueConstraint("alert_id", "target"),
    )
    op.create_index("ix_outbox_target", "outbox", ["target"])
    op.create_table(
        "unmaskings",
        _id(),
        sa.Column("case_id", sa.Integer, nullable=False),
        *(_text(name) for name in ("pseudonym", "by", "reason")),
        sa.Column("at", sa.DateTime, nullable=False),
    )
