"""The small files of a run's folder, each read once and checked."""

from pathlib import Path
from typing import cast

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import read_json
from itd_lightning.contracts.results import SCHEMA, AuditResult, Evaluation, Numbers
from itd_lightning.contracts.run_files import EVALUATION_FILE, SCORE_FILE, TEST_COMMAND
from itd_lightning.contracts.yaml_files import read_yaml


def read_evaluation(folder: Path) -> Evaluation:
    """Read ``evaluation.json``.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    path, remedy = folder / EVALUATION_FILE, TEST_COMMAND
    if not path.is_file():
        raise InputError(f"no evaluation at {path}; write it with `{remedy}`, on a store with an answer key")
    content = read_json(path)
    if missing := {"pr_auc", "protocol", "intervals"} - content.keys():
        raise InputError(
            f"{path} lacks {', '.join(sorted(missing))}; delete it and write it again with `{remedy}`"
        )
    if (schema := content.get("schema", 0)) not in (0, SCHEMA):
        raise InputError(
            f"{path} has schema {schema}, this program reads {SCHEMA}; write it again with `{remedy}`"
        )
    return cast("Evaluation", content)


def read_settings(path: Path) -> dict[str, object]:
    """Return the view's settings from the config that scored a run; empty without a readable one."""
    try:
        config = read_yaml(path)
    except (InputError, OSError):
        return {}
    data = config.get("data") if isinstance(config, dict) else None
    settings = data.get("init_args") if isinstance(data, dict) else None
    return settings if isinstance(settings, dict) else {}


def read_audits(path: Path) -> list[AuditResult]:
    """Read ``audit.json``; without one, no audit was run."""
    if not path.is_file():
        return []
    try:
        return [_audit_result(entry) for entry in read_json(path)["audits"]]
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no list of audits; write it again with `itd audit {path.parent}`"
        ) from error


def _audit_result(entry: Numbers) -> AuditResult:
    """Return one entry of ``audit.json``; JSON has no tuples, and fields may be absent."""
    result = AuditResult(*(entry.get(field) for field in AuditResult._fields))  # type: ignore[arg-type]
    return result._replace(interval=result.interval and (result.interval[0], result.interval[1]))


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
        raise InputError(f"{path} is damaged; delete it and write it again with `itd test`") from error
    return None if table.is_empty() else table


def read_losses(path: Path) -> pl.DataFrame | None:
    """Return the losses by epoch from the log of a fit, in which each line holds some of the values only."""
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
    names = [name for name in kinds if losses[name].count()]
    if stage and losses["stage"].count():
        losses, names = losses.with_columns(pl.col("stage").forward_fill().backward_fill()), [*names, "stage"]
    return losses.select("epoch", *names) if names != ["stage"] and names else None


def score_file(path: Path) -> Path:
    """Return the score table of a run's folder; a path that is no folder is returned as it is."""
    return path / SCORE_FILE if path.is_dir() else path
