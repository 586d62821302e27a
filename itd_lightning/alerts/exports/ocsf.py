"""An alert as a Detection Finding (class 2004) of the Open Cybersecurity Schema Framework 1.8.0."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import itd_lightning
from itd_lightning.alerts.exports.severity import risk_score, severity_of, title
from itd_lightning.alerts.exports.techniques import Technique, techniques
from itd_lightning.alerts.records import AlertRecord

_VERSION = "1.8.0"
_CLASS = 2004
_ACTIVITIES = {1: "Create", 2: "Update", 3: "Close"}
_SEVERITIES = {"Low": 2, "Medium": 3, "High": 4}
_RISKS = {"Low": 1, "Medium": 2, "High": 3}
# State of the case -> activity, status.
_STATES: Mapping[str, tuple[int, int, str]] = {
    "new": (1, 1, "New"),
    "acknowledged": (2, 2, "In Progress"),
    "closed-benign": (3, 4, "Resolved"),
    "closed-true": (3, 4, "Resolved"),
}
_LEARNING = 4  # type of an analytic


def detection_finding(alert: AlertRecord) -> dict[str, Any]:
    """Return the finding; hours of a day are counted as if in UTC, since a store's times name no zone."""
    activity, status_id, status = _STATES[alert.state]
    level = severity_of(alert)
    start = datetime.combine(alert.day, time(), UTC)
    return {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_uid": _CLASS // 1000,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Detection Finding: {_ACTIVITIES[activity]}",
        "time": _milliseconds(alert.made_at),
        "start_time": _milliseconds(start),
        "end_time": _milliseconds(start + timedelta(days=1)),
        "severity_id": _SEVERITIES[level],
        "severity": level,
        "status_id": status_id,
        "status": status,
        "status_detail": alert.state,
        "is_alert": activity != 3,
        "message": title(alert),
        "risk_score": round(risk_score(alert)),
        "risk_level_id": _RISKS[level],
        "risk_level": level,
        "metadata": _metadata(alert),
        "finding_info": _finding_info(alert, start),
        "evidences": [{"data": {"user": alert.user, "reasons": alert.reasons, "event_ids": alert.event_ids}}],
        "observables": [{"name": "user.name", "type": "User Name", "type_id": 4, "value": alert.user}],
        **({"anomaly_analyses": [_analysis(alert)]} if alert.evidence else {}),
        "unmapped": {
            "score": alert.score,
            "p_value": alert.p_value,
            "rank": alert.rank,
            "warm_up": alert.warm_up,
            "case_id": alert.case_id,
        },
    }


def _milliseconds(moment: datetime) -> int:
    """Return a moment as OCSF counts it."""
    return round(moment.timestamp() * 1000)


def _metadata(alert: AlertRecord) -> dict[str, Any]:
    """Return what wrote the finding."""
    product = {
        "name": "itd_lightning",
        "vendor_name": "itd_lightning",
        "version": itd_lightning.__version__,
        "feature": {"name": alert.source},
    }
    return {"version": _VERSION, "uid": alert.uid, "product": product}


def _finding_info(alert: AlertRecord, start: datetime) -> dict[str, Any]:
    """Return what the finding is about."""
    end = start + timedelta(days=1)
    return {
        "uid": alert.uid,
        "title": title(alert),
        "desc": "; ".join(alert.reasons) or "no explanation kept",
        "types": ["insider threat", "unusual day of a user"],
        "created_time": _milliseconds(alert.made_at),
        "first_seen_time": _milliseconds(start),
        "last_seen_time": _milliseconds(end),
        "analytic": {
            "name": alert.method,
            "uid": alert.checkpoint,
            "type_id": _LEARNING,
            "type": "Learning (ML/DL)",
        },
        "attacks": [_attack(one) for one in techniques(alert)],
        "related_events": [{"uid": event_id} for event_id in alert.event_ids],
    }


def _attack(one: Technique) -> dict[str, Any]:
    """Return a technique of MITRE ATT&CK."""
    sub = {"sub_technique": {"uid": one.id, "name": one.name}} if one.id != one.technique_id else {}
    return {
        "tactic": {"uid": one.tactic_id, "name": one.tactic},
        "technique": {"uid": one.technique_id, "name": one.parent},
        **sub,
    }


def _analysis(alert: AlertRecord) -> dict[str, Any]:
    """Return what was seen of each feature, and what is usual for the user."""
    anomalies, baselines = [], []
    for one in alert.evidence:
        about = {"observation_parameter": one["feature"], "observation_type": "Volume Analysis"}
        seen, usual = one.get("seen"), one.get("usual")
        pattern = (
            {} if seen is None or usual is None else {"observed_pattern": "SURGE" if seen > usual else "DROP"}
        )
        anomalies.append({**about, **pattern, "observations": [{"value": _text(seen)}]})
        if usual is not None:
            baselines.append({**about, "observations": [{"value": _text(usual)}]})
    return {
        "analysis_targets": [{"name": alert.user, "type": "User Account"}],
        "anomalies": anomalies,
        **({"baselines": baselines} if baselines else {}),
    }


def _text(value: float | None) -> str:
    """Return a value as OCSF takes it."""
    return "unknown" if value is None else f"{value:g}"
