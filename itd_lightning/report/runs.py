"""What a run's folder holds, read once and checked."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.pieces import scan_scores
from itd_lightning.evaluation.score_table import BEHAVIOUR, ScoreTable, of_test
from itd_lightning.events.store import Store
from itd_lightning.report.behaviours import highest, told, user_days
from itd_lightning.report.curves import Curves, day_curves, unit_curves
from itd_lightning.scores.table import About

NO_STORE = "the event store is not at hand, so it is not known which units are malicious"
FIRST = 20  # behaviours to look at first
Evaluation = dict[str, Any]  # evaluation.json, as ``evaluation.evaluate`` writes it


class Audit(NamedTuple):
    """One question about a result, and its answer.

    Attributes:
        name: What was asked.
        number: What was measured.
        interval: Its 95 % interval.
        reference: What a sound result would give.
        passed: Whether it passed; None where that is open.
        verdict: One sentence.
    """

    name: str
    number: float | None
    interval: list[float] | None
    reference: float | None
    passed: bool | None
    verdict: str


class Truth(NamedTuple):
    """What the answer key says of a run's test part.

    Attributes:
        labelled: What the timelines draw, with ``malicious`` and ``scenario``; None where there is no key.
        curves: Precision over recall of the units.
        day_curves: The same of the user-days.
        behaviours: The behaviours to look at first, labelled; None for other units.
        missing: Why there are no labels.
    """

    labelled: pl.DataFrame | None
    curves: Curves
    day_curves: Curves
    behaviours: pl.DataFrame | None
    missing: str = ""


UNKNOWN = Truth(None, Curves({}), Curves({}), None, NO_STORE)


class Run(NamedTuple):
    """A run that was tested and evaluated.

    Attributes:
        name: Unique on the page.
        about: What made the scores.
        evaluation: The numbers.
        rows: The score table, which may be longer than memory.
        days: Test user-days, each as its highest unit.
        tested: Test units with their scores, by user and start; of behaviours the user-days instead.
        behaviours: The behaviours to look at first, as the store tells them; None for other units.
        truth: What the answer key says.
        audits: Empty where none was run.
        explanations: One row a cell of the highest scores, or None.
        losses: One row an epoch, or None.
        store: What the store says of itself; empty where it is not at hand.
    """

    name: str
    about: About
    evaluation: Evaluation
    rows: pl.LazyFrame
    days: pl.DataFrame
    tested: pl.DataFrame
    behaviours: pl.DataFrame | None
    truth: Truth
    audits: list[Audit]
    explanations: pl.DataFrame | None
    losses: pl.DataFrame | None
    store: dict[str, Any]


def read_runs(folders: list[Path]) -> list[Run]:
    """Read several runs; folders of one name are told apart by their paths.

    Raises:
        InputError: If there is none, or one lacks its scores or its evaluation.
    """
    if not folders:
        raise InputError("no run was given; name at least one folder of a run that was tested")
    names = Counter(folder.resolve().name for folder in folders)
    return [
        read_run(folder, folder.resolve().name if names[folder.resolve().name] == 1 else str(folder))
        for folder in folders
    ]


def read_run(folder: Path, name: str) -> Run:
    """Read one run.

    Raises:
        InputError: If it lacks its scores or its evaluation.
    """
    rows, about = scan_scores(folder / "scores.parquet")
    evaluation, store = read_evaluation(folder), read_manifest(Path(about.store))
    days = user_days(rows)
    first = told(highest(rows, FIRST), Path(about.store)) if about.grain == BEHAVIOUR else None
    tested = days if first is not None else of_test(rows.collect()).sort("user", "start")
    return Run(
        name=name,
        about=about,
        evaluation=evaluation,
        rows=rows,
        days=days,
        tested=tested,
        behaviours=first,
        truth=read_truth(folder / "scores.parquet", evaluation, days, tested, first) if store else UNKNOWN,
        audits=read_audits(folder / "audit.json"),
        explanations=read_table(folder / "explanations.parquet"),
        losses=read_losses(folder / "metrics.csv"),
        store=store,
    )


def read_evaluation(folder: Path) -> Evaluation:
    """Read ``evaluation.json``.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    path, remedy = folder / "evaluation.json", "itd test --ckpt_path RUN/checkpoints/best.ckpt"
    if not path.is_file():
        raise InputError(f"no evaluation at {path}; write it with `{remedy}`, on a store with an answer key")
    content = read_json(path)
    if missing := {"pr_auc", "protocol", "intervals"} - content.keys():
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}; write it again with `{remedy}`")
    return content


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: If it is none.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}; write it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object; write it again")
    return content


def read_truth(
    scores: Path,
    evaluation: Evaluation,
    days: pl.DataFrame,
    tested: pl.DataFrame,
    behaviours: pl.DataFrame | None,
) -> Truth:
    """Label as the evaluation did, or say why that cannot be done."""
    try:
        table = ScoreTable(scores, labels=evaluation["protocol"].get("labels"))
    except InputError as error:
        return UNKNOWN._replace(missing=str(error))
    return Truth(
        labelled=table.label(table.without_true_campaigns(tested), table.policy),
        curves=unit_curves(table),
        day_curves=day_curves(table.label(table.without_true_campaigns(days), table.policy)),
        behaviours=None if behaviours is None else table.label(behaviours, table.policy),
    )


def read_audits(path: Path) -> list[Audit]:
    """Read ``audit.json``; without one, no audit was run."""
    if not path.is_file():
        return []
    try:
        return [Audit(*(entry.get(field) for field in Audit._fields)) for entry in read_json(path)["audits"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no list of audits; write it again with `itd audit {path.parent}`"
        ) from error


def read_table(path: Path) -> pl.DataFrame | None:
    """Read a Parquet file that may be absent; an empty one counts as absent.

    Raises:
        InputError: If it is damaged.
    """
    if not path.is_file():
        return None
    try:
        table = pl.read_parquet(path, glob=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path} is damaged; write it again with `itd test`") from error
    return None if table.is_empty() else table


def read_losses(path: Path) -> pl.DataFrame | None:
    """Losses by epoch from the logger's file, where a line holds only what was logged together."""
    if not path.is_file():
        return None
    try:
        lines = pl.read_csv(path, infer_schema_length=None, glob=False)
    except pl.exceptions.PolarsError:
        return None  # an empty file: nothing was logged
    kinds = [name for name in ("train/loss", "val/loss") if name in lines]
    if not kinds or "epoch" not in lines:
        return None
    # Where one line says "nan" the whole column is read as text.
    numbers = lines.with_columns(pl.col(kinds).cast(pl.Float64, strict=False))
    finite = [pl.when(pl.col(name).is_finite()).then(pl.col(name)).mean() for name in kinds]
    stage = [pl.col("stage").cast(pl.Float64, strict=False).max().cast(pl.Int64)] if "stage" in lines else []
    losses = numbers.group_by("epoch").agg(*finite, *stage).drop_nulls("epoch").sort("epoch")
    known = [name for name in kinds if losses[name].count()]
    if stage and losses["stage"].count():
        losses, known = losses.with_columns(pl.col("stage").forward_fill().backward_fill()), [*known, "stage"]
    return losses.select("epoch", *known) if known != ["stage"] and known else None


def read_manifest(store: Path) -> dict[str, Any]:
    """What a store says of itself; empty where it is not at hand."""
    try:
        return Store(store).manifest
    except InputError:
        return {}
