"""An alert as an event of the Elastic Common Schema, of kind ``alert``."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import itd_lightning
from itd_lightning.alerts.exports.severity import risk_score, severity_of, title
from itd_lightning.alerts.exports.techniques import techniques
from itd_lightning.alerts.records import AlertRecord

_VERSION = "8.17.0"
_SEVERITIES = {"Low": 21, "Medium": 47, "High": 73}  # as Elastic's own rules count


def ecs_alert(alert: AlertRecord) -> dict[str, Any]:
    """Return the event; hours of a day are counted as if in UTC, since a store's times name no zone."""
    start = datetime.combine(alert.day, time(), UTC)
    found = techniques(alert)
    return {
        "@timestamp": alert.made_at.astimezone(UTC).isoformat(),
        "ecs": {"version": _VERSION},
        "message": title(alert),
        "event": {
            "kind": "alert",
            "category": ["intrusion_detection"],
            "type": ["info"],
            "module": "itd_lightning",
            "dataset": "itd_lightning.alerts",
            "id": alert.uid,
            "created": alert.made_at.astimezone(UTC).isoformat(),
            "start": start.isoformat(),
            "end": (start + timedelta(days=1)).isoformat(),
            "severity": _SEVERITIES[severity_of(alert)],
            "risk_score": risk_score(alert),
            "reason": "; ".join(alert.reasons) or "no explanation kept",
        },
        "observer": {
            "product": "itd_lightning",
            "vendor": "itd_lightning",
            "version": itd_lightning.__version__,
        },
        "rule": {"name": alert.method, "uuid": alert.checkpoint, "ruleset": alert.source},
        "user": {"name": alert.user},
        "related": {"user": [alert.user]},
        **({"threat": _threat(alert)} if found else {}),
        **({"tags": ["warm-up"]} if alert.warm_up else {}),
        "itd": {
            "score": alert.score,
            "p_value": alert.p_value,
            "rank": alert.rank,
            "evidence": alert.evidence,
            "event_ids": alert.event_ids,
            "case_id": alert.case_id,
            "state": alert.state,
        },
    }


def _threat(alert: AlertRecord) -> dict[str, Any]:
    """Return the techniques of MITRE ATT&CK; each field is a list, as ECS has it."""
    found = techniques(alert)
    whole = {one.technique_id: one.parent for one in found}
    parts = {one.id: one.name for one in found if one.id != one.technique_id}
    tactics = {one.tactic_id: one.tactic for one in found}
    technique: dict[str, Any] = {"id": list(whole), "name": list(whole.values())}
    if parts:
        technique["subtechnique"] = {"id": list(parts), "name": list(parts.values())}
    return {
        "framework": "MITRE ATT&CK",
        "tactic": {"id": list(tactics), "name": list(tactics.values())},
        "technique": technique,
    }
