"""Audit whether the method beats the mere length of a unit."""

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.audits.counting import count_results
from itd_lightning.contracts.results import AuditResult


class Length(Audit):
    """A method that only measures how long a unit is, is not worth its name."""

    name = "length"
    meaning = "the same for counting hours with an event, or the behaviours of the sequence"

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Compare with counts of hours or of behaviours in a sequence."""
        return count_results(run, self.name)
