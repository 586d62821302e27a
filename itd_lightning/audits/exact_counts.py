"""Audit whether exact counts give the insiders away.

A generator may give every user the same number of events on every working day, and add the malicious ones on
top: then a surplus of one marks the day. A detector that counts finds it, and no real log has it.
"""

from typing import NamedTuple

import polars as pl

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.parts import VAL
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.baselines import count_daily_events
from itd_lightning.evaluation.measures import rank_rows, ranking_numbers
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.events.calendar import is_weekend
from itd_lightning.scores.pool import user_days

_EXACT = 0.95  # share of a user's working days with the usual number, from which counts are called exact


class ExactCounts(Audit):
    """Counts alone may give the malicious days away; no method passes or fails by this alone."""

    name = "exact counts"
    meaning = (
        "PR-AUC of the surplus over a user's usual number alone: a property of the data, by "
        "which no method fails, and to which each may owe something"
    )

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Look for kinds of event whose number is exact."""
        return [self.judge(run.table)]

    def judge(self, table: ScoreTable) -> AuditResult:
        """Return the result of the surplus over the most telling exact count."""
        try:
            counts = usual_counts(table)
        except InputError as error:
            return self.unanswered(str(error))
        informative = [count for count in counts if count.low is not None and count.low > count.base_rate]
        if not informative:
            kinds = ", ".join(count.kind for count in counts) or "none"
            verdict = f"No exact count tells anything; kinds with one: {kinds}."
            return AuditResult(self.name, 0.0, None, _EXACT, passed=True, verdict=verdict)
        strongest = max(informative, key=lambda count: count.pr_auc)
        verdict = (
            f"Users have exactly their usual number of {strongest.kind} on {strongest.share:.1%} of working "
            f"days; a surplus alone gives PR-AUC {strongest.pr_auc:.3f}, and "
            f"{strongest.without_malicious:.3f} without the malicious ones; chance is "
            f"{strongest.base_rate:.3f}. What a method makes of exact counts is owed to how the data "
            "were made. `itd thin` makes a store where they are not exact; train there, too."
        )
        return AuditResult(self.name, strongest.pr_auc, None, strongest.base_rate, None, verdict)


class _UsualCount(NamedTuple):
    """One kind of event, whose number is nearly always the same.

    Attributes:
        kind: Kind of event.
        share: Median over users: share of earlier working days that have the user's usual number.
        pr_auc: Of test user-days by how far the number lies above the user's usual one.
        low: Lower end of its 95 % interval; None with too few users for one.
        without_malicious: PR-AUC of the same, had the malicious events not happened.
        base_rate: Share of malicious user-days.
    """

    kind: str
    share: float
    pr_auc: float
    low: float | None
    without_malicious: float
    base_rate: float


def usual_counts(table: ScoreTable) -> list[_UsualCount]:
    """Return kinds of event whose number is exact, and the result of their surplus alone.

    A user's usual number is the most frequent one on working days that are neither test days nor malicious.
    Days without any event of the kind do not count.

    Args:
        table: A score table, which says what the test user-days are.
    """
    days = table.label(user_days(table.user_chunks()), table.policy).with_columns(
        day=pl.col("start").dt.date()
    )
    test = days.filter(pl.col("part") != VAL)
    counts = count_daily_events(table)
    usual = _usual_numbers(counts.join(test, on=["user", "day"], how="anti"))
    steady = usual.group_by("kind").agg(pl.col("share").median()).filter(pl.col("share") >= _EXACT)
    return [
        _measure_surplus(kind, share, _surplus_of(kind, test, counts, usual), table.about.seed)
        for kind, share in steady.sort("share", "kind", descending=[True, False]).iter_rows()
    ]


def _usual_numbers(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the usual number of each user and kind, and the share of harmless working days that have it."""
    workdays = counts.filter(pl.col("malicious") == 0, ~is_weekend(pl.col("day")))
    return workdays.group_by("user", "kind").agg(
        usual=pl.col("events").mode().min(),
        share=(pl.col("events") == pl.col("events").mode().min()).mean(),
    )


def _surplus_of(kind: str, test: pl.DataFrame, counts: pl.DataFrame, usual: pl.DataFrame) -> pl.DataFrame:
    """Return test user-days with ``surplus`` over the usual number, and that ``without`` malicious events."""
    of_kind = counts.filter(pl.col("kind") == kind).join(usual, on=["user", "kind"])
    days = test.join(of_kind.drop("kind"), on=["user", "day"], how="left", suffix="_events")
    above = (pl.col("events") - pl.col("usual")).fill_null(0).cast(pl.Float64)
    return days.with_columns(surplus=above, without=above - pl.col("malicious_events").fill_null(0))


def _measure_surplus(kind: str, share: float, surplus: pl.DataFrame, seed: int) -> _UsualCount:
    """Return the result of the surplus of one kind.

    Raises:
        InputError: If no user-day is malicious, or all are.
    """
    all_events, harmless_events = (
        ranking_numbers(rank_rows(surplus, name), seed) for name in ("surplus", "without")
    )
    pr_auc, without = all_events["pr_auc"], harmless_events["pr_auc"]
    base_rate = all_events["base_rate"]
    if pr_auc is None or without is None or base_rate is None:
        raise InputError(all_events.get("undefined", ""))
    low = (all_events["intervals"]["pr_auc"] or (None,))[0]
    return _UsualCount(kind, share, pr_auc, low, without, base_rate)
