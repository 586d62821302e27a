"""How severe an alert is, by its p-value alone, and its title; the same in every format."""

from itd_lightning.alerts.records import AlertRecord
from itd_lightning.alerts.severity import severity

_HIGH, _LOW = 0.75, 0.25  # of severity: p-values of 0.001 and 0.1


def severity_of(alert: AlertRecord) -> str:
    """Return Low, Medium or High; Medium where nothing was calibrated."""
    strength = severity(alert.p_value)
    return "High" if strength >= _HIGH else "Low" if strength < _LOW else "Medium"


def risk_score(alert: AlertRecord) -> float:
    """Return the severity from 0 to 100."""
    return round(100 * severity(alert.p_value), 1)


def title(alert: AlertRecord) -> str:
    """Return what the alert says, in one line."""
    return f"unusual day of {alert.user} on {alert.day}, rank {alert.rank}"
