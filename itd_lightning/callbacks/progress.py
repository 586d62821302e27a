"""The progress bar of a training: one line on a terminal, nothing in a log file."""

import sys
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm


class QuietProgressBar(TQDMProgressBar):
    """One bar that is overwritten epoch by epoch; nothing where standard error is not a terminal."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=10)
        if not sys.stderr.isatty():
            self.disable()

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the metrics of the bar without the version number, which is always empty here."""
        return {
            name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"
        }

    def init_validation_tqdm(self) -> Tqdm:
        """Show no second bar for validation."""
        return Tqdm(disable=True)
