"""Audits of chance: would labels of other users do as well, and are the test days a sample of what is met?

Axes: N user-days, M malicious ones, U users, D calendar days, K permutations.
"""

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from itd_lightning.audits.base import Audit, unanswered
from itd_lightning.evaluation.score_table import ScoreTable, of_test
from itd_lightning.splits.labels import label

PERMUTATIONS = 1000
SIGNIFICANT = 0.05
KEPT_LABELS = 0.5  # least share of the labels that find a day with the user they are given to
BALANCE = 2  # times the natural prevalence: above it the test units are no sample of what is met


def precision_of(score: Float[np.ndarray, " n"], malicious: np.ndarray) -> float:
    """Average precision."""
    order = np.sort(score)
    return average_precision(len(order) - np.searchsorted(order, score), np.flatnonzero(malicious))


def average_precision(place: Int[np.ndarray, " n"], hits: Int[np.ndarray, " m"]) -> float:
    """Average precision of the days ``hits``, given how many days score at least as high as each day.

    Example:
        >>> round(average_precision(np.array([1, 2, 3]), np.array([0, 2])), 4)
        0.8333
    """
    found = np.sort(place[hits])
    return float((np.searchsorted(found, found, side="right") / found).mean())


def probe_shuffle(table: ScoreTable, days: pl.DataFrame, permutations: int = PERMUTATIONS) -> Audit:
    """How often is a result as good where labels and users have nothing to do with one another?

    Each insider's malicious days are given to another test user, drawn anew each time, who keeps those of
    these calendar days on which there is a score. Nothing is trained again: what a method learned from
    labels is the null attack's to ask.

    Args:
        table: The score table.
        days: As ``scored_days`` returns them.
        permutations: How many times K.
    """
    name = "label shuffle"
    test = of_test(days).with_columns(place=pl.col("score").rank("min", descending=True).cast(pl.Int64))
    # A tie has the last place, as everywhere.
    test = test.with_columns(place=pl.col("place") + pl.len().over("score") - 1)
    hits = test.with_row_index("row").filter("malicious")
    if not len(hits) or len(hits) == len(test):
        return unanswered(name, "no user-day is malicious, or all are")
    place, rows = test["place"].to_numpy(), hits["row"].cast(pl.Int64).to_numpy()
    true = average_precision(place, rows)
    grid, pattern, owner = labels_by_day(test, hits)
    draw = np.random.default_rng(table.about.seed)
    drawn, kept = [], 0
    for _ in range(permutations):
        given = draw.permutation(len(grid))[owner]
        moved = grid[given, pattern]
        moved = moved[moved >= 0]
        kept += len(moved)
        if len(moved):
            drawn.append(average_precision(place, moved))
    if kept < KEPT_LABELS * permutations * len(rows):
        return unanswered(name, "users have scores on other days than one another, so labels do not move")
    areas = np.array(drawn)
    chance = (1 + (areas >= true).sum()) / (1 + len(areas))
    passed = bool(chance <= SIGNIFICANT)
    words = "Better than labels given to other users" if passed else "NOT better than labels given to others"
    low, high = np.quantile(areas, [0.025, 0.975])
    verdict = (
        f"{words}: PR-AUC of user-days {true:.3f} against {areas.mean():.3f} ({low:.3f}-{high:.3f}) in "
        f"{len(areas)} permutations, p = {chance:.3f}."
    )
    return Audit(name, float(chance), None, SIGNIFICANT, passed, verdict)


def labels_by_day(
    test: pl.DataFrame, hits: pl.DataFrame
) -> tuple[Int[np.ndarray, "u d"], Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Rows of each user's scores by calendar day, -1 for none; and day and user of the malicious ones."""
    users, dates = test["user"].unique().sort(), hits["start"].unique().sort()
    grid = np.full((len(users), len(dates)), -1)
    there = test.with_row_index("row").filter(pl.col("start").is_in(dates.implode()))
    row, column = (
        column_of.search_sorted(there[name]).to_numpy()
        for column_of, name in ((users, "user"), (dates, "start"))
    )
    grid[row, column] = there["row"].cast(pl.Int64).to_numpy()
    pattern, owner = (
        dates.search_sorted(hits["start"]).cast(pl.Int64).to_numpy(),
        users.search_sorted(hits["user"]).cast(pl.Int64).to_numpy(),
    )
    return grid, pattern, owner


def probe_balance(table: ScoreTable, days: pl.DataFrame) -> Audit:
    """Is the test part a sample of what is met? The share of malicious days moves PR-AUC and precision."""
    name = "prevalence"
    test = of_test(days)
    presence = table.store.presence().with_columns(pl.col("day").cast(pl.Datetime("us")))
    met = presence.filter(pl.col("day").is_between(test["start"].min(), test["start"].max()))
    units = met.select("user", start="day", end=pl.col("day").dt.offset_by("1d"))
    natural = label(units, table.key, "event")["malicious"].mean()
    if not natural or not test["malicious"].any() or not isinstance(natural, float):
        return unanswered(name, "no user-day of this time is malicious")
    share = float(test["malicious"].sum()) / len(test)
    times = share / natural
    passed = True if times <= BALANCE else None
    words = (
        "The test days are as they are met"
        if passed
        else "WARNING, the test days are no sample of what is met: precision and PR-AUC do not carry over"
    )
    verdict = (
        f"{words}: {share:.2%} of the user-days tested are malicious, {natural:.2%} of all of that time."
    )
    return Audit(name, times, None, 1.0, passed, verdict)
