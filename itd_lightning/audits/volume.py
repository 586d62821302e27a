"""Audit whether the method beats a count of events."""

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.audits.counting import count_results
from itd_lightning.contracts.results import AuditResult


class Volume(Audit):
    """A method that only counts events is not worth its name."""

    name = "volume"
    meaning = "by how much PR-AUC exceeds that of counting events, or those of the behaviour's day"

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Compare with counts of events."""
        return count_results(run, self.name)
