"""Audit whether later days or answers enter in training."""

from itd_lightning.audits.base import Audit, AuditedRun, Option
from itd_lightning.audits.hindsight import TRAINING, judge_change
from itd_lightning.audits.truncated_run import BY_TIME, NEEDS, OPTION, TruncatedRun, open_truncated_run
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AuditResult


class FutureInTraining(Audit):
    """Trained as if it were earlier, a method must give the earlier days the same scores."""

    name = TRAINING
    meaning = "share of scores that change when it is trained without later days and answers"
    needs = f"{NEEDS}; trains once more, and twice where scores change"
    option = Option(
        "retrain",
        default=False,
        help="Train on that copy, too, which finds what came from later days in training; takes as long.",
        part_of=OPTION.name,
    )

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Train and score on a store that ends within the test days."""
        truncated = run.share(open_truncated_run)
        if isinstance(truncated, InputError):
            return [self.unanswered(str(truncated))]
        try:
            return [self.judge(truncated)]
        except InputError as error:
            return [self.unanswered(str(error))]

    def judge(self, truncated: TruncatedRun) -> AuditResult:
        """Return whether training without later days changes the scores."""
        about = truncated.table.about
        after = truncated.score("cut" if truncated.run.split_needs_campaigns else "hidden", fit=True)
        change = truncated.change(truncated.before, after)
        if change.share and about.split == BY_TIME:
            truncated.confirm(fit=True)
            change = truncated.change(truncated.before, after)
        return judge_change(self.name, change, truncated.cut, "" if about.split == BY_TIME else about.leaks)
