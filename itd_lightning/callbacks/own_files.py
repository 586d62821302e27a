"""Tells a run's own files, by name and content, from other people's: only its own are replaced or removed."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer

from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.callbacks.run_log import RunLog
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.pictures import PICTURES
from itd_lightning.contracts.run_files import (
    AUDIT_FILE,
    BEST_CHECKPOINT,
    CHECKPOINTS,
    COST_FILE,
    EMBEDDING_FILE,
    EVALUATION_FILE,
    EXPLANATION_FILE,
    FIT_CONFIG,
    HPARAMS_FILE,
    LAST_CHECKPOINT,
    METRIC_FILE,
    SCORE_FILE,
    TEST_CONFIG,
    THRESHOLD_FILE,
)
from itd_lightning.scores.table import METADATA

CONFIG_KEY = "itd_config"  # of a checkpoint
_PROBE = "probe.json"  # marks the folder that the future probe works in, as its first file
_PROBE_MARK = {METADATA: "future probe"}


def _has_metadata(path: Path) -> bool:
    """Return whether a Parquet file has a score table's metadata."""
    return METADATA in pl.read_parquet_metadata(path)


def _has_columns(*names: str) -> Callable[[Path], bool]:
    """Return a test of whether a Parquet file has these columns."""
    return lambda path: set(names) <= set(pl.read_parquet_schema(path))


def _has_keys(*keys: str) -> Callable[[Path], bool]:
    """Return a test of whether a JSON or YAML file is a mapping with these keys."""

    def fits(path: Path) -> bool:
        text = path.read_text("utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        return isinstance(content, dict) and set(keys) <= content.keys()

    return fits


def _is_config(path: Path) -> bool:
    """Return whether a YAML file is the config of a run: its data are a view of a store, with a split."""
    content = yaml.safe_load(path.read_text("utf-8"))
    return "model" in content and {"store", "split"} <= content["data"]["init_args"].keys()


def _is_beside_config(path: Path) -> bool:
    """Return whether a file lies beside the config of a fit: any project of Lightning writes such files."""
    return is_own(path.with_name(FIT_CONFIG))


def _is_checkpoint(path: Path) -> bool:
    """Return whether a checkpoint carries a config of this program."""
    return CONFIG_KEY in load_checkpoint(path)


_CONTENT: dict[str, Callable[[Path], bool]] = {
    SCORE_FILE: _has_metadata,
    EXPLANATION_FILE: _has_columns("feature", "expected", "part", "user"),
    EMBEDDING_FILE: _has_columns("user", "part", "vector"),
    EVALUATION_FILE: _has_keys("protocol", "pr_auc"),
    AUDIT_FILE: _has_keys("audits"),
    THRESHOLD_FILE: _has_keys("kind", "threshold", "checkpoint"),
    TEST_CONFIG: _is_config,
    FIT_CONFIG: _is_config,
    HPARAMS_FILE: _is_beside_config,
    METRIC_FILE: _is_beside_config,
    COST_FILE: _is_beside_config,
    **{name: _has_columns(*columns) for name, columns in PICTURES.items()},
}
_READ_ERRORS = (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError)  # of any bytes
_MEASUREMENTS = (EVALUATION_FILE, AUDIT_FILE, THRESHOLD_FILE)
_SCORES = (SCORE_FILE, TEST_CONFIG, EXPLANATION_FILE, EMBEDDING_FILE, *PICTURES)
RESULTS = (*_MEASUREMENTS, *_SCORES)  # measurements are removed first: never do they lie beside other scores
_FIT_FILES = (
    HPARAMS_FILE,
    METRIC_FILE,
    COST_FILE,
    FIT_CONFIG,
)  # by a fit; the config last, since it tells that the others are ours


def is_own(path: Path) -> bool:
    """Return whether a file has a name and a content that this program writes."""
    fits = _is_checkpoint if path.suffix == ".ckpt" else _CONTENT.get(path.name)
    try:
        return fits is not None and path.is_file() and fits(path)
    except (*_READ_ERRORS, yaml.YAMLError, pl.exceptions.PolarsError):
        return False


def _remove_own(folder: Path, names: tuple[str, ...]) -> None:
    """Remove those of the files with these names that are the program's own."""
    for name in names:
        if is_own(folder / name):
            (folder / name).unlink()


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder in which nothing is left."""
    with suppress(OSError):
        folder.rmdir()


def remove_results(folder: Path) -> None:
    """Remove a run's scores and the measurements on them, with the runs of its audits."""
    _remove_own(folder, RESULTS)
    if (audit := folder / "audit").is_dir() and not audit.is_symlink():
        _remove_run(audit / "null")
        _remove_probe(audit / "future")
        _remove_if_empty(audit)


def _remove_run(folder: Path) -> None:
    """Remove a run's own files, and its folder if nothing else is in it."""
    checkpoints = folder / CHECKPOINTS
    if folder.is_symlink() or checkpoints.is_symlink():
        return
    _remove_own(folder, (*RESULTS, *_FIT_FILES))
    _remove_own(checkpoints, tuple(path.name for path in checkpoints.glob("*.ckpt")))
    _remove_if_empty(checkpoints)
    _remove_if_empty(folder)


def _remove_probe(folder: Path) -> None:
    """Remove the folder of a future probe that was killed; it alone wrote there."""
    try:
        is_probe = json.loads((folder / _PROBE).read_text("utf-8")) == _PROBE_MARK
    except (OSError, ValueError):
        return
    if is_probe:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def probe_folder(folder: Path) -> Iterator[None]:
    """Make a marked folder for the future probe, and remove it at the end.

    Raises:
        InputError: If somebody else's folder lies there.
    """
    _remove_probe(folder)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise InputError(
            f"{folder} is not of this program; move it away: the future probe works there"
        ) from error
    try:
        (folder / _PROBE).write_text(json.dumps(_PROBE_MARK), "utf-8")
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_if_empty(folder.parent)  # the null attack keeps its run there


def refuse_foreign_files(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse to overwrite somebody else's file.

    Raises:
        InputError: If one would.
    """
    for name in names:
        path = folder / name
        if path.exists() and not is_own(path):
            raise InputError(
                f"{path} is damaged, or not of this program, and would be overwritten: move it away, or name "
                "another folder with --trainer.default_root_dir"
            )


class StaleFiles(Callback):
    """Remove the files of an earlier fit once this one trains; refuse to overwrite other people's files.

    The results of an earlier test are removed in ``ScoreWriter``, when the new scores are written.
    """

    def __init__(self) -> None:
        self.has_started = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a folder in which the fit would overwrite somebody's file."""
        checkpoints = tuple(f"{CHECKPOINTS}/{name}" for name in (BEST_CHECKPOINT, LAST_CHECKPOINT))
        refuse_foreign_files(Path(trainer.default_root_dir), (*_FIT_FILES, *checkpoints))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove an earlier fit's results at the first epoch: a fit with nothing left to train keeps them."""
        if self.has_started:
            return
        self.has_started = True
        if trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]  # set by a connector
            folder = Path(trainer.default_root_dir)
            remove_results(folder)
            _remove_own(folder, (METRIC_FILE,))
            for logger in trainer.loggers:
                if isinstance(logger, RunLog):
                    logger.begin()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a folder in which the scores, or what is measured on them, would replace somebody's file."""
        refuse_foreign_files(Path(trainer.default_root_dir), (*_SCORES, EVALUATION_FILE, THRESHOLD_FILE))

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a folder in which the scores would replace somebody's file."""
        refuse_foreign_files(Path(trainer.default_root_dir), _SCORES)
