"""Precision over recall, as numbers.

Axes: C corners of a curve.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.measures import rank_rows
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.evaluation.survey import rank_test_units, take_survey
from itd_lightning.metrics.ranking import Ranking

_POINTS = 2000  # of a curve; more cannot be seen


class Curve(NamedTuple):
    """Precision over recall.

    Attributes:
        recall: Of the corners, rising ``(C,)``.
        precision: Of the corners ``(C,)``.
        base_rate: Share of malicious units.
        area: The area under it, PR-AUC.
    """

    recall: Float[np.ndarray, " c"]
    precision: Float[np.ndarray, " c"]
    base_rate: float
    area: float


class Curves(NamedTuple):
    """The curves of a run.

    Attributes:
        by_scenario: One each scenario; under None that of all together.
        reason: Why there is none.
    """

    by_scenario: dict[int | None, Curve]
    reason: str = ""


def unit_curves(table: ScoreTable) -> Curves:
    """Return the curves of the test units."""
    try:
        survey = take_survey(table)
        ranking = rank_test_units(survey, table.policy, table.scores)["score"]
        return _curves(ranking, survey.hits[table.policy]["scenario"].to_numpy())
    except InputError as error:
        return Curves({}, str(error))


def day_curves(days: pl.DataFrame) -> Curves:
    """Return the curves of labelled user-days."""
    try:
        return _curves(rank_rows(days, "score"), days.filter("malicious")["scenario"].to_numpy())
    except InputError as error:
        return Curves({}, str(error))


def _curves(ranking: Ranking, scenario: Int[np.ndarray, " m"]) -> Curves:
    """Return the curves of a ranking, whose malicious units belong to these scenarios."""
    parts: Iterable[tuple[int | None, Ranking]] = [
        (None, ranking),
        *((int(name), ranking.only(scenario == name)) for name in np.unique(scenario)),
    ]
    return Curves({name: _curve(part) for name, part in parts})


def _curve(ranking: Ranking) -> Curve:
    """Return the corners of a curve, where recall grows, and its end; the area is the average precision."""
    recall, precision = ranking.curve()
    grows = np.flatnonzero(np.diff(recall, prepend=0) > 0)
    corners = grows[np.unique(np.linspace(0, len(grows) - 1, min(_POINTS, len(grows))).astype(int))]
    return Curve(
        np.concatenate([[0], recall[corners], [1]]),
        np.concatenate([precision[corners[:1]], precision[corners], precision[-1:]]),
        float(ranking.base_rate or 0),
        ranking.pr_auc(),
    )
