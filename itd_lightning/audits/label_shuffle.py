"""Audit whether labels of other users would do as well.

Axes: N user-days, M malicious ones, U users, D calendar days, K permutations.
"""

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.score_table import select_test_units
from itd_lightning.metrics.ranking import precision_at_places

_PERMUTATIONS = 1000
_SIGNIFICANT = 0.05
_LEAST_MOVED = 0.5  # least share of the labels that find a day with the user they are given to


class LabelShuffle(Audit):
    """A result must be better than with labels that have nothing to do with the users.

    Each insider's malicious days are given to another test user, drawn anew each time, who keeps those of
    these calendar days on which there is a score. Nothing is trained again: what a method learned from
    labels is the null attack's to ask.

    Args:
        permutations: Number K of permutations.
    """

    name = "label shuffle"
    meaning = "p of the PR-AUC among labels given to other users"

    def __init__(self, permutations: int = _PERMUTATIONS) -> None:
        self.permutations = permutations

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Shuffle the labels of the test user-days."""
        return [self.judge(run.days, run.table.about.seed)]

    def judge(self, days: pl.DataFrame, seed: int) -> AuditResult:
        """Return how often shuffled labels reach the PR-AUC of the true ones.

        Args:
            days: As ``label_quiet_days`` returns them.
            seed: Decides the permutations.
        """
        test = select_test_units(days).with_columns(
            place=pl.col("score").rank("min", descending=True).cast(pl.Int64)
        )
        # A tie has the last place, as everywhere.
        test = test.with_columns(place=pl.col("place") + pl.len().over("score") - 1)
        hits = test.with_row_index("row").filter("malicious")
        if not len(hits) or len(hits) == len(test):
            return self.unanswered("no user-day is malicious, or all are")
        areas, label_count = self.shuffled_areas(test, hits, seed)
        if label_count < _LEAST_MOVED * self.permutations * len(hits):
            return self.unanswered("users have scores on other days than one another, so labels do not move")
        pr_auc = precision_at_places(test["place"].to_numpy()[hits["row"].cast(pl.Int64).to_numpy()])
        chance = (1 + (areas >= pr_auc).sum()) / (1 + len(areas))
        passed = bool(chance <= _SIGNIFICANT)
        words = (
            "Better than labels given to other users" if passed else "NOT better than labels given to others"
        )
        low, high = np.quantile(areas, [0.025, 0.975])
        verdict = (
            f"{words}: PR-AUC of user-days {pr_auc:.3f} against {areas.mean():.3f} ({low:.3f}-{high:.3f}) in "
            f"{len(areas)} permutations, p = {chance:.3f}."
        )
        return AuditResult(self.name, float(chance), None, _SIGNIFICANT, passed, verdict)

    def shuffled_areas(self, test: pl.DataFrame, hits: pl.DataFrame, seed: int) -> tuple[np.ndarray, int]:
        """Return the PR-AUC of each permutation, and how many labels found a day in all of them."""
        place = test["place"].to_numpy()
        grid, pattern, owner = labels_by_day(test, hits)
        draw = np.random.default_rng(seed)
        areas, label_count = [], 0
        for _ in range(self.permutations):
            receiver = draw.permutation(len(grid))[owner]
            rows = grid[receiver, pattern]
            rows = rows[rows >= 0]
            label_count += len(rows)
            if len(rows):
                areas.append(precision_at_places(place[rows]))
        return np.array(areas), label_count


def labels_by_day(
    test: pl.DataFrame, hits: pl.DataFrame
) -> tuple[Int[np.ndarray, "u d"], Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Return rows of each user's scores by calendar day, -1 for none; and day and user of malicious ones."""
    users, dates = test["user"].unique().sort(), hits["start"].unique().sort()
    grid = np.full((len(users), len(dates)), -1)
    on_dates = test.with_row_index("row").filter(pl.col("start").is_in(dates.implode()))
    row, column = (
        values.search_sorted(on_dates[name]).to_numpy()
        for values, name in ((users, "user"), (dates, "start"))
    )
    grid[row, column] = on_dates["row"].cast(pl.Int64).to_numpy()
    pattern, owner = (
        dates.search_sorted(hits["start"]).cast(pl.Int64).to_numpy(),
        users.search_sorted(hits["user"]).cast(pl.Int64).to_numpy(),
    )
    return grid, pattern, owner
