"""Results of a run as panels of its W&B dashboard, where users are numbers."""

import os
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from itd_lightning.alerts.lists import ranked_days
from itd_lightning.callbacks import TrackedRun
from itd_lightning.callbacks.wandb_run import PRIVATE, PROJECT, wandb_mode
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import read_json
from itd_lightning.contracts.parts import VAL
from itd_lightning.contracts.results import Numbers
from itd_lightning.contracts.run_files import AUDIT_FILE, SCORE_FILE
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.report.parts.curves import Curve, day_curves
from itd_lightning.report.parts.template import template
from itd_lightning.runs.folder import read_evaluation
from itd_lightning.scores.pool import user_days

BINS, ALERTS, CORNERS = 64, 100, 200
_HEADS = {
    "evaluation": ["units", "measure", "value", "low", "high"],
    "alerts": ["rank", "person", "day", "score", "malicious"],
    "audits": ["audit", "number", "answer"],
}
_MEASURES = ("pr_auc", "roc_auc", "precision", "recall", "f1", "fpr", "base_rate")


class _Panels(NamedTuple):
    """A run's dashboard, without anything that names a person or a place.

    Attributes:
        evaluation: Units, scenario, measure, value and its interval.
        curves: By part, precision over recall of user-days.
        histogram: Counts of scores of user-days by ``harmless`` and ``malicious``, and the edges of the bins.
        alerts: The highest test user-days: rank, number of the person, day, score, whether malicious.
        audits: Name, number and answer of each.
        summary: Single numbers.
    """

    evaluation: list[tuple[str, str, float, float | None, float | None]]
    curves: dict[str, Curve]
    histogram: dict[str, tuple[Int[np.ndarray, " b"], Float[np.ndarray, " e"]]]
    alerts: list[tuple[int, str, str, float, bool]]
    audits: list[tuple[str, float | None, str]]
    summary: dict[str, float]


def panels(folder: Path) -> _Panels:
    """Return the panels of a run's folder.

    Args:
        folder: Of a run that was tested on a store with an answer key.

    Raises:
        InputError: If scores or evaluation are missing.
    """
    evaluation, table = read_evaluation(folder), ScoreTable(folder / SCORE_FILE)
    days = table.label(user_days(table.user_chunks()), table.policy)
    test = days.filter(pl.col("part") != VAL)
    parts = {"validation": days.filter(part=VAL), "test": test}
    curves = {name: day_curves(part).by_scenario.get(None) for name, part in parts.items() if len(part)}
    audits = read_json(folder / AUDIT_FILE)["audits"] if (folder / AUDIT_FILE).is_file() else []
    answers = {True: "passed", False: "failed", None: "open"}
    numbers: Numbers = evaluation
    return _Panels(
        evaluation=_measures("all", evaluation)
        + [
            row
            for name, part in evaluation["scenarios"].items()
            for row in _measures(f"scenario {name}", part)
        ],
        curves={name: curve for name, curve in curves.items() if curve is not None},
        histogram=_histograms(test),
        alerts=_top_alerts(test),
        audits=[(entry["name"], entry["number"], answers[entry["passed"]]) for entry in audits],
        summary={f"test/{name}": numbers[name] for name in _MEASURES if numbers.get(name) is not None},
    )


def _measures(units: str, evaluation: Numbers) -> list[tuple[str, str, float, float | None, float | None]]:
    """Return one row for each measure that is defined, with its interval."""
    spans = evaluation["intervals"]
    return [
        (units, name, evaluation[name], *(spans.get(name) or (None, None)))
        for name in _MEASURES
        if evaluation.get(name) is not None
    ]


def _histograms(days: pl.DataFrame) -> dict[str, tuple[Int[np.ndarray, " b"], Float[np.ndarray, " e"]]]:
    """Return counts of the scores of harmless and malicious user-days in common bins."""
    edges = np.histogram_bin_edges(days["score"].to_numpy(), BINS)
    kinds = {"harmless": days.filter(~pl.col("malicious")), "malicious": days.filter("malicious")}
    return {name: np.histogram(part["score"].to_numpy(), edges) for name, part in kinds.items()}


def _top_alerts(days: pl.DataFrame) -> list[tuple[int, str, str, float, bool]]:
    """Return the highest user-days; people are numbered in the order in which they appear."""
    labels = days.select("user", "malicious", day=pl.col("start").dt.date())
    top = ranked_days(days, ALERTS).join(labels, on=["user", "day"], maintain_order="left")
    numbers = {user: str(place) for place, user in enumerate(top["user"].unique(maintain_order=True), 1)}
    return [
        (row["rank"], numbers[row["user"]], str(row["day"]), row["score"], row["malicious"])
        for row in top.iter_rows(named=True)
    ]


def publish(folder: Path, fit_run: TrackedRun) -> None:
    """Add the panels to the W&B run that tracked the fit.

    Args:
        folder: Of a run that was tested.
        fit_run: Where to send them, which the user must have said; see ``choose_destination``.

    Raises:
        InputError: If the run was not evaluated, or wandb is not installed.
    """
    content = panels(folder)
    try:
        import wandb
    except ImportError as error:
        raise InputError("W&B needs the extra: pip install 'itd-lightning[wandb]'") from error
    mode = wandb_mode(offline=fit_run.offline)
    run = wandb.init(
        project=fit_run.project,
        entity=fit_run.entity,
        id=fit_run.id,
        resume="allow" if mode == "online" else None,
        mode=mode,
        settings=PRIVATE,
    )
    with run:
        for name, curve in content.curves.items():
            recall, precision = f"{name} curve/recall", f"{name} curve/precision"
            run.define_metric(precision, step_metric=recall)
            for x, y in _corners(curve):
                run.log({recall: x, precision: y})
        # Tables of wandb are artifacts, whose records hold the path of this machine's staging folder.
        tables = {f"test/{name}": wandb.Html(_page(name, content), inject=False) for name in _HEADS}
        scores = {
            f"test/scores of {name} days": wandb.Histogram(np_histogram=counts)
            for name, counts in content.histogram.items()
        }
        run.log({**tables, **scores, **content.summary})


def choose_destination(fit_run: TrackedRun, project: str | None, entity: str | None) -> TrackedRun:
    """Return the user's own destination of panels: the options, else the environment, else the account.

    Args:
        fit_run: Where the checkpoint says that its fit went; never followed, as it may be a stranger's.
        project: Given by the user.
        entity: Given by the user.

    Raises:
        InputError: If the fit went elsewhere, so that the user must name the place.
    """
    project = project or os.environ.get("WANDB_PROJECT") or PROJECT
    entity = entity or os.environ.get("WANDB_ENTITY") or None
    if fit_run.project != project or fit_run.entity not in (None, entity):
        entity_option = "" if fit_run.entity is None else f" --entity {quote(fit_run.entity)}"
        raise InputError(
            f"the checkpoint says that its run was tracked elsewhere: if that place is yours, add "
            f"--project {quote(fit_run.project)}{entity_option}"
        )
    return fit_run._replace(project=project, entity=entity)


def _corners(curve: Curve) -> list[list[float]]:
    """Return recall and precision of some corners of a curve, the first and the last among them."""
    indices = np.unique(np.linspace(0, len(curve.recall) - 1, min(CORNERS, len(curve.recall))).astype(int))
    points: list[list[float]] = np.stack([curve.recall[indices], curve.precision[indices]], axis=1).tolist()
    return points


def _page(name: str, content: _Panels) -> str:
    """Return one of the tables as a page of its own."""
    return template("panel.html").render(heads=_HEADS[name], rows=getattr(content, name))
