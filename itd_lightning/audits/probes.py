"""Audits of the score itself: what does it rise with, if not with behaviour?

All of them look at user-days, to which every grain can be brought. A day scores as its highest unit.

Axes: N user-days, U users.
"""

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.audits.base import Audit, unanswered
from itd_lightning.audits.chance import precision_of
from itd_lightning.evaluation.score_table import ScoreTable, of_test
from itd_lightning.events.calendar import WINDOW
from itd_lightning.metrics.bootstrap import FEWEST_USERS, REPLICATES, interval
from itd_lightning.scores.pool import pool_days
from itd_lightning.splits.labels import label

LAST_DAYS = 7  # of a leaver, before there are no more
RISE = 0.6  # mean rank of such days from which on the end of a history counts as seen; others have 0.5
FEWEST_LEAVERS = 10  # a handful of users has such a mean rank by chance
WITHIN = 0.7  # least ROC-AUC among an insider's own days: with less, behaviour hardly matters
KNOWN = 0.5  # share of what lies above chance that knowing the user alone may give
CHANCE = 2  # times the base rate: a PR-AUC below it needs no explanation


def scored_days(table: ScoreTable) -> pl.DataFrame:
    """Validation and test user-days with ``malicious`` and ``quiet``, which is outside of any campaign."""
    found = []
    for piece in table.usable():
        days = table.label(pool_days(piece.filter(pl.col("part") != "train")), "event").drop("scenario")
        busy = label(days.drop("malicious"), table.key, "interval")["malicious"]
        found.append(days.with_columns(quiet=~(busy | days["malicious"])))
    return pl.concat(found)


def probe_leavers(table: ScoreTable, days: pl.DataFrame) -> Audit:
    """Does the score rise because a history ends?

    Most insiders leave after their attack, so whoever sees that a history ends knows much of the label.
    People who leave and did nothing tell the two apart: their last days must rank as other days do. What
    people who leave do at work, such as tidying up, moves the rank a little, hence a margin.

    Args:
        table: The score table.
        days: As ``scored_days`` returns them.
    """
    name = "leavers"
    presence = table.store.presence()
    until = presence["day"].max()
    last = presence.group_by("user").agg(left=pl.col("day").max())
    innocent = last.filter(
        pl.col("left") < pl.lit(until).dt.offset_by(f"-{WINDOW}d"),
        ~pl.col("user").is_in(table.true.campaigns["user"].implode()),
    )
    ranked = of_test(days).filter(~pl.col("malicious")).with_columns(pl.col("start").dt.date().alias("day"))
    mine = ranked.join(innocent, on="user")
    others = np.sort(ranked.join(innocent, on="user", how="anti")["score"].to_numpy())
    ends = mine.filter(pl.col("day") > pl.col("left").dt.offset_by(f"-{LAST_DAYS}d"))
    leavers = ends["user"].n_unique()
    if leavers < FEWEST_LEAVERS or not len(others):
        return unanswered(name, f"{leavers} users without a campaign leave within the test days, too few")
    rank = mean_ranks(ends, others)
    number, span = float(rank.mean()), interval(resampled(rank, table.about.seed))
    earlier = mine.join(ends, on=["user", "day"], how="anti")
    before = f", their earlier days {mean_ranks(earlier, others).mean():.2f}" if len(earlier) else ""
    seen = span is not None and span[0] > 0.5 and number >= RISE
    words = (
        "The score RISES because a history ends" if seen else "The end of a history does not raise the score"
    )
    verdict = (
        f"{words}: the last {LAST_DAYS} days of {leavers} users who left and did nothing rank {number:.2f} "
        f"among other users' days, where 0.50 is chance{before}."
    )
    return Audit(name, number, span, 0.5, not seen, verdict)


