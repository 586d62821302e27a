"""One alert as a plain record: what case stores keep and exports write; needs no database."""

from datetime import date, datetime
from typing import Any, NamedTuple


class AlertRecord(NamedTuple):
    """A user-day to look at.

    Attributes:
        source: Name of the deployment, or of the run.
        user: Name or pseudonym.
        day: The day.
        rank: Among the user-days of its list, from 1.
        score: Higher is more anomalous.
        p_value: Share of the calibration user-days that score as high; None where nothing was calibrated.
        warm_up: Whether little is known of what is usual for the user; None where the scores do not say.
        reasons: What contributed most, in words.
        evidence: The same as values: ``feature``, ``seen``, ``usual``; empty where there are only words.
        event_ids: Raw events behind it.
        method: What scored, such as ``OwnHistoryZ``; joined by `` + `` where scores were fused.
        checkpoint: Which weights scored.
        made_at: When the alert was made, with its zone.
        id: In the case store; None outside of one.
        case_id: The case; None outside of a case store.
        state: State of the case; ``new`` outside of one.
    """

    source: str
    user: str
    day: date
    rank: int
    score: float
    p_value: float | None
    warm_up: bool | None
    reasons: list[str]
    evidence: list[dict[str, Any]]
    event_ids: list[str]
    method: str
    checkpoint: str
    made_at: datetime
    id: int | None = None
    case_id: int | None = None
    state: str = "new"

    @property
    def uid(self) -> str:
        """Return a text that names this alert everywhere, the same each time."""
        return f"{self.source}/{self.day}/{self.user}/{self.checkpoint}"
