"""Audit whether the score rises because a history ends.

Axes: N user-days, U users.
"""

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.audits.user_days import resample_means
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.score_table import ScoreTable, select_test_units
from itd_lightning.events.calendar import WINDOW
from itd_lightning.metrics.bootstrap import interval

_LAST_DAYS = 7  # of a leaver, before there are no more
_RISE = 0.6  # mean rank of such days from which on the score counts as rising; others have 0.5
_FEWEST_LEAVERS = 10  # a handful of users has such a mean rank by chance


class Leavers(Audit):
    """Most insiders leave after their attack, so whoever sees that a history ends knows much of the label.

    People who leave and did nothing tell the two apart: their last days must rank as other days do. What
    people who leave do at work, such as tidying up, moves the rank a little, hence a margin.
    """

    name = "leavers"
    meaning = "mean rank, 0 to 1, of the last days of people who left and did nothing"

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Rank the last days of innocent leavers among other users' days."""
        return [self.judge(run.table, run.days)]

    def judge(self, table: ScoreTable, days: pl.DataFrame) -> AuditResult:
        """Return the mean rank of the last days.

        Args:
            table: The score table.
            days: As ``label_quiet_days`` returns them.
        """
        leavers = _innocent_leavers(table)
        harmless = (
            select_test_units(days).filter(~pl.col("malicious")).with_columns(day=pl.col("start").dt.date())
        )
        their_days = harmless.join(leavers, on="user")
        others = np.sort(harmless.join(leavers, on="user", how="anti")["score"].to_numpy())
        ends = their_days.filter(pl.col("day") > pl.col("left").dt.offset_by(f"-{_LAST_DAYS}d"))
        count = ends["user"].n_unique()
        if count < _FEWEST_LEAVERS or not len(others):
            reason = f"{count} users without a campaign leave within the test days, too few"
            return self.unanswered(reason)
        ranks = _mean_ranks(ends, others)
        number, span = float(ranks.mean()), interval(resample_means(ranks, table.about.seed))
        earlier_days = their_days.join(ends, on=["user", "day"], how="anti")
        earlier_words = (
            f", their earlier days {_mean_ranks(earlier_days, others).mean():.2f}"
            if len(earlier_days)
            else ""
        )
        rises = span is not None and span[0] > 0.5 and number >= _RISE
        words = (
            "The score RISES because a history ends"
            if rises
            else "The end of a history does not raise the score"
        )
        verdict = (
            f"{words}: the last {_LAST_DAYS} days of {count} users who left and did nothing rank "
            f"{number:.2f} among other users' days, where 0.50 is chance{earlier_words}."
        )
        return AuditResult(self.name, number, span, 0.5, not rises, verdict)


def _innocent_leavers(table: ScoreTable) -> pl.DataFrame:
    """Return ``user`` and last day ``left`` of users without a campaign who leave before the logs end."""
    presence = table.store.presence()
    last = presence.group_by("user").agg(left=pl.col("day").max())
    return last.filter(
        pl.col("left") < pl.lit(presence["day"].max()).dt.offset_by(f"-{WINDOW}d"),
        ~pl.col("user").is_in(table.true.campaigns["user"].implode()),
    )


def _mean_ranks(days: pl.DataFrame, others: Float[np.ndarray, " n"]) -> Float[np.ndarray, " u"]:
    """Return the mean rank of each user's days among other scores, 0 to 1, half of a tie; users in order."""
    score = days["score"].to_numpy()
    below, upto = (np.searchsorted(others, score, side=side) for side in ("left", "right"))
    ranks = days.select("user", rank=pl.Series((below + upto) / (2 * len(others))))
    return ranks.group_by("user").agg(pl.col("rank").mean()).sort("user")["rank"].to_numpy()
