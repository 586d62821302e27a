"""Runs in the form of the page: only small parts of long score tables."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, cast

import polars as pl

from itd_lightning.alerts.behaviours import add_event_details, highest_behaviours, select_test_days
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AuditResult, Evaluation
from itd_lightning.contracts.run_files import (
    AUDIT_FILE,
    EMBEDDING_FILE,
    EVALUATION_FILE,
    EXPLANATION_FILE,
    METRIC_FILE,
    SCORE_FILE,
    TEST_CONFIG,
)
from itd_lightning.evaluation.alarm_days import has_answer_key
from itd_lightning.evaluation.score_table import BEHAVIOUR, ScoreTable, select_test_units
from itd_lightning.report.parts.curves import Curves, day_curves, unit_curves
from itd_lightning.runs.folder import read_audits, read_evaluation, read_losses, read_settings, read_table
from itd_lightning.scores.table import About, scan_scores
from itd_lightning.store.read import Store

_NO_STORE = "the event store is not at hand, so it is not known which units are malicious"
_FIRST = 20  # behaviours to look at first


class _Truth(NamedTuple):
    """Labels and curves of a run's test part, by the answer key.

    Attributes:
        labelled_units: Units of the timelines, with ``malicious`` and ``scenario``; None without a key.
        curves: Precision over recall of the units.
        day_curves: The same of the user-days.
        behaviours: The behaviours to look at first, labelled; None for other units.
        reason: Why there are no labels.
    """

    labelled_units: pl.DataFrame | None
    curves: Curves
    day_curves: Curves
    behaviours: pl.DataFrame | None
    reason: str = ""


_UNKNOWN = _Truth(None, Curves({}), Curves({}), None)


class Run(NamedTuple):
    """A run that was tested, and evaluated where there is an answer key.

    Attributes:
        name: Unique on the page.
        folder: Where it lies.
        about: What made the scores.
        evaluation: The numbers; empty where there is no answer key.
        rows: The score table, which may be longer than memory.
        days: Test user-days, each as its highest unit.
        test_units: Test units with their scores, by user and start; of behaviours the user-days instead.
        behaviours: The behaviours to look at first, as the store tells them; None for other units.
        truth: What the answer key says.
        audits: Empty where none was run.
        explanations: One row a cell of the highest scores, or None.
        losses: One row an epoch, or None.
        embeddings: Some test behaviours and landmarks with their ``vector``, labelled; None without any.
        store: What the store says of itself; empty where it is not at hand.
        settings: Of the view that was scored; empty where they are not at hand.
    """

    name: str
    folder: Path
    about: About
    evaluation: Evaluation
    rows: pl.LazyFrame
    days: pl.DataFrame
    test_units: pl.DataFrame
    behaviours: pl.DataFrame | None
    truth: _Truth
    audits: list[AuditResult]
    explanations: pl.DataFrame | None
    losses: pl.DataFrame | None
    embeddings: pl.DataFrame | None
    store: dict[str, Any]
    settings: dict[str, object]

    @property
    def is_evaluated(self) -> bool:
        """Return whether there are numbers."""
        return len(self.evaluation) > 0


def read_runs(folders: list[Path]) -> list[Run]:
    """Read several runs; folders of one name are told apart by their paths.

    Raises:
        InputError: If there is none, or one lacks its scores or its evaluation.
    """
    if not folders:
        raise InputError("no run was given; name at least one folder of a run that was tested")
    names = Counter(folder.resolve().name for folder in folders)
    return [
        _read_run(folder, folder.resolve().name if names[folder.resolve().name] == 1 else str(folder))
        for folder in folders
    ]


def _read_run(folder: Path, name: str) -> Run:
    """Read one run.

    Raises:
        InputError: If it lacks its scores or its evaluation.
    """
    rows, about = scan_scores(folder / SCORE_FILE)
    store = _read_manifest(Path(about.store))
    evaluation = _read_evaluation(folder, Path(about.store))
    days = select_test_days(rows)
    behaviours = (
        add_event_details(highest_behaviours(rows, _FIRST), Path(about.store))
        if about.grain == BEHAVIOUR
        else None
    )
    test_units = days if behaviours is not None else select_test_units(rows.collect()).sort("user", "start")
    return Run(
        name=name,
        folder=folder,
        about=about,
        evaluation=evaluation,
        rows=rows,
        days=days,
        test_units=test_units,
        behaviours=behaviours,
        truth=_read_truth(folder / SCORE_FILE, evaluation, days, test_units, behaviours)
        if store and len(evaluation)
        else _UNKNOWN._replace(reason="" if store else _NO_STORE),
        audits=read_audits(folder / AUDIT_FILE),
        explanations=read_table(folder / EXPLANATION_FILE),
        losses=read_losses(folder / METRIC_FILE),
        embeddings=_labelled_embeddings(folder, evaluation),
        store=store,
        settings=read_settings(folder / TEST_CONFIG),
    )


def _read_evaluation(folder: Path, store: Path) -> Evaluation:
    """Return the numbers of a run; none where nothing can tell them, since there is no answer key.

    Raises:
        InputError: If there is a key, and the run was not evaluated; or its numbers are damaged.
    """
    if not (folder / EVALUATION_FILE).is_file() and not has_answer_key(store):
        return cast("Evaluation", {})
    return read_evaluation(folder)


def _read_truth(
    scores: Path,
    evaluation: Evaluation,
    days: pl.DataFrame,
    test_units: pl.DataFrame,
    behaviours: pl.DataFrame | None,
) -> _Truth:
    """Return labels and curves as the evaluation has them, or the reason why there are none."""
    try:
        table = ScoreTable(scores, labels=evaluation["protocol"].get("labels"))
    except InputError as error:
        return _UNKNOWN._replace(reason=str(error))
    return _Truth(
        labelled_units=table.label(table.without_true_campaigns(test_units), table.policy),
        curves=unit_curves(table),
        day_curves=day_curves(table.label(table.without_true_campaigns(days), table.policy)),
        behaviours=None if behaviours is None else table.label(behaviours, table.policy),
    )


def _labelled_embeddings(folder: Path, evaluation: Evaluation) -> pl.DataFrame | None:
    """Return the embeddings of a run with ``malicious``, null where unknown; None without any."""
    table = read_table(folder / EMBEDDING_FILE)
    if table is None:
        return None
    if not len(evaluation):
        return table.with_columns(malicious=pl.lit(None, pl.Boolean))
    try:
        scores = ScoreTable(folder / SCORE_FILE, labels=evaluation["protocol"].get("labels"))
    except InputError:
        return table.with_columns(malicious=pl.lit(None, pl.Boolean))
    return scores.label(table, scores.policy)


def _read_manifest(store: Path) -> dict[str, Any]:
    """Return the manifest of a store; empty where it is not at hand."""
    try:
        return Store(store).manifest
    except InputError:
        return {}
