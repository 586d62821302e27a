"""The audits of the future, run as `itd audit` runs them; several tests need them."""

from pathlib import Path

from itd_lightning.audits import AuditedRun, AuditResult, run_audits
from itd_lightning.audits.answer_key import AnswerKey
from itd_lightning.audits.future import Future
from itd_lightning.audits.future_in_training import FutureInTraining
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.runs.rescore import LightningRescorer


def run_future_audits(scores: Path, *, retrain: bool = False) -> list[AuditResult]:
    """Return the results of the audits of the future."""
    with AuditedRun(
        scores, evaluate(scores), options={"retrain": retrain}, rescorer=LightningRescorer()
    ) as run:
        return run_audits(run, [Future(), AnswerKey(), FutureInTraining()])
