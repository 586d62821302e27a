"""Comparison of a method with a plain count, which the audits ``volume`` and ``length`` share."""

from collections.abc import Iterator

import numpy as np

from itd_lightning.audits.base import AuditedRun
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.baselines import NO_COUNTS, baseline_scores
from itd_lightning.evaluation.survey import rank_test_units, take_survey
from itd_lightning.metrics.bootstrap import interval
from itd_lightning.metrics.ranking import Ranking

_COUNTS = {  # by baseline: the name of the result, and what is counted
    "events": ("volume: events", "events"),
    "active_hours": ("length: active hours", "active hours"),
    "sequence_events": ("length: sequence", "the behaviours of its sequence"),
    "day_events": ("volume: day", "the behaviours of its day"),
}
_WORDS = {
    True: "Better than",
    False: "Not shown to be better than",
    None: "Too few users to compare with",
}


def count_results(run: AuditedRun, audit: str) -> list[AuditResult]:
    """Return the comparisons that belong to one audit, by name."""
    return [result for result in run.share(_compare_with_counts) if result.name.startswith(f"{audit}:")]


def _compare_with_counts(run: AuditedRun) -> list[AuditResult]:
    """Compare with every count that needs no method; nothing where the run has no PR-AUC."""
    if run.evaluation["pr_auc"] is None:
        return []
    table = run.table
    overview = take_survey(table)
    ours = rank_test_units(overview, table.policy, table.scores)["score"]
    counts = rank_test_units(overview, table.policy, lambda: _count_scores(run))
    names = {"events": "sequence_events"} if table.behaviours else {}
    return [
        compare_with_count(ours, count_ranking, names.get(name, name), table.about.seed)
        for name, count_ranking in counts.items()
    ]


def _count_scores(run: AuditedRun) -> Iterator[dict[str, np.ndarray]]:
    """Score the test units by the baselines that count."""
    for scores in baseline_scores(run.table):
        yield {name: values for name, values in scores.items() if name not in NO_COUNTS}


def compare_with_count(ours: Ranking, count_ranking: Ranking, name: str, seed: int) -> AuditResult:
    """Return by how much the PR-AUC of a method exceeds that of a count, paired draw by draw.

    Args:
        ours: The test units ranked by the method.
        count_ranking: The same ranked by the count.
        name: The count, as in ``_COUNTS``.
        seed: Decides the draws.
    """
    mine, other = ours.pr_auc(), count_ranking.pr_auc()
    weights = ours.draws(seed)
    span = (
        None
        if weights is None
        else interval(ours.areas(weights).pr_auc - count_ranking.areas(weights).pr_auc)
    )
    passed = None if span is None else span[0] > 0
    audit, quantity = _COUNTS.get(name, (f"volume: {name}", name))
    verdict = f"{_WORDS[passed]} counting {quantity}: PR-AUC {mine:.3f} against {other:.3f}."
    return AuditResult(audit, mine - other, span, 0.0, passed, verdict)
