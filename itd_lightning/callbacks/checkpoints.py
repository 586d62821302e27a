"""Checkpoints that survive a kill at any moment, and that load without running code."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from itd_lightning.contracts.errors import InputError, is_full_disk
from itd_lightning.contracts.files import atomic_file, name_full_disk
from itd_lightning.contracts.run_files import BEST_CHECKPOINT, CHECKPOINTS, LAST_CHECKPOINT
from itd_lightning.methods import Method


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint beside its final name, flush it to disk, and move it into place.

    Lightning's own transaction writes to the system's temporary folder and copies from there if that is
    another file system; a kill during the copy leaves a torn file where the last good checkpoint was.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Save tensors and plain types, atomically."""
        target = Path(path)
        with atomic_file(target) as partial, partial.open("wb") as file:
            torch.save(checkpoint, file)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name, too, must survive a power cut
        finally:
            os.close(folder)

    def load_checkpoint(self, path: str | Path, *args: object, **kwargs: object) -> dict[str, Any]:
        """Load a checkpoint, never running code from it."""
        return load_checkpoint(Path(path))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint of tensors and plain types.

    Raises:
        InputError: If there is none, it is damaged, or it holds anything that would need code to load.
    """
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}; train one with `itd fit`")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = (str(error).splitlines() or ["the file is empty"])[0]
        raise InputError(f"{path} cannot be loaded as weights: {reason}") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise InputError(f"{path} is no checkpoint of this program")
    return checkpoint


def _is_gradient_free(method: LightningModule) -> bool:
    """Return whether this is a method without gradients."""
    return isinstance(method, Method) and method.optimizer is None


class Checkpoints(ModelCheckpoint):
    """Keep ``best.ckpt`` and ``last.ckpt`` in the run's folder ``checkpoints``, written at epoch ends.

    A method without optimizer has nothing to choose from: both are written when it has been fitted.

    Args:
        monitor: Logged quantity whose smallest value is best.

    Raises:
        InputError: If it is measured on validation units and the split has none.
    """

    def __init__(self, monitor: str = "val/loss") -> None:
        super().__init__(
            monitor=monitor,
            mode="min",
            filename="best",
            save_last=False,  # Lightning would write the last epoch only where it is the best so far
            enable_version_counter=False,
            # Lightning's default is the end of validation, from where a resumed run repeats the epoch's end.
            save_on_train_epoch_end=True,
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the folder of the checkpoints."""
        self.dirpath = str(Path(trainer.default_root_dir) / CHECKPOINTS)
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a validation quantity where the split has no validation units."""
        monitors = [str(getattr(callback, "monitor", "")) for callback in trainer.callbacks]  # type: ignore[attr-defined]
        missing = [name for name in monitors if name.startswith("val/")]
        if not _is_gradient_free(pl_module) and missing and not sum(trainer.num_val_batches):
            raise InputError(
                f"the split has no validation units, so there is no {missing[0]}: monitor train/loss "
                "(--checkpoint.monitor, --trainer.callbacks.monitor) or give the split a validation part"
            )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the best epoch, and the last one whether it is the best or not."""
        super().on_train_epoch_end(trainer, pl_module)
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]  # set by a connector
            self.last_model_path = str(Path(self.dirpath or "") / LAST_CHECKPOINT)
            trainer.save_checkpoint(self.last_model_path)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write both checkpoints of a method without optimizer steps, which ModelCheckpoint leaves out."""
        super().on_train_end(trainer, pl_module)
        if _is_gradient_free(pl_module) and not trainer.fast_dev_run:  # type: ignore[attr-defined]  # set by a connector
            for name in ("best", "last"):
                trainer.save_checkpoint(Path(self.dirpath or "") / f"{name}.ckpt")
            self.best_model_path = str(Path(self.dirpath or "") / BEST_CHECKPOINT)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Name the run's folder in the error of a full disk, which a logger, for one, does not."""
        super().on_exception(trainer, pl_module, exception)
        if isinstance(exception, Exception) and is_full_disk(exception):
            with name_full_disk(Path(trainer.default_root_dir)):
                raise exception

    def reset_best(self) -> None:
        """Drop the best epoch so far: later losses are not comparable with it."""
        self.best_k_models = {}
        self.best_model_path = self.kth_best_model_path = ""
        self.best_model_score = self.current_score = None
        self.kth_value = torch.tensor(torch.inf)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best epoch of the run, with paths in its present folder."""
        folder = Path(self.dirpath or "")
        best = {str(folder / Path(path).name): score for path, score in state_dict["best_k_models"].items()}
        paths = {
            name: str(folder / Path(state_dict[name]).name) if state_dict[name] else ""
            for name in ("best_model_path", "last_model_path", "kth_best_model_path")
        }
        super().load_state_dict({**state_dict, **paths, "dirpath": self.dirpath, "best_k_models": best})
