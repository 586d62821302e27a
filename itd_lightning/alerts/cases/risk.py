"""The risk of a user: recent open alerts, higher and newer ones counting more, from 0 to 100."""

from collections.abc import Iterable
from datetime import date

from itd_lightning.alerts.severity import severity

DAYS = 30  # of alerts that count
HALF_LIFE = 7.0  # days
_LEVELS = {"Unknown": 0, "Low": 20, "Moderate": 40, "High": 70, "Critical": 90}  # lowest risk of each
_SHARE = 0.5  # of what is missing to 100 that the strongest alert of today adds


def entity_risk(
    alerts: Iterable[tuple[date, float | None]], as_of: date, half_life: float = HALF_LIFE
) -> float:
    """Return the risk of a user as of a day.

    Each alert takes away a share of what is missing to 100, so repeats saturate and order does not matter.

    Args:
        alerts: Day and p-value of each open alert; those older than 30 days, or later, do not count.
        as_of: The day.
        half_life: Days after which an alert counts half.

    Example:
        >>> today = date(2010, 3, 8)
        >>> entity_risk([(today, 1e-4)], today), entity_risk([(date(2010, 3, 1), 1e-4)], today)
        (50.0, 25.0)
    """
    missing = 1.0
    for day, p_value in alerts:
        if 0 <= (age := (as_of - day).days) < DAYS:
            missing *= 1 - _SHARE * severity(p_value) * 0.5 ** (age / half_life)
    return round(100 * (1 - missing), 1)


def risk_level(risk: float) -> str:
    """Return the level of a risk, by the names that Elastic gives them.

    Example:
        >>> risk_level(19.9), risk_level(70.0)
        ('Unknown', 'High')
    """
    return [name for name, lowest in _LEVELS.items() if risk >= lowest][-1]
