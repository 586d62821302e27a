"""Alerts made by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from itd_lightning.alerts.cases.rows import DayRecord
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.records import AlertRecord

DAY = date(2010, 3, 8)
MADE_AT = datetime(2010, 3, 9, 6, 0, tzinfo=UTC)


def make_alert(user: str = "ann", day: date = DAY, rank: int = 1, **values: Any) -> AlertRecord:  # noqa: ANN401 - of any field
    """Return an alert of a user."""
    defaults: dict[str, Any] = {
        "source": "plant",
        "score": 4.5,
        "p_value": 0.001,
        "warm_up": False,
        "reasons": ["usb_copy_count 7, usually 0.25"],
        "evidence": [{"feature": "usb_copy_count", "seen": 7.0, "usual": 0.25}],
        "event_ids": ["{E1}"],
        "method": "OwnHistoryZ",
        "checkpoint": "c0ffee",
        "made_at": MADE_AT,
    }
    return AlertRecord(user=user, day=day, rank=rank, **{**defaults, **values})


def make_day(day: date = DAY, deployment: str = "plant", **values: Any) -> DayRecord:  # noqa: ANN401 - of any field
    """Return a scored day."""
    defaults = {"checkpoint": "c0ffee", "shadow": False, "users": 20, "warm_up": 2, "calibrated_on": 900}
    more = {"drift": 0.05, "drift_chance": 0.4, "alerts": 1}
    return DayRecord(deployment=deployment, day=day, **{**defaults, **more, **values})


def add_alerts(store: CaseStore, *alerts: AlertRecord, targets: tuple[str, ...] = ()) -> None:
    """Write alerts, each day with its own."""
    for day in sorted({alert.day for alert in alerts}):
        mine = [alert for alert in alerts if alert.day == day]
        store.add_day(make_day(day, alerts=len(mine)), mine, targets)


def days_later(days: int) -> date:
    """Return a later day."""
    return DAY + timedelta(days=days)
