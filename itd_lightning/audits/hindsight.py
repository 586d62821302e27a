"""Comparison of scores with those of a store that ends earlier: they must not change."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.contracts.parts import TEST_PARTS, VAL
from itd_lightning.contracts.results import AuditResult, unanswered
from itd_lightning.contracts.scores import SCORES
from itd_lightning.evaluation.score_table import select_test_units

_TOLERANCE = 1e-3  # standard deviations of the scores: other batches round otherwise
_UNIT = ["user", "start", "end", "event_id"]
FUTURE, ANSWERS, TRAINING = "future", "answer key", "future in training"
_KNOWS = {FUTURE: "the FUTURE", ANSWERS: "the ANSWERS", TRAINING: "the FUTURE, in training,"}


class CutOff(NamedTuple):
    """Moments at which a store is cut off.

    Attributes:
        until: First moment that is cut off.
        hidden_from: From when on the answers are hidden.
    """

    until: datetime
    hidden_from: datetime


class ScoreChange(NamedTuple):
    """Difference of two tables of scores.

    Attributes:
        units: Units that are compared.
        share: Share of them whose score differs, or that only one of the tables holds.
        most: Largest difference, in standard deviations of the scores.
        usual: Root of the mean squared difference, likewise.
        noise: How much of it is rounding, likewise.
    """

    units: int
    share: float
    most: float
    usual: float = 0.0
    noise: float = 0.0


def choose_cut_off(days: pl.DataFrame) -> CutOff:
    """Cut behind half of the malicious test days, so that a known label moves the scores of the others.

    Without any of them, cut in the middle of the test days.

    Args:
        days: User-days as ``user_days.label_quiet_days`` returns them.
    """
    test = select_test_units(days)
    test_dates: list[datetime] = test["start"].unique().sort().to_list()
    dates: list[datetime] = test.filter("malicious")["start"].unique().sort().to_list() or test_dates
    cut = dates[len(dates) // 2] + timedelta(days=1)
    return CutOff(min(cut, max(test_dates[-1], test_dates[0] + timedelta(days=1))), test_dates[0])


def earlier_units(scores: pl.LazyFrame, until: datetime) -> pl.LazyFrame:
    """Return the scored units that end by a moment; of behaviours, those whose whole sequence does."""
    units = scores.match_to_schema(SCORES).filter(pl.col("part").is_in([VAL, *TEST_PARTS]))
    crossing = units.filter(pl.col("end") > until, pl.col("sequence").is_not_null())
    crossing = crossing.select("user", "sequence").unique()
    return units.filter(pl.col("end") <= until).join(crossing, on=["user", "sequence"], how="anti")


def compare_scores(
    before: pl.LazyFrame, after: pl.LazyFrame, *, same_units: bool, noise: float = 0.0
) -> ScoreChange:
    """Compare the scores of units.

    A user's silent days count as units up to the last active one, which may lie behind the cut, so those
    behind the user's last unit of ``after`` are left out.

    Args:
        before: The columns of ``contracts.scores.SCORES``.
        after: Likewise, of a store that ends earlier.
        same_units: Whether both should hold the same units; else those of one alone do not count.
        noise: By how much scores differ in other batches, see ``ScoreChange.usual``; if it is no more than
            twice that, none counts as different.

    Example:
        >>> unit = pl.LazyFrame({"user": "a", "start": [0, 1], "end": 1, "event_id": "", "score": [0.0, 2.0]})
        >>> compare_scores(unit, unit.with_columns(score=pl.Series([0.0, 3.0])), same_units=True).share
        0.5
    """
    columns = [*_UNIT, "score"]
    last = after.group_by("user").agg(last=pl.col("start").max())
    comparable = before.join(last, on="user").filter(pl.col("start") <= pl.col("last")).select(columns)
    how: Literal["full", "inner"] = "full" if same_units else "inner"
    pairs = comparable.join(after.select(columns), on=_UNIT, how=how, nulls_equal=True, suffix="_after")
    difference, spread = (
        (pl.col("score_after") - pl.col("score")).abs(),
        pl.col("score").std(ddof=0).fill_null(0.0),
    )
    counts = pairs.select(
        units=pl.len(),
        spread=spread,
        single=difference.null_count(),
        changed=(difference > _TOLERANCE * spread).sum(),
        most=difference.max().fill_null(0.0),
        usual=difference.pow(2).mean().sqrt().fill_null(0.0),
    ).collect(engine="streaming")
    units, deviation, single, changed, most, usual = counts.row(0)
    if deviation:
        most, usual = most / deviation, usual / deviation
    if usual <= 2 * noise:
        changed = 0
    return ScoreChange(units, (single + changed) / units if units else 0.0, most, usual, noise)


def judge_change(name: str, change: ScoreChange, cut: CutOff, leaks: str = "") -> AuditResult:
    """Return the result of an audit: whether the scores of earlier units know what came later.

    Args:
        name: ``FUTURE``, ``ANSWERS`` or ``TRAINING``.
        change: How scores differ with and without what came later.
        cut: Where the store was cut off.
        leaks: What the split leaks by its own account, where that explains a difference.
    """
    if not change.units:
        return unanswered(name, f"no unit is scored before {cut.until:%Y-%m-%d}")
    hidden_words = f"answers from {cut.hidden_from:%Y-%m-%d} on are hidden"
    later = {
        FUTURE: "all later days are cut off",
        ANSWERS: hidden_words,
        TRAINING: f"it is trained without later days, and {hidden_words}",
    }[name]
    units = f"{change.units:,} units before {cut.until:%Y-%m-%d}"
    if not change.share:
        rough = f" more than in other batches, {change.noise:.2g} standard deviations,"
        verdict = f"No score of {units} changes{rough if change.most > _TOLERANCE else ''} when {later}."
        return AuditResult(name, 0.0, None, 0.0, passed=True, verdict=verdict)
    verdict = (
        f"{change.share:.2%} of {units} score otherwise when {later}, by up to {change.most:.2g} standard "
        "deviations."
    )
    if leaks:
        verdict = f"The split leaks by itself ({leaks}): {verdict}"
        return AuditResult(name, change.share, None, 0.0, None, verdict)
    return AuditResult(
        name, change.share, None, 0.0, passed=False, verdict=f"Knows {_KNOWS[name]}: {verdict}"
    )
