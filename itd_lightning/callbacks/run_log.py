"""The run's own log of losses, which the report reads."""

from typing import Any

from lightning.fabric.loggers.csv_logs import _ExperimentWriter
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter


class _Writer(ExperimentWriter):
    """A writer that leaves the losses of an earlier run in place; Lightning's deletes them at once."""

    def _check_log_dir_exists(self) -> None:
        """Remove nothing."""


class RunLog(CSVLogger):
    """Write ``metrics.csv`` and ``hparams.yaml`` into the run's folder, and touch neither before training.

    Lightning makes a logger's writer before it is known that anything will be trained.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(folder, name="", version="")
        self.hyperparams: Any = None

    @property
    @rank_zero_experiment
    def experiment(self) -> _ExperimentWriter:
        """Return the writer, made on first use."""
        if self._experiment is None:
            self._experiment = _Writer(self.log_dir)
        return self._experiment

    def log_hyperparams(self, params: Any = None) -> None:  # noqa: ANN401  # as Lightning has it
        """Remember the hyper-parameters."""
        self.hyperparams = params

    def begin(self) -> None:
        """Write the hyper-parameters, when the files of an earlier run are gone."""
        super().log_hyperparams(self.hyperparams)
