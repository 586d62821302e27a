"""The result of an audit, which ``itd audit`` writes and reports and tables read."""

from typing import NamedTuple


class AuditResult(NamedTuple):
    """The answer of one audit to the question whether a result could be an artefact.

    Attributes:
        name: Name of the audit, and after a colon what distinguishes several results of one audit.
        number: What was measured; each audit says what it means.
        interval: 95 % interval of the number, where it has one.
        reference: What the number is compared with.
        passed: Whether the result stands; None where the question cannot be answered.
        verdict: The answer in words.
    """

    name: str
    number: float | None
    interval: tuple[float, float] | None
    reference: float | None
    passed: bool | None
    verdict: str


def unanswered(name: str, reason: str) -> AuditResult:
    """Return the result of an audit whose question cannot be answered."""
    return AuditResult(name, None, None, None, None, f"Not answered: {reason.rstrip('.')}.")
