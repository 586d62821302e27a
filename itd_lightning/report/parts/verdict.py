"""The results in sentences: the numbers, and whether the audits support them."""

from collections.abc import Sequence
from typing import NamedTuple

from itd_lightning.contracts.results import AuditResult, Evaluation
from itd_lightning.evaluation.baselines import NO_COUNTS
from itd_lightning.report.parts.numbers import count, number, span
from itd_lightning.report.runs import Run


class _Verdict(NamedTuple):
    """A run in two sentences.

    Attributes:
        run: Name of the run.
        result: How well it ranks.
        audits: What the audits say.
        state: Worst answer of the audits: passed, failed, open or none.
    """

    run: str
    result: str
    audits: str
    state: str


def verdict(run: Run) -> _Verdict:
    """Return the result of a run in words."""
    if not run.is_evaluated:
        days, users = count(len(run.days)), count(run.days["user"].n_unique())
        result = f"{days} user-days of {users} users are scored; there is no answer key to measure them by."
        return _Verdict(run.name, result, "", "none")
    text, state = _audit_summary(run.audits)
    return _Verdict(run.name, _result(run.evaluation), text, state)


def _result(evaluation: Evaluation) -> str:
    """Return the PR-AUC beside the base rate and the best score that needs no method."""
    value, base = evaluation["pr_auc"], evaluation.get("base_rate")
    if value is None:
        reason = evaluation.get("undefined", {}).get("pr_auc", "no reason was recorded")
        return f"PR-AUC is not defined: {reason}."
    interval = evaluation["intervals"].get("pr_auc")
    text = f"PR-AUC {number(value)}" + (
        f" (95 % interval {span(interval)})" if interval else " (no interval)"
    )
    if base:
        data = evaluation.get("protocol", {}).get("data")
        where = f", on {data}" if data else ""
        text += f" at a base rate of {number(base)}{where}: {number(value / base)} times what chance gives"
    return f"{text}.{_best_baseline(evaluation)}{_ceiling(evaluation)}"


def _best_baseline(evaluation: Evaluation) -> str:
    """Return the strongest competitor that needs no method, as a sentence with a space before it."""
    baselines = {
        name: (entry["pr_auc"], entry["intervals"]["pr_auc"])
        for name, entry in evaluation.get("baselines", {}).items()
        if name not in NO_COUNTS and entry["pr_auc"] is not None
    }
    if not baselines:
        return ""
    best = max(baselines, key=lambda name: baselines[name][0])
    pr_auc, interval = baselines[best]
    interval_words = f" ({span(interval)})" if interval else ""
    return f" Merely counting {best.replace('_', ' ')} reaches {number(pr_auc)}{interval_words}."


def _ceiling(evaluation: Evaluation) -> str:
    """Return what an oracle of malicious events reaches, as a sentence with a space before it."""
    oracle = evaluation.get("baselines", {}).get("oracle")
    if oracle is None or oracle["pr_auc"] is None:
        return ""
    return f" An oracle that knows every malicious event has {number(oracle['pr_auc'])} by these labels."


def _audit_summary(audits: Sequence[AuditResult]) -> tuple[str, str]:
    """Return a summary of the audits, worst first, and the worst answer."""
    if not audits:
        return "No audit was run, so the result may be an artefact.", "none"
    for answer, summary in ((False, "failed"), (None, "open")):
        worst = [audit for audit in audits if audit.passed is answer]
        if worst:
            sentences = " ".join(_sentence(f"{audit.name}: {audit.verdict}") for audit in worst)
            verb = "is" if len(worst) == 1 else "are"
            claim = f"{len(worst)} of {len(audits)} audits " + (
                summary if answer is False else f"{verb} open"
            )
            return f"{claim}. {sentences}", summary
    return f"All {len(audits)} audits passed.", "passed"


def _sentence(text: str) -> str:
    """Return the text with a full stop."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
