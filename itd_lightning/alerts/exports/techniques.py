"""MITRE ATT&CK techniques of an alert, by rule: what a feature counts, or the kind of an event, names them.

A tag says which technique the behaviour would be if it were an attack. It is no finding of a model.

Source:
    Techniques that insiders were seen to use: Insider Threat TTP Knowledge Base of the Center for
    Threat-Informed Defense (Apache-2.0), version 2; names and tactics as there.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from itd_lightning.alerts.records import AlertRecord


class Technique(NamedTuple):
    """A technique of MITRE ATT&CK for enterprises.

    Attributes:
        id: Such as ``T1052.001``; a part after a point names a sub-technique.
        name: Its name.
        tactic: Name of the tactic that it serves.
        tactic_id: Of that.
        parent: Name of the technique of a sub-technique; its own name otherwise.
    """

    id: str
    name: str
    tactic: str
    tactic_id: str
    parent: str

    @property
    def technique_id(self) -> str:
        """The technique without a sub-technique."""
        return self.id.partition(".")[0]


def _technique(number: str, name: str, tactic: str, tactic_id: str, parent: str = "") -> Technique:
    """Return a technique."""
    return Technique(number, name, tactic, tactic_id, parent or name)


_EXFILTRATION, _IMPACT = ("Exfiltration", "TA0010"), ("Impact", "TA0040")
_USB = _technique("T1052.001", "Exfiltration over USB", *_EXFILTRATION, "Exfiltration Over Physical Medium")
_MAIL = _technique("T1048", "Exfiltration Over Alternative Protocol", *_EXFILTRATION)
_WEB = _technique("T1567", "Exfiltration Over Web Service", *_EXFILTRATION)
_CLOUD = _technique("T1567.002", "Exfiltration to Cloud Storage", *_EXFILTRATION, _WEB.name)
_TOOL = _technique("T1588.002", "Tool", "Resource Development", "TA0042", "Obtain Capabilities")
_DESTRUCTION = _technique("T1485", "Data Destruction", *_IMPACT)
_LOCAL = _technique("T1005", "Data from Local System", "Collection", "TA0009")
_ACCOUNTS = _technique("T1078", "Valid Accounts", "Initial Access", "TA0001")

# What a feature's name, or the first word of a behaviour, looks like; the first rule that fits counts.
_RULES = tuple(
    (re.compile(pattern), technique)
    for pattern, technique in (
        (r"usb|connect|.*to_removable", _USB),
        (r"email_.*external|email_sent.*attachments|email_send", _MAIL),
        (r"http_cloud", _CLOUD),
        (r".*upload|http_leak", _WEB),
        (r"http_hack", _TOOL),
        (r"file_.*delete", _DESTRUCTION),
        (r"file_.*copy|file_from_removable", _LOCAL),
        (r"logon.*(other_pc|supervisor_pc|after_hours)", _ACCOUNTS),
    )
)


def techniques(alert: AlertRecord) -> list[Technique]:
    """Return the techniques of an alert, each once, in the order of its reasons."""
    return list(dict.fromkeys(found for name in _names(alert) if (found := _find(name)) is not None))


def _names(alert: AlertRecord) -> Iterator[str]:
    """Yield the features that are higher than usual; of behaviours their kinds."""
    if not alert.evidence:
        yield from (reason.split(" ")[0] for reason in alert.reasons)
    for one in alert.evidence:
        seen, usual = one.get("seen"), one.get("usual")
        if seen is None or usual is None or seen > usual:
            yield str(one["feature"])


def _find(name: str) -> Technique | None:
    """Return the technique of the first rule that fits a name.

    Example:
        >>> _find("http_cloud_after_hours_count").id, _find("all_count")
        ('T1567.002', None)
    """
    return next((technique for pattern, technique in _RULES if pattern.match(name)), None)
