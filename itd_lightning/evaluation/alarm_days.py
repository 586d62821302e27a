"""Choice of a run's threshold, and the alarms that it raises on validation and on test user-days."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.parts import TEST_PARTS, VAL
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.evaluation.thresholds import Rule, choose_threshold, write_threshold
from itd_lightning.metrics.conformal import Drift, drift, p_values
from itd_lightning.scores.chunks import user_chunks
from itd_lightning.scores.pool import user_days
from itd_lightning.scores.table import About, scan_scores
from itd_lightning.store.read import Store

_SIGNIFICANT = 0.05
_FAR = 0.1  # least distance of validation and test scores that is worth a warning, however sure it is


class _AlarmCounts(NamedTuple):
    """Counts of the alarms, the user-days above a threshold, in one part.

    Attributes:
        days: Number of user-days.
        alarms: How many of them lie above the threshold.
        per_day: Alarms of a calendar day, on average.
        worst_day: Alarms of the calendar day with most of them.
        fpr: Share of the harmless user-days above it; None without an answer key.
        false_share: Share of harmless ones among the alarms; None without alarms or answer key.
        recall: Share of the malicious user-days above it; likewise.
    """

    days: int
    alarms: int
    per_day: float
    worst_day: int
    fpr: float | None
    false_share: float | None
    recall: float | None


class ThresholdChoice(NamedTuple):
    """A threshold, and the alarms that it raises.

    Attributes:
        threshold: User-days that score above it are alarms.
        validation: Alarms of the validation part.
        test: Alarms of the test part.
        drift: How far the scores of the two lie apart.
    """

    threshold: float
    validation: _AlarmCounts
    test: _AlarmCounts
    drift: Drift

    @property
    def has_drifted(self) -> bool:
        """Return whether test and validation scores differ so much that the threshold may not hold."""
        return self.drift.chance <= _SIGNIFICANT and self.drift.distance >= _FAR


def choose_run_threshold(scores: Path, rule: Rule) -> ThresholdChoice:
    """Choose the threshold of a run by a rule, and write it beside the scores.

    Args:
        scores: ``scores.parquet`` of a run; no answer key is needed, but one tells which days are harmless.
        rule: The rule.

    Raises:
        InputError: If there are no validation or test scores, or too few for the rule.
    """
    days, about = _label_user_days(scores)
    if invalid := int((~days["score"].is_finite()).sum()):
        raise InputError(f"{invalid} of {len(days)} scores are no numbers; the training diverged")
    validation, test = days.filter(part=VAL), days.filter(pl.col("part").is_in(TEST_PARTS))
    if test.is_empty():
        raise InputError(f"{scores} holds no test units; the split leaves none")
    threshold = choose_threshold(rule, validation, _harmless_scores(validation), test["score"].to_numpy())
    both = pl.concat([validation, test])
    user = both["user"].rank("dense").cast(pl.Int64).to_numpy() - 1
    shift = drift(both["score"].to_numpy(), np.arange(len(both)) >= len(validation), user, about.seed)
    write_threshold(scores.parent, rule, threshold, about.checkpoint)
    return ThresholdChoice(
        threshold, count_alarms(validation, threshold), count_alarms(test, threshold), shift
    )


def add_p_values(days: pl.DataFrame, scores: Path) -> pl.DataFrame:
    """Add ``p``, the conformal p-value: the share of harmless validation days at least as high."""
    labelled_days, _ = _label_user_days(scores)
    harmless = _harmless_scores(labelled_days.filter(part=VAL))
    return days.with_columns(p=pl.Series(p_values(days["score"].to_numpy(), harmless), dtype=pl.Float64))


def _harmless_scores(validation: pl.DataFrame) -> Float[np.ndarray, " v"]:
    """Return the scores of the user-days that are not labelled malicious."""
    scores: Float[np.ndarray, " v"] = validation.filter(~pl.col("malicious").fill_null(value=False))[
        "score"
    ].to_numpy()
    return scores


def _label_user_days(scores: Path) -> tuple[pl.DataFrame, About]:
    """Pool a score table to labelled user-days; ``malicious`` is null where there is no store or key."""
    rows, about = scan_scores(scores)
    if not has_answer_key(Path(about.store)):
        return user_days(user_chunks(rows)).with_columns(malicious=pl.lit(None, pl.Boolean)), about
    table = ScoreTable(scores)
    return table.label(user_days(table.user_chunks()), table.policy), about


def has_answer_key(store: Path) -> bool:
    """Return whether a store exists and has an answer key."""
    try:
        return Store(store).manifest["answers"] is not None
    except InputError:
        return False


def count_alarms(days: pl.DataFrame, threshold: float) -> _AlarmCounts:
    """Count the alarms among user-days: ``start``, ``score`` and ``malicious``."""
    above = days.with_columns(above=pl.col("score") > threshold)
    daily = above.group_by("start").agg(pl.col("above").sum())["above"]
    malicious, alarms = days["malicious"], int(daily.sum())
    has_labels = not malicious.is_null().any()
    true = above.filter("above", pl.col("malicious"))
    harmless, hits = int((~malicious).sum()), int(malicious.sum())
    return _AlarmCounts(
        days=len(days),
        alarms=alarms,
        per_day=alarms / len(daily),
        worst_day=max(daily.to_list()),
        fpr=(alarms - len(true)) / harmless if has_labels and harmless else None,
        false_share=1 - len(true) / alarms if has_labels and alarms else None,
        recall=len(true) / hits if has_labels and hits else None,
    )
