"""Audit whether the test part is a sample of the days at work."""

import polars as pl

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.score_table import ScoreTable, select_test_units
from itd_lightning.splits.labels import label_units

_MOST = 2  # times the natural prevalence: above it the test units are no sample of what is met


class Prevalence(Audit):
    """The share of malicious days moves PR-AUC and precision."""

    name = "prevalence"
    meaning = "malicious share of test days, relative to all days of that time"

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Compare the share among test days with that of all days of the time."""
        return [self.judge(run.table, run.days)]

    def judge(self, table: ScoreTable, days: pl.DataFrame) -> AuditResult:
        """Return how many times more malicious days there are in the test part than at work.

        Args:
            table: The score table.
            days: As ``label_quiet_days`` returns them.
        """
        test = select_test_units(days)
        natural = _natural_share(table, test)
        if not natural or not test["malicious"].any():
            return self.unanswered("no user-day of this time is malicious")
        share = float(test["malicious"].sum()) / len(test)
        times = share / natural
        passed = True if times <= _MOST else None
        words = (
            "The test days are as they are met"
            if passed
            else "WARNING, the test days are no sample of what is met: precision and PR-AUC do not carry over"
        )
        verdict = (
            f"{words}: {share:.2%} of the user-days tested are malicious, {natural:.2%} of all of that time."
        )
        return AuditResult(self.name, times, None, 1.0, passed, verdict)


def _natural_share(table: ScoreTable, test: pl.DataFrame) -> float | None:
    """Return the share of malicious ones among all user-days of the time of the test."""
    presence = table.store.presence().with_columns(pl.col("day").cast(pl.Datetime("us")))
    days_at_work = presence.filter(pl.col("day").is_between(test["start"].min(), test["start"].max()))
    units = days_at_work.select("user", start="day", end=pl.col("day").dt.offset_by("1d"))
    share = label_units(units, table.key, "event")["malicious"].mean()
    return share if isinstance(share, float) else None
