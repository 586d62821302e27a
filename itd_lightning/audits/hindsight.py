"""Does a score know what came later? It must not change where that is cut off."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.audits.base import Audit, unanswered
from itd_lightning.audits.probes import scored_days
from itd_lightning.contracts.scores import SCORES
from itd_lightning.evaluation.score_table import TESTED, ScoreTable, of_test

TOLERANCE = 1e-3  # standard deviations of the scores: other batches round otherwise
UNIT = ["user", "start", "end", "event_id"]
FUTURE, ANSWERS, TRAINING = "future", "answer key", "future in training"
KNOWS = {FUTURE: "the FUTURE", ANSWERS: "the ANSWERS", TRAINING: "the FUTURE, in training,"}


class Cut(NamedTuple):
    """Where to cut a store.

    Attributes:
        until: First moment that is cut off.
        hidden_from: From when on the answers are hidden.
    """

    until: datetime
    hidden_from: datetime


class Moved(NamedTuple):
    """How two tables of scores differ.

    Attributes:
        units: Units that are compared.
        share: Share of them whose score differs, or that only one of the tables holds.
        most: Largest difference, in standard deviations of the scores.
        usual: Root of the mean squared difference, likewise.
        noise: What of it is owed to rounding, likewise.
    """

    units: int
    share: float
    most: float
    usual: float = 0.0
    noise: float = 0.0


def where_to_cut(table: ScoreTable) -> Cut:
    """Cut behind half of the malicious test days, so that a known label moves the scores of the others.

    Without any of them, cut in the middle of the test days.
    """
    test = of_test(scored_days(table))
    every: list[datetime] = test["start"].unique().sort().to_list()
    days: list[datetime] = test.filter("malicious")["start"].unique().sort().to_list() or every
    behind = days[len(days) // 2] + timedelta(days=1)
    return Cut(min(behind, max(every[-1], every[0] + timedelta(days=1))), every[0])


def earlier(scores: pl.LazyFrame, until: datetime) -> pl.LazyFrame:
    """The scored units that end by a moment; of behaviours, those whose whole sequence does."""
    scored = scores.match_to_schema(SCORES).filter(pl.col("part").is_in(["val", *TESTED]))
    later = scored.filter(pl.col("end") > until, pl.col("sequence").is_not_null())
    later = later.select("user", "sequence").unique()
    return scored.filter(pl.col("end") <= until).join(later, on=["user", "sequence"], how="anti")


def compared(before: pl.LazyFrame, after: pl.LazyFrame, *, same_units: bool, noise: float = 0.0) -> Moved:
    """Compare the scores of units.

    A user's silent days count as units up to the last active one, which may lie behind the cut, so those
    behind the user's last unit of ``after`` are left out.

    Args:
        before: The columns of ``contracts.scores.SCORES``.
        after: Likewise, of a store that ends earlier.
        same_units: Whether both should hold the same units; else those of one alone do not count.
        noise: By how much scores differ in other batches, see ``Moved.usual``; if it is no more than twice
            that, none counts as different.

    Example:
        >>> unit = pl.LazyFrame({"user": "a", "start": [0, 1], "end": 1, "event_id": "", "score": [0.0, 2.0]})
        >>> compared(unit, unit.with_columns(score=pl.Series([0.0, 3.0])), same_units=True).share
        0.5
    """
    columns = [*UNIT, "score"]
    last = after.group_by("user").agg(last=pl.col("start").max())
    known = before.join(last, on="user").filter(pl.col("start") <= pl.col("last")).select(columns)
    how: Literal["full", "inner"] = "full" if same_units else "inner"
    both = known.join(after.select(columns), on=UNIT, how=how, nulls_equal=True, suffix="_after")
    off, spread = (pl.col("score_after") - pl.col("score")).abs(), pl.col("score").std(ddof=0).fill_null(0.0)
    counted = both.select(
        units=pl.len(),
        spread=spread,
        single=off.null_count(),
        moved=(off > TOLERANCE * spread).sum(),
        most=off.max().fill_null(0.0),
        usual=off.pow(2).mean().sqrt().fill_null(0.0),
    ).collect(engine="streaming")
    units, deviation, single, moved, most, usual = counted.row(0)
    if deviation:
        most, usual = most / deviation, usual / deviation
    if usual <= 2 * noise:
        moved = 0
    return Moved(units, (single + moved) / units if units else 0.0, most, usual, noise)


def judged(name: str, found: Moved, cut: Cut, leaks: str = "") -> Audit:
    """Say whether the scores of earlier units know what came later.

    Args:
        name: ``FUTURE``, ``ANSWERS`` or ``TRAINING``.
        found: How scores differ with and without what came later.
        cut: Where it was cut off.
        leaks: What the split leaks by its own account, where that explains a difference.
    """
    if not found.units:
        return unanswered(name, f"no unit is scored before {cut.until:%Y-%m-%d}")
    hidden = f"answers from {cut.hidden_from:%Y-%m-%d} on are hidden"
    later = {
        FUTURE: "all later days are cut off",
        ANSWERS: hidden,
        TRAINING: f"it is trained without later days, and {hidden}",
    }[name]
    units = f"{found.units:,} units before {cut.until:%Y-%m-%d}"
    if not found.share:
        rough = f" more than in other batches, {found.noise:.2g} standard deviations,"
        verdict = f"No score of {units} changes{rough if found.most > TOLERANCE else ''} when {later}."
        return Audit(name, 0.0, None, 0.0, passed=True, verdict=verdict)
    verdict = (
        f"{found.share:.2%} of {units} score otherwise when {later}, by up to {found.most:.2g} standard "
        "deviations."
    )
    if leaks:
        return Audit(name, found.share, None, 0.0, None, f"The split leaks by itself ({leaks}): {verdict}")
    return Audit(name, found.share, None, 0.0, passed=False, verdict=f"Knows {KNOWS[name]}: {verdict}")
