"""Do exact counts give the insiders away?

A generator may give every user the same number of events on every working day, and add the malicious ones on
top: then a surplus of one marks the day. A detector that counts finds it, and no real log has it.
"""

from typing import NamedTuple

import polars as pl

from itd_lightning.audits.base import Audit, unanswered
from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.baselines import daily_counts
from itd_lightning.evaluation.measures import ranked
from itd_lightning.evaluation.pooled import ranking_of
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.scores.pool import pool_days

EXACT = 0.95  # share of a user's working days with the usual number, from which counts are called exact
SATURDAY = 6


class UsualCount(NamedTuple):
    """One kind of event, whose number is nearly always the same.

    Attributes:
        kind: Kind of event.
        share: Median over users: share of earlier working days that have the user's usual number.
        pr_auc: Of test user-days by how far the number lies above the user's usual one.
        low: Lower end of its 95 % interval; None with too few users for one.
        honest: PR-AUC of the same, had the malicious events not happened.
        base_rate: Share of malicious user-days.
    """

    kind: str
    share: float
    pr_auc: float
    low: float | None
    honest: float
    base_rate: float


def usual_counts(table: ScoreTable) -> list[UsualCount]:
    """Kinds of event whose number is exact, and what their surplus alone finds.

    A user's usual number is the most frequent one on working days that are neither test days nor malicious.
    Days without any event of the kind do not count.

    Args:
        table: A score table, which says what the test user-days are.
    """
    days = pl.concat([pool_days(piece) for piece in table.usable()])
    days = table.label(days, table.policy).with_columns(day=pl.col("start").dt.date())
    tested = days.filter(pl.col("part") != "val")
    counts = pl.concat([daily_counts(shard, table.true.events) for shard in table.store.shards])
    earlier = counts.join(tested, on=["user", "day"], how="anti").filter(
        pl.col("malicious") == 0, pl.col("day").dt.weekday() < SATURDAY
    )
    usual = earlier.group_by("user", "kind").agg(
        usual=pl.col("events").mode().min(),
        share=(pl.col("events") == pl.col("events").mode().min()).mean(),
    )
    steady = usual.group_by("kind").agg(pl.col("share").median()).filter(pl.col("share") >= EXACT)
    found = []
    for kind, share in steady.sort("share", "kind", descending=[True, False]).iter_rows():
        of_kind = counts.filter(pl.col("kind") == kind).join(usual, on=["user", "kind"])
        surplus = tested.join(of_kind.drop("kind"), on=["user", "day"], how="left", suffix="_events")
        above = (pl.col("events") - pl.col("usual")).fill_null(0).cast(pl.Float64)
        surplus = surplus.with_columns(surplus=above, without=above - pl.col("malicious_events").fill_null(0))
        all_, honest = (
            ranked(ranking_of(surplus, name), table.about.seed) for name in ("surplus", "without")
        )
        if all_["pr_auc"] is None:
            raise InputError(all_["undefined"])
        low = (all_["intervals"]["pr_auc"] or (None,))[0]
        found.append(UsualCount(kind, share, all_["pr_auc"], low, honest["pr_auc"], all_["base_rate"]))
    return found


def audit_usual_counts(table: ScoreTable) -> Audit:
    """Judge whether counts alone give the malicious days away; no method passes or fails by this alone."""
    name = "exact counts"
    try:
        found = usual_counts(table)
    except InputError as error:
        return unanswered(name, str(error))
    telling = [count for count in found if count.low is not None and count.low > count.base_rate]
    if not telling:
        steady = ", ".join(count.kind for count in found) or "none"
        verdict = f"No exact count tells anything; kinds with one: {steady}."
        return Audit(name, 0.0, None, EXACT, passed=True, verdict=verdict)
    worst = max(telling, key=lambda count: count.pr_auc)
    verdict = (
        f"Users have exactly their usual number of {worst.kind} on {worst.share:.1%} of working days; a "
        f"surplus alone gives PR-AUC {worst.pr_auc:.3f}, and {worst.honest:.3f} without the malicious ones; "
        f"chance is {worst.base_rate:.3f}. What a method makes of exact counts is owed to how the data were "
        "made. `itd thin` makes a store where they are not exact; train there, too."
    )
    return Audit(name, worst.pr_auc, None, worst.base_rate, None, verdict)
