"""Audit whether the harmless units are merely those without any event."""

import numpy as np
import polars as pl

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.baselines import baseline_scores
from itd_lightning.evaluation.score_table import label_test_units
from itd_lightning.metrics.ranking import rank

_BY_HOURS = "window"  # the grain that counts by hours, from the full one on
_MOST_EMPTY = 0.5


class EmptyUnits(Audit):
    """A result that rests on telling silence from activity is no detection."""

    name = "empty units"
    meaning = (
        "share of harmless test units without an event; fails above one half, or where windows "
        "do not start on the hour"
    )

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Count empty units; a behaviour is never empty, so there the question does not apply."""
        if run.table.behaviours:
            return []
        events = np.concatenate([counts["events"] for counts in baseline_scores(run.table)])
        units = label_test_units(run.scores, run.table.store.path)
        by_hours = run.table.about.grain == _BY_HOURS
        return [judge_empty(units, events, run.evaluation["pr_auc"], by_hours=by_hours)]


def judge_empty(
    units: pl.DataFrame, events: np.ndarray, pr_auc: float | None, *, by_hours: bool
) -> AuditResult:
    """Return the share of harmless test units that are empty, and the result without them.

    Args:
        units: The test units: start, score, malicious.
        events: How many events lie in each.
        pr_auc: The result with all of them.
        by_hours: Whether units are counted by hours from the full one on, so that one off it holds none.
    """
    name = EmptyUnits.name
    hourly = (units["start"].dt.truncate("1h") == units["start"]).to_numpy() | (not by_hours)
    empty = (events == 0) | ~hourly
    harmless = ~units["malicious"].to_numpy()
    share = float(empty[harmless].mean()) if harmless.any() else 0.0
    try:
        active = rank(units["score"].to_numpy()[~empty], units["malicious"].to_numpy()[~empty]).pr_auc()
    except InputError as error:
        return AuditResult(name, share, None, None, None, f"Not answered without empty units: {error}.")
    whole = "undefined" if pr_auc is None else f"{pr_auc:.3f}"
    words = (
        f"{share:.0%} of the harmless test units are empty; PR-AUC {whole} with them, {active:.3f} without."
    )
    off_hour_share = float((~hourly).mean())
    if off_hour_share:
        words += f" {off_hour_share:.0%} of the test units start off the hour and are empty by construction."
    return AuditResult(name, share, None, _MOST_EMPTY, share <= _MOST_EMPTY and not off_hour_share, words)
