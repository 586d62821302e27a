"""Audit whether the score depends on the user rather than on the behaviour.

Axes: N user-days, U users.
"""

import numpy as np
import polars as pl

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.audits.user_days import resample_means
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.score_table import select_test_units
from itd_lightning.metrics.bootstrap import FEWEST_USERS, interval
from itd_lightning.metrics.ranking import average_precision

_WITHIN = 0.7  # least ROC-AUC among an insider's own days: with less, behaviour hardly matters
_BY_USER = 0.5  # share of what lies above chance that knowing the user alone may give
_CHANCE = 2  # times the base rate: a PR-AUC below it needs no explanation


class Identity(Audit):
    """Two questions about who it is and what is done.

    Do an insider's malicious days score higher than the same insider's other days (ROC-AUC within users, 0.5
    by chance)? And what is left of the PR-AUC when every day gets the mean score that its user has outside
    of campaigns, so that nothing but who it is can tell? A score fails where the user alone gives most of
    what lies above chance while the day hardly matters; where both matter the question stays open.
    """

    name = "identity"
    meaning = "ROC-AUC of insiders' malicious days among their own; fails where who it is explains it all"

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Compare the score with the usual score of each user."""
        return [self.judge(run.days, run.table.about.seed)]

    def judge(self, days: pl.DataFrame, seed: int) -> AuditResult:
        """Return the ROC-AUC within insiders, and what the user alone gives.

        Args:
            days: As ``label_quiet_days`` returns them.
            seed: Decides the draws of users.
        """
        test = select_test_units(days)
        if not test["malicious"].any() or test["malicious"].all():
            return self.unanswered("no user-day is malicious, or all are")
        insider_areas = np.array(
            [area for user in _insider_days(test) if (area := area_within(user)) is not None]
        )
        if not len(insider_areas):
            return self.unanswered("no insider has both malicious and harmless test days")
        malicious = test["malicious"].to_numpy()
        pr_auc, user_pr_auc = (
            average_precision(score, malicious)
            for score in (test["score"].to_numpy(), _usual_scores(test, days))
        )
        number, base = float(insider_areas.mean()), float(malicious.mean())
        span = interval(resample_means(insider_areas, seed)) if len(insider_areas) >= FEWEST_USERS else None
        words, passed = _answer(pr_auc, user_pr_auc, number, base)
        verdict = (
            f"{words}: malicious days of {len(insider_areas)} insiders beat their own other days with "
            f"ROC-AUC {number:.2f}; the usual score of the user alone gives PR-AUC {user_pr_auc:.3f} of "
            f"{pr_auc:.3f}, base rate {base:.4f}; {between_share(test):.0%} of the variance of ranks lies "
            "between users."
        )
        return AuditResult(self.name, number, span, 0.5, passed, verdict)


def _answer(pr_auc: float, user_pr_auc: float, within_area: float, base: float) -> tuple[str, bool | None]:
    """Return the answer in words, and whether the audit passes.

    Args:
        pr_auc: PR-AUC of the score.
        user_pr_auc: PR-AUC of the usual score of each user.
        within_area: ROC-AUC among insiders' own days.
        base: Share of malicious user-days.
    """
    if pr_auc <= _CHANCE * base:
        return "Nothing to explain, the result is near chance", None
    if user_pr_auc - base < _BY_USER * (pr_auc - base):
        return "Knows the behaviour", True
    if within_area < _WITHIN:
        return "Knows the USER, not the behaviour", False
    return "Knows both the user and the behaviour", None


def _usual_scores(test: pl.DataFrame, days: pl.DataFrame) -> np.ndarray:
    """Return for each test day the mean score of its user's quiet days."""
    usual = days.filter("quiet").group_by("user").agg(usual=pl.col("score").mean())
    rows = test.join(usual, on="user", how="left", maintain_order="left")
    return rows["usual"].fill_null(strategy="mean").fill_null(0.0).to_numpy()


def _insider_days(days: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the user-days of each user with a malicious one."""
    insiders = days.filter(pl.col("malicious").any().over("user"))
    return insiders.partition_by("user", maintain_order=True)


def area_within(days: pl.DataFrame) -> float | None:
    """Return the ROC-AUC of malicious days among the same user's quiet ones; None without both."""
    malicious, quiet = days.filter("malicious")["score"].to_numpy(), days.filter("quiet")["score"].to_numpy()
    if not len(malicious) or not len(quiet):
        return None
    above = (malicious[:, None] > quiet).mean() + (malicious[:, None] == quiet).mean() / 2
    return float(above)


def between_share(days: pl.DataFrame) -> float:
    """Return the share of the variance of ranks that lies between users; scores have long tails."""
    ranks = days.select("user", rank=pl.col("score").rank())
    total = ranks["rank"].var(ddof=0)
    means = ranks.select(pl.col("rank").mean().over("user")).to_series().var(ddof=0)
    return float(means / total) if isinstance(means, float) and isinstance(total, float) and total else 0.0
