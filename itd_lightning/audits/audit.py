"""Could the result be an artefact? Each audit gives a number, a reference, and a verdict in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from itd_lightning.audits.base import Audit, unanswered
from itd_lightning.audits.chance import PERMUTATIONS, probe_balance, probe_shuffle
from itd_lightning.audits.exact_counts import audit_usual_counts
from itd_lightning.audits.probes import probe_identity, probe_leavers, scored_days
from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.baselines import baseline_scores
from itd_lightning.evaluation.score_table import ScoreTable, labelled
from itd_lightning.evaluation.survey import rankings, survey
from itd_lightning.metrics.bootstrap import interval
from itd_lightning.metrics.ranking import Ranking, rank

QUIET_DAYS = {"Campaigns": 42}  # by split: how far back campaigns move; elsewhere as little as they must
LEAST_DAYS = 14
COUNTED = {  # by baseline: the audit's name, and what is counted
    "events": ("volume: events", "events"),
    "active_hours": ("length: active hours", "active hours"),
    "sequence_events": ("length: sequence", "the behaviours of its sequence"),
    "day_events": ("volume: day", "the behaviours of its day"),
}
BY_HOURS = "window"  # the grain that counts by hours, from the full one on
NEAR_CHANCE = 2  # times the base rate: a null attack below it is chance


def audit_null(true: dict[str, Any], null: dict[str, Any] | None, reason: str = "") -> Audit:
    """Judge the null attack: where nothing happened, the score must fall to chance.

    Args:
        true: ``evaluation.json`` of the run.
        null: The same with every campaign moved to a quiet time of its user, or None.
        reason: Why there is none.
    """
    name = "null attack"
    if null is None or null["pr_auc"] is None:
        return unanswered(name, null["undefined"]["pr_auc"] if null else reason)
    span, base = null["intervals"]["pr_auc"], null["base_rate"]
    true_area = "no number" if true["pr_auc"] is None else f"{true['pr_auc']:.3f}"
    limits = "" if span is None else f" ({span[0]:.3f}-{span[1]:.3f})"
    found = (
        f"PR-AUC {null['pr_auc']:.3f}{limits} where nothing happened, chance is {base:.3f}, "
        f"the true campaigns give {true_area}"
    )
    number = null["pr_auc"]
    if span is None:
        return Audit(name, number, None, base, None, f"Not answered, too few users for an interval: {found}.")
    above, near = span[0] > base, number <= NEAR_CHANCE * base
    passed = False if above else True if near else None
    words = {
        True: "Falls to chance",
        False: "Does NOT fall to chance; so much is found without any event of a campaign",
        None: "Not settled, too few units to tell it from chance",
    }[passed]
    return Audit(name, number, (span[0], span[1]), base, passed, f"{words}: {found}.")


def audit_empty(unit: pl.DataFrame, events: np.ndarray, pr_auc: float | None, *, by_hours: bool) -> Audit:
    """How many harmless test units are empty, and what the result is without them.

    Args:
        unit: The test units: start, score, malicious.
        events: How many events lie in each.
        pr_auc: The result with all of them.
        by_hours: Whether units are counted by hours from the full one on, so that one off it holds none.
    """
    hourly = (unit["start"].dt.truncate("1h") == unit["start"]).to_numpy() | (not by_hours)
    empty = (events == 0) | ~hourly
    harmless = ~unit["malicious"].to_numpy()
    share = float(empty[harmless].mean()) if harmless.any() else 0.0
    try:
        rest = rank(unit["score"].to_numpy()[~empty], unit["malicious"].to_numpy()[~empty]).pr_auc()
    except InputError as error:
        return Audit("empty units", share, None, None, None, f"Not answered without empty units: {error}.")
    whole = "undefined" if pr_auc is None else f"{pr_auc:.3f}"
    words = f"{share:.0%} of the harmless test units are empty; PR-AUC {whole} with them, {rest:.3f} without."
    off = float((~hourly).mean())
    if off:
        words += f" {off:.0%} of the test units start off the hour and are empty by construction."
    return Audit("empty units", share, None, 0.5, share <= 0.5 and not off, words)


def audit_volume(ours: Ranking, plain: Ranking, name: str, seed: int) -> Audit:
    """Does the method beat a count? The difference of PR-AUC, paired draw by draw.

    Args:
        ours: The test units ranked by the method.
        plain: The same ranked by the count.
        name: What is counted, as in ``COUNTED``.
        seed: Decides the draws.
    """
    mine, other = ours.pr_auc(), plain.pr_auc()
    weights = ours.draws(seed)
    span = None if weights is None else interval(ours.areas(weights).pr_auc - plain.areas(weights).pr_auc)
    passed = None if span is None else span[0] > 0
    words = {
        True: "Better than",
        False: "Not shown to be better than",
        None: "Too few users to compare with",
    }[passed]
    audit, what = COUNTED.get(name, (f"volume: {name}", name))
    verdict = f"{words} counting {what}: PR-AUC {mine:.3f} against {other:.3f}."
    return Audit(audit, mine - other, span, 0.0, passed, verdict)


def audit_volumes(table: ScoreTable) -> list[Audit]:
    """Compare with every count that needs no method."""
    seen = survey(table)
    ours = rankings(seen, table.policy, table.scores)["score"]
    counts = rankings(seen, table.policy, lambda: volumes(table))
    names = {"events": "sequence_events"} if table.behaviours else {}
    return [
        audit_volume(ours, plain, names.get(name, name), table.about.seed) for name, plain in counts.items()
    ]


def volumes(table: ScoreTable) -> Iterator[dict[str, np.ndarray]]:
    """The baselines that count."""
    for scores in baseline_scores(table):
        yield {name: values for name, values in scores.items() if name != "random"}


def audit_scores(
    scores: Path,
    true: dict[str, Any],
    null: dict[str, Any] | None,
    reason: str = "",
    store: Path | None = None,
    permutations: int = PERMUTATIONS,
) -> list[Audit]:
    """All audits that a score table allows; a behaviour is never empty, so that audit is of the others only.

    Args:
        scores: ``scores.parquet`` of a run.
        true: Its ``evaluation.json``.
        null: The evaluation of the null attack, or None.
        reason: Why there is none.
        store: Event store with the key; default: the one that the table names.
        permutations: How often labels are shuffled; 0 leaves that out.
    """
    table = ScoreTable(scores, store)
    audits = [audit_null(true, null, reason)]
    if not table.behaviours:
        events = np.concatenate([counts["events"] for counts in baseline_scores(table)])
        by_hours = table.about.grain == BY_HOURS
        audits.append(audit_empty(labelled(scores, store), events, true["pr_auc"], by_hours=by_hours))
    if true["pr_auc"] is not None:
        audits += audit_volumes(table)
    days = scored_days(table)
    audits += [probe_leavers(table, days), probe_identity(table, days), probe_balance(table, days)]
    audits.append(audit_usual_counts(table))
    if permutations:
        audits.append(probe_shuffle(table, days, permutations))
    return audits
