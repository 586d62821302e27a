"""Audit whether later days change the scores of earlier days."""

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.audits.hindsight import FUTURE
from itd_lightning.audits.truncated_run import NEEDS, OPTION, rescored_results
from itd_lightning.contracts.results import AuditResult


class Future(Audit):
    """No score of a day may change where later days are cut off."""

    name = FUTURE
    meaning = "share of scores that change when later days are cut off"
    needs = NEEDS
    option = OPTION

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Score again on a store that ends within the test days."""
        return [run.share(rescored_results)[self.name]]
