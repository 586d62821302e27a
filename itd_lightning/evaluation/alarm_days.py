"""Choose a threshold for a run, and say what it means on validation and on test user-days."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.score_table import TESTED, ScoreTable
from itd_lightning.evaluation.thresholds import Rule, chosen, write_threshold
from itd_lightning.metrics.conformal import Drift, drift, p_values
from itd_lightning.scores.chunks import user_pieces
from itd_lightning.scores.pool import pool_days
from itd_lightning.scores.table import About, scan_scores
from itd_lightning.store.read import Store

SIGNIFICANT = 0.05
FAR = 0.1  # least distance of validation and test scores that is worth a warning, however sure it is


class Alarmed(NamedTuple):
    """What lies above the threshold in one part.

    Attributes:
        days: Number of user-days.
        alarms: How many of them lie above the threshold.
        a_day: The same of each calendar day, on average.
        most: The same of the worst calendar day.
        fpr: Share of the harmless user-days above it; None where it is not known which are harmless.
        false: Share of harmless ones among those above it; None if there are none, or nothing is known.
        recall: Share of the malicious user-days above it; likewise.
    """

    days: int
    alarms: int
    a_day: float
    most: int
    fpr: float | None
    false: float | None
    recall: float | None


class Chosen(NamedTuple):
    """A threshold, and what it means.

    Attributes:
        threshold: User-days that score above it are alarms.
        validation: What it makes of the validation part.
        test: What it makes of the test part.
        drift: How far the scores of the two lie apart.
    """

    threshold: float
    validation: Alarmed
    test: Alarmed
    drift: Drift

    @property
    def drifted(self) -> bool:
        """Whether validation says little about the test part."""
        return self.drift.chance <= SIGNIFICANT and self.drift.distance >= FAR


def set_threshold(scores: Path, given: Rule) -> Chosen:
    """Choose the threshold of a run by a rule, and keep it beside the scores.

    Args:
        scores: ``scores.parquet`` of a run; no answer key is needed, but one tells harmless days apart.
        given: The rule.

    Raises:
        InputError: If there are no validation or test scores, or too few for the rule.
    """
    days, about = judged_days(scores)
    if unusable := int((~days["score"].is_finite()).sum()):
        raise InputError(f"{unusable} of {len(days)} scores are no numbers; the training diverged")
    validated, tested = days.filter(part="val"), days.filter(pl.col("part").is_in(TESTED))
    if tested.is_empty():
        raise InputError(f"{scores} holds no test units; the split leaves none")
    threshold = chosen(given, validated, harmless_scores(validated), tested["score"].to_numpy())
    both = pl.concat([validated, tested])
    user = both["user"].rank("dense").cast(pl.Int64).to_numpy() - 1
    apart = drift(both["score"].to_numpy(), np.arange(len(both)) >= len(validated), user, about.seed)
    write_threshold(scores.parent, given, threshold, about.checkpoint)
    return Chosen(threshold, alarmed(validated, threshold), alarmed(tested, threshold), apart)


def with_p_values(days: pl.DataFrame, scores: Path) -> pl.DataFrame:
    """User-days with ``p``, how often harmless validation days of a run score as high as their ``score``."""
    judged, _ = judged_days(scores)
    harmless = harmless_scores(judged.filter(part="val"))
    return days.with_columns(p=pl.Series(p_values(days["score"].to_numpy(), harmless), dtype=pl.Float64))


def harmless_scores(validated: pl.DataFrame) -> Float[np.ndarray, " v"]:
    """Scores of the user-days that are not known to be malicious."""
    scores: Float[np.ndarray, " v"] = validated.filter(~pl.col("malicious").fill_null(value=False))[
        "score"
    ].to_numpy()
    return scores


def judged_days(scores: Path) -> tuple[pl.DataFrame, About]:
    """User-days of a score table; ``malicious`` is null where the store has no key, or is not at hand."""
    rows, about = scan_scores(scores)
    if not known(Path(about.store)):
        pooled = [pool_days(piece) for piece in user_pieces(rows)]
        days = pl.concat([pool_days(rows.head(0).collect()), *pooled])
        return days.with_columns(malicious=pl.lit(None, pl.Boolean)), about
    table = ScoreTable(scores)
    return pl.concat([table.label(pool_days(piece), table.policy) for piece in table.usable()]), about


def known(store: Path) -> bool:
    """Whether a store is at hand and has an answer key."""
    try:
        return Store(store).manifest["answers"] is not None
    except InputError:
        return False


def alarmed(days: pl.DataFrame, threshold: float) -> Alarmed:
    """What a threshold makes of some user-days: ``start``, ``score`` and ``malicious``."""
    above = days.with_columns(above=pl.col("score") > threshold)
    daily = above.group_by("start").agg(pl.col("above").sum())["above"]
    malicious, alarms = days["malicious"], int(daily.sum())
    labelled = not malicious.is_null().any()
    true = above.filter("above", pl.col("malicious"))
    harmless, hits = int((~malicious).sum()), int(malicious.sum())
    return Alarmed(
        days=len(days),
        alarms=alarms,
        a_day=alarms / len(daily),
        most=max(daily.to_list()),
        fpr=(alarms - len(true)) / harmless if labelled and harmless else None,
        false=1 - len(true) / alarms if labelled and alarms else None,
        recall=len(true) / hits if labelled and hits else None,
    )