def mean_ranks(days: pl.DataFrame, others: Float[np.ndarray, " n"]) -> Float[np.ndarray, " u"]:
    """Mean rank of each user's days among other scores, 0 to 1, half of a tie; users in order."""
    score = days["score"].to_numpy()
    below, upto = (np.searchsorted(others, score, side=side) for side in ("left", "right"))
    placed = days.select("user", rank=pl.Series((below + upto) / (2 * len(others))))
    return placed.group_by("user").agg(pl.col("rank").mean()).sort("user")["rank"].to_numpy()


def resampled(values: Float[np.ndarray, " u"], seed: int) -> Float[np.ndarray, " r"]:
    """Means of one value a user, over draws of users."""
    drawn = np.random.default_rng(seed).integers(len(values), size=(REPLICATES, len(values)))
    means: Float[np.ndarray, " r"] = values[drawn].mean(axis=1)
    return means


def probe_identity(table: ScoreTable, days: pl.DataFrame) -> Audit:
    """Does the score know the user rather than the behaviour?

    Two questions. Do an insider's malicious days score higher than the same insider's other days (ROC-AUC
    within users, 0.5 by chance)? And what is left of the PR-AUC when every day gets the mean score that its
    user has outside of campaigns, so that nothing but who it is can tell? A score fails where the
    user alone gives most of what lies above chance while the day hardly matters; where both matter the
    question stays open.

    Args:
        table: The score table.
        days: As ``scored_days`` returns them.
    """
    name = "identity"
    test = of_test(days)
    if not test["malicious"].any() or test["malicious"].all():
        return unanswered(name, "no user-day is malicious, or all are")
    within = np.array([own for user in insiders(test) if (own := area_within(user)) is not None])
    if not len(within):
        return unanswered(name, "no insider has both malicious and harmless test days")
    usual = days.filter("quiet").group_by("user").agg(usual=pl.col("score").mean())
    swapped = test.join(usual, on="user", how="left", maintain_order="left")
    who = swapped["usual"].fill_null(strategy="mean").fill_null(0.0).to_numpy()
    malicious = test["malicious"].to_numpy()
    true, known = (precision_of(score, malicious) for score in (test["score"].to_numpy(), who))
    number = float(within.mean())
    span = interval(resampled(within, table.about.seed)) if len(within) >= FEWEST_USERS else None
    base = float(malicious.mean())
    explained = known - base >= KNOWN * (true - base)
    passed: bool | None
    if true <= CHANCE * base:
        words, passed = "Nothing to explain, the result is near chance", None
    elif explained and number < WITHIN:
        words, passed = "Knows the USER, not the behaviour", False
    elif explained:
        words, passed = "Knows both the user and the behaviour", None
    else:
        words, passed = "Knows the behaviour", True
    verdict = (
        f"{words}: malicious days of {len(within)} insiders beat their own other days with ROC-AUC "
        f"{number:.2f}; "
        f"the usual score of the user alone gives PR-AUC {known:.3f} of {true:.3f}, base rate {base:.4f}; "
        f"{between_share(test):.0%} of the variance of ranks lies between users."
    )
    return Audit(name, number, span, 0.5, passed, verdict)


def insiders(days: pl.DataFrame) -> list[pl.DataFrame]:
    """The user-days of each user with a malicious one."""
    known = days.filter(pl.col("malicious").any().over("user"))
    return known.partition_by("user", maintain_order=True)


def area_within(days: pl.DataFrame) -> float | None:
    """ROC-AUC of malicious days among the same user's quiet ones; None without both."""
    malicious, quiet = days.filter("malicious")["score"].to_numpy(), days.filter("quiet")["score"].to_numpy()
    if not len(malicious) or not len(quiet):
        return None
    above = (malicious[:, None] > quiet).mean() + (malicious[:, None] == quiet).mean() / 2
    return float(above)


def between_share(days: pl.DataFrame) -> float:
    """Share of the variance of ranks that lies between users; ranks, since scores have long tails."""
    ranked = days.select("user", rank=pl.col("score").rank())
    total = ranked["rank"].var(ddof=0)
    means = ranked.select(pl.col("rank").mean().over("user")).to_series().var(ddof=0)
    return float(means / total) if isinstance(means, float) and isinstance(total, float) and total else 0.0
