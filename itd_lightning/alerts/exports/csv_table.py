"""Alerts as CSV for a spreadsheet, in which no text of a log becomes a formula."""

import csv
from collections.abc import Sequence
from io import StringIO

from itd_lightning.alerts.exports.techniques import techniques
from itd_lightning.alerts.records import AlertRecord

_COLUMNS = (
    "source",
    "day",
    "rank",
    "user",
    "score",
    "p_value",
    "warm_up",
    "reasons",
    "event_ids",
    "techniques",
    "method",
    "checkpoint",
    "made_at",
    "case_id",
    "state",
)
# With these a spreadsheet begins a formula, or a cell; full-width forms are read as the others.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_text(alerts: Sequence[AlertRecord]) -> str:
    """Return a header and one line an alert."""
    text = StringIO()
    table = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    table.writerow(_COLUMNS)
    table.writerows([_cell(value) for value in _values(alert)] for alert in alerts)
    return text.getvalue()


def _values(alert: AlertRecord) -> list[object]:
    """Return the cells of an alert."""
    joined = {
        "reasons": "; ".join(alert.reasons),
        "event_ids": " ".join(alert.event_ids),
        "techniques": " ".join(one.id for one in techniques(alert)),
        "made_at": alert.made_at.isoformat(),
    }
    values = alert._asdict() | joined
    return [values[name] for name in _COLUMNS]


def _cell(value: object) -> object:
    """Return a cell; a text that would be a formula gets an apostrophe in front, a number never does.

    Example:
        >>> _cell("=1+1"), _cell(-1.5), _cell("plain")
        ("'=1+1", -1.5, 'plain')
    """
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value
