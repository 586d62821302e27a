"""The formats that alerts are written in, by name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from json import dumps
from typing import Any, Literal, get_args

from itd_lightning.alerts.exports.csv_table import csv_text
from itd_lightning.alerts.exports.ecs import ecs_alert
from itd_lightning.alerts.exports.ocsf import detection_finding
from itd_lightning.alerts.exports.plain import plain_alert
from itd_lightning.alerts.records import AlertRecord

Format = Literal["json", "ndjson", "csv", "ocsf", "ecs"]
FORMATS: tuple[Format, ...] = get_args(Format)
# Formats of one JSON object an alert, which a webhook can send.
OBJECTS: Mapping[str, Callable[[AlertRecord], dict[str, Any]]] = {
    "json": plain_alert,
    "ndjson": plain_alert,
    "ocsf": detection_finding,
    "ecs": ecs_alert,
}
ENDINGS: Mapping[str, str] = {
    "json": "json",
    "ndjson": "ndjson",
    "csv": "csv",
    "ocsf": "ocsf.ndjson",
    "ecs": "ecs.ndjson",
}


def render(alerts: Sequence[AlertRecord], form: Format) -> str:
    """Return alerts as text; ``ndjson``, ``ocsf`` and ``ecs`` are one JSON object a line."""
    if form == "csv":
        return csv_text(alerts)
    objects = [OBJECTS[form](alert) for alert in alerts]
    return dumps(objects, indent=1) + "\n" if form == "json" else _lines(objects)


def _lines(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return one JSON object a line."""
    return "".join(dumps(one, allow_nan=False) + "\n" for one in objects)
