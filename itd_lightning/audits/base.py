"""What an audit says: a number, what it is held against, and a verdict in words."""

from typing import NamedTuple

from itd_lightning.metrics.bootstrap import Span


class Audit(NamedTuple):
    """One audit of a run.

    Attributes:
        name: What was asked.
        number: What was measured.
        interval: Its 95 % interval, where it has one.
        reference: What it is held against.
        passed: Whether the result stands; None where the question cannot be answered.
        verdict: The same in words.
    """

    name: str
    number: float | None
    interval: Span
    reference: float | None
    passed: bool | None
    verdict: str


def unanswered(name: str, why: str) -> Audit:
    """An audit without an answer."""
    return Audit(name, None, None, None, None, f"Not answered: {why.rstrip('.')}.")
