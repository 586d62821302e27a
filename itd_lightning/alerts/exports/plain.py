"""An alert as a JSON object with the names of the alert's own fields: the formats ``json`` and ``ndjson``."""

from typing import Any

from itd_lightning.alerts.exports.techniques import techniques
from itd_lightning.alerts.records import AlertRecord


def plain_alert(alert: AlertRecord) -> dict[str, Any]:
    """Return the fields of an alert, and the techniques that a rule gives it."""
    values = alert._asdict() | {"day": str(alert.day), "made_at": alert.made_at.isoformat()}
    return {"uid": alert.uid, **values, "techniques": [one.id for one in techniques(alert)]}
