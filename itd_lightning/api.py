"""The calls of ``import itd_lightning``: the commands of ``itd`` as functions that return what they made.

Each imports what it needs when it is called. ``itd alerts`` is ``list_alerts`` and ``itd report`` is
``write_report``, since the packages ``alerts`` and ``report`` have those names.
"""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from itd_lightning.contracts.run_files import EVALUATION_FILE, best_checkpoint, predict_folder

if TYPE_CHECKING:
    from itd_lightning.contracts.labels import LabelPolicy
    from itd_lightning.contracts.results import AuditResult, Evaluation
    from itd_lightning.store.read import Store

_AnyPath = str | PathLike[str]
Settings = Mapping[str, object]  # options of the command by their names, such as {"trainer.max_epochs": 2}


def prepare(
    source: _AnyPath | Sequence[_AnyPath],
    store: _AnyPath,
    *,
    release: str = "auto",
    answers: _AnyPath | None = None,
    append: bool = False,
    preset: str | None = None,
    workers: int = 1,
) -> "Store":
    """Read a CERT release, or own logs by a mapping, into a store and return it; an unfinished build goes on.

    Args:
        source: Folder or archive of the release, several if it lies in parts; or the YAML of a mapping.
        store: Folder to make; with ``append``, the store to add to.
        release: Such as ``r4.2``; by default it is recognised.
        answers: Folder or archive of the answer key; default: where the release has it.
        append: Add to a store that is there.
        preset: Read the folders or files by this preset.
        workers: Processes that read and sort.

    Raises:
        InputError: If the source is no release, or the store exists.
    """
    from itd_lightning.contracts.errors import InputError
    from itd_lightning.ingest import build_store
    from itd_lightning.store.read import Store

    key = None if answers is None else Path(answers)
    if not (sources := _paths(source)):
        raise InputError("no source: name a release's folder or archive")
    build_store(sources, Path(store), release, answers=key, append=append, preset=preset, workers=workers)
    return Store(Path(store))


def fit(
    config: _AnyPath | Sequence[_AnyPath], store: _AnyPath, out: _AnyPath, settings: Settings | None = None
) -> Path:
    """Train a method and return the run's folder; its best checkpoint is ``checkpoints/best.ckpt``.

    Args:
        config: Config file, or several, of which the last one wins.
        store: Event store.
        out: Folder of the run.
        settings: Options of ``itd fit`` by name, such as ``{"trainer.max_epochs": 2}``.

    Raises:
        InputError: If a setting does not fit, or the training diverged.
    """
    from itd_lightning.runs.arguments import FOLDER, STORE, fit_arguments
    from itd_lightning.runs.record import run_command

    place = {STORE: fspath(store), FOLDER: fspath(out)}
    run_command(fit_arguments(_paths(config), {**place, **(settings or {})}))
    return Path(out)


def test(run: _AnyPath, settings: Settings | None = None) -> "Evaluation | None":
    """Score a run's test part and return its evaluation; None where the store has no answer key.

    Args:
        run: Folder of the run.
        settings: Options of ``itd test`` by name.

    Raises:
        InputError: If the run was not fitted, or a setting does not fit.
    """
    from itd_lightning.runs.arguments import score_arguments
    from itd_lightning.runs.folder import read_evaluation
    from itd_lightning.runs.record import run_command

    folder = Path(run)
    run_command(score_arguments("test", best_checkpoint(folder), settings or {}))
    return read_evaluation(folder) if (folder / EVALUATION_FILE).is_file() else None


def predict(
    run: _AnyPath,
    store: _AnyPath | None = None,
    out: _AnyPath | None = None,
    settings: Settings | None = None,
) -> pl.DataFrame:
    """Score every unit of a store with a run's best checkpoint and return the score table.

    Args:
        run: Folder of the run.
        store: Event store; default: the one that the run was trained on.
        out: Folder to write the scores into; default: ``predict`` in the run's folder.
        settings: Options of ``itd predict`` by name.

    Raises:
        InputError: If the run was not fitted, or a setting does not fit.
    """
    from itd_lightning.runs.arguments import FOLDER, STORE, score_arguments
    from itd_lightning.runs.record import run_command

    folder = predict_folder(Path(run)) if out is None else Path(out)
    place = {FOLDER: fspath(folder)} | ({} if store is None else {STORE: fspath(store)})
    run_command(score_arguments("predict", best_checkpoint(Path(run)), {**place, **(settings or {})}))
    return load_scores(folder)


def evaluate(
    scores: _AnyPath,
    *,
    store: _AnyPath | None = None,
    labels: "LabelPolicy | None" = None,
) -> "Evaluation":
    """Measure a score table against the answer key and return the results; nothing is written.

    Args:
        scores: Score table, or a run's folder.
        store: Event store with the key; default: the one that the scores name.
        labels: Label policy; default: that of the run's split.

    Raises:
        InputError: If there are no scores, no store or no key.
    """
    from itd_lightning.evaluation.evaluate import evaluate as measure
    from itd_lightning.runs.folder import score_file

    return measure(score_file(Path(scores)), None if store is None else Path(store), labels)


def audit(run: _AnyPath, **options: bool) -> list["AuditResult"]:
    """Ask whether a run's result could be an artefact; write ``audit.json`` and return the results.

    Args:
        run: Folder of a run that was fitted and tested.
        options: The flags of ``itd audit`` by name, such as ``null=False``.

    Raises:
        InputError: If the run lacks its scores, or an option is unknown.
    """
    from itd_lightning.runs.audit import audit_run

    return audit_run(Path(run), options)


def list_alerts(run: _AnyPath, budget: str | None = None) -> pl.DataFrame:
    """Return the user-days that an analyst should look at first, with reasons.

    Args:
        run: Folder of a run that was tested.
        budget: ``10`` for the ten highest of all, ``10/day`` for the ten highest of each day; default: those
            above the run's threshold, or the ten highest where none was chosen.

    Returns:
        ``rank``, ``user``, ``day``, ``score``, ``warm_up``, ``reasons``, ``event_ids``, ``evidence``.

    Raises:
        InputError: If the run lacks its scores.
    """
    from itd_lightning.alerts.lists import alert_days

    return alert_days(Path(run), budget)[0]


def write_report(runs: _AnyPath | Sequence[_AnyPath], out: _AnyPath, user: str = "") -> Path:
    """Write one HTML page about one or several runs and return its path.

    Args:
        runs: Folders of runs that were tested.
        out: Folder to write ``report.html`` into.
        user: Whose trajectory or signals are drawn; default: the highest scorer's.

    Raises:
        InputError: If a run lacks its scores or evaluation.
    """
    from itd_lightning.report import page

    return page.write_report(_paths(runs), Path(out), user)


def load_scores(scores: _AnyPath) -> pl.DataFrame:
    """Return a score table: ``user``, ``start``, ``end``, ``event_id``, ``score``, ``part``, ``sequence``.

    Args:
        scores: Score table, or a run's folder.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    from itd_lightning.runs.folder import score_file
    from itd_lightning.scores.table import read_scores

    return read_scores(score_file(Path(scores)))[0]


def _paths(paths: _AnyPath | Sequence[_AnyPath]) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(paths)] if isinstance(paths, str | PathLike) else [Path(path) for path in paths]
