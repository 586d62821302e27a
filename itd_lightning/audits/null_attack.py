"""The null attack: the same experiment, as if every campaign had happened at a quiet time of its user."""

from itd_lightning.audits.base import Audit, AuditedRun, Option
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AuditResult, Evaluation, unanswered
from itd_lightning.contracts.run_files import CHECKPOINTS, FIT_CONFIG
from itd_lightning.evaluation.evaluate import evaluate

_QUIET_DAYS = 42  # how far back campaigns move where the split depends on them
_LEAST_DAYS = 14  # elsewhere
_NEAR_CHANCE = 2  # times the base rate: a null attack below it is chance
_WORDS = {
    True: "Falls to chance",
    False: "Does NOT fall to chance; so much is found without any event of a campaign",
    None: "Not settled, too few units to tell it from chance",
}


class NullAttack(Audit):
    """Where nothing happened, the score must fall to chance."""

    name = "null attack"
    meaning = (
        "PR-AUC with every campaign moved to a quiet time of its user (of behaviours: all of that "
        "time stand for its events); fails if surely above chance"
    )
    needs = f"{FIT_CONFIG} and a second training, in RUN/audit/null, where the split depends on the campaigns"
    option = Option("null", default=True, help="Whether to run the null attack.")

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Evaluate the run with moved campaigns; keep that evaluation as ``null`` in audit.json."""
        null, reason = _null_evaluation(run)
        run.details["null"] = null
        return [judge_null(run.evaluation, null, reason)]

    def results_when_off(self) -> list[AuditResult]:
        """Return an open result, so that a reader sees that it was left out."""
        return [self.unanswered("left out on request")]


def _null_evaluation(run: AuditedRun) -> tuple[Evaluation | None, str]:
    """Evaluate under the null attack, training once more where the split depends on the campaigns.

    Returns:
        The evaluation, or None and the reason why there is none.
    """
    folder = run.folder / "null"
    try:
        # Elsewhere the parts do not depend on the key; who learned from labels is asked about quiet days.
        if not run.split_needs_campaigns:
            return evaluate(run.scores, moved_days=_LEAST_DAYS), ""
        if not run.fit_config.is_file():
            return None, f"{run.scores.parent} has no {FIT_CONFIG}, so the experiment cannot be repeated"
        run.rescorer.retrain(run.fit_config, folder, store=run.table.store.path, moved_days=_QUIET_DAYS)
        checkpoint = folder / CHECKPOINTS / run.table.about.checkpoint
        return evaluate(run.rescorer.rescore(checkpoint, folder)), ""
    except InputError as error:
        return None, str(error)


def judge_null(true: Evaluation, null: Evaluation | None, reason: str = "") -> AuditResult:
    """Compare the null attack with chance.

    Args:
        true: ``evaluation.json`` of the run.
        null: The same with every campaign moved to a quiet time of its user, or None.
        reason: Why there is none.
    """
    name = NullAttack.name
    if null is None or null["pr_auc"] is None:
        return unanswered(name, null["undefined"]["pr_auc"] if null else reason)
    span, base, number = null["intervals"]["pr_auc"], null["base_rate"] or 0.0, null["pr_auc"]
    true_area = "no number" if true["pr_auc"] is None else f"{true['pr_auc']:.3f}"
    limits = "" if span is None else f" ({span[0]:.3f}-{span[1]:.3f})"
    numbers = (
        f"PR-AUC {number:.3f}{limits} where nothing happened, chance is {base:.3f}, "
        f"the true campaigns give {true_area}"
    )
    if span is None:
        verdict = f"Not answered, too few users for an interval: {numbers}."
        return AuditResult(name, number, None, base, None, verdict)
    passed = False if span[0] > base else True if number <= _NEAR_CHANCE * base else None
    return AuditResult(name, number, (span[0], span[1]), base, passed, f"{_WORDS[passed]}: {numbers}.")
