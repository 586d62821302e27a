"""Audit whether later answers change the scores of earlier days."""

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.audits.hindsight import ANSWERS
from itd_lightning.audits.truncated_run import NEEDS, OPTION, rescored_results
from itd_lightning.contracts.results import AuditResult


class AnswerKey(Audit):
    """No score of a test day may change where its answers are hidden."""

    name = ANSWERS
    meaning = "the same when later answers are hidden"
    needs = NEEDS
    option = OPTION

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Score again on a store without the answers of the test days."""
        return [run.share(rescored_results)[self.name]]
