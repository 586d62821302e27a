"""Trains a method in stages: the parts that learn in each, its learning rate and its start weights."""

import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from itd_lightning.callbacks.checkpoints import Checkpoints, load_checkpoint
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.run_files import CHECKPOINTS

_RESERVED_NAMES = ("best", "last")  # of the run's own checkpoints


@dataclass
class Stage:
    """One stage of a training.

    Attributes:
        name: The method's name for it; its best checkpoint is ``checkpoints/NAME.ckpt``.
        epochs: Most epochs.
        lr: Learning rate.
        learns: Parts of the method that learn, by dotted names; all others rest. Empty for all that can.
        patience: Epochs without improvement after which the stage ends early; None to use all.
        improves: Name of an earlier stage for which validation measures the same. If that one came right
            before, an epoch must beat its best: ``NAME.ckpt`` is a copy of its checkpoint where none does,
            and patience counts from there.
    """

    name: str
    epochs: int
    lr: float
    learns: list[str] = field(default_factory=list)
    patience: int | None = None
    improves: str = ""


@runtime_checkable
class StagedMethod(Protocol):
    """A method that trains in stages.

    Attributes:
        stage: Name of the present one.
        stages: Names of all that it knows.
    """

    stage: str
    stages: tuple[str, ...]

    def on_stage_start(self) -> None:
        """Prepare for the stage that ``stage`` names; not called where a run goes on in the middle of it."""


class StageSchedule(Callback):
    """Run the stages one after another; each starts from the best weights of the one before.

    A stage ends after its epochs, or early; then its best checkpoint is kept under its name, the optimizer
    forgets its moments, and the next stage begins. A run that goes on from ``last.ckpt`` does so within its
    stage, with the same result.

    Args:
        stages: In their order.
        monitor: Logged quantity whose smallest value is best within a stage; nothing is compared between
            stages unless it is of validation, ``val/...``, since a stage trains by a loss of its own.
        only: Names of the stages to run; empty for all. Leaving some out is an ablation.

    Raises:
        ValueError: If there is no stage, a name comes twice, is unknown or no file name, a stage improves one
            that does not come earlier, or a number is not positive.
    """

    def __init__(self, stages: list[Stage], monitor: str = "val/loss", only: Sequence[str] = ()) -> None:
        names = [stage.name for stage in stages]
        if not stages or len(set(names)) < len(names):
            raise ValueError(f"stages need different names, at least one, got {names}")
        if bad := [
            name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name) or name in _RESERVED_NAMES
        ]:
            raise ValueError(
                f"a stage is named in small letters, and not {' or '.join(_RESERVED_NAMES)}, got {bad[0]!r}"
            )
        if unknown := set(only) - set(names):
            raise ValueError(f"only names stages that there are, {', '.join(names)}; got {min(unknown)!r}")
        for place, stage in enumerate(stages):
            if stage.improves not in ("", *names[:place]):
                raise ValueError(
                    f"a stage improves an earlier one, and {stage.name} names {stage.improves!r}"
                )
        if any(
            stage.epochs < 1 or stage.lr <= 0 or (stage.patience is not None and stage.patience < 1)
            for stage in stages
        ):
            raise ValueError("epochs, lr and patience of a stage must be positive")
        stages = [stage for stage in stages if not only or stage.name in only]
        self.stages, self.monitor = stages, monitor
        self.place = self.epochs = self.waited = 0
        self.best = float("inf")
        self.learnable: set[str] = set()
        self.over = self.resumed = False

    @property
    def stage(self) -> Stage:
        """Return the present stage."""
        return self.stages[self.place]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the method's stage before the first validation."""
        self.check_stages(trainer, pl_module)
        staged_method(pl_module).stage = self.stage.name
        self.learnable = {name for name, weight in pl_module.named_parameters() if weight.requires_grad}

    def check_stages(self, trainer: Trainer, method: LightningModule) -> None:
        """Refuse a schedule that cannot be run, before it costs anything.

        Raises:
            InputError: If the method knows no such stage or part, or the Trainer would stop too early.
        """
        names = staged_method(method).stages
        weights = [name for name, _ in method.named_parameters()]
        for stage in self.stages:
            if stage.name not in names:
                raise InputError(
                    f"{type(method).__name__} has no stage {stage.name!r}, only {', '.join(names)}"
                )
            for part in stage.learns:
                if not any(name.startswith(f"{part}.") for name in weights):
                    raise InputError(f"{type(method).__name__} has no part {part!r} to learn in {stage.name}")
        needed, limit = sum(stage.epochs for stage in self.stages), trainer.max_epochs
        if limit is not None and 0 <= limit < needed and not trainer.fast_dev_run:  # type: ignore[attr-defined]  # set by a connector
            rank_zero_warn(
                f"the stages take up to {needed} epochs and --trainer.max_epochs is {limit}: the last ones "
                "may be left out"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the first stage, or go on with the present one; remove the checkpoints of an earlier run."""
        for stage in self.stages[self.place :] if trainer.is_global_zero else ():
            if not (self.over and stage is self.stage):  # else its best was kept before a kill
                self.stage_checkpoint(trainer, stage).unlink(missing_ok=True)
        self.freeze_others(pl_module)
        if not self.resumed:
            self.begin_stage(trainer, pl_module)
        elif self.over and self.place + 1 == len(self.stages):  # killed behind the last epoch, or done
            trainer.should_stop = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the next stage where the one before is over."""
        if self.over:
            self.restart_from_best(trainer, pl_module)
            self.place, self.epochs, self.waited, self.over = self.place + 1, 0, 0, False
            self.freeze_others(pl_module)
            self.begin_stage(trainer, pl_module)
        pl_module.log(
            "stage", float(self.place + 1), on_step=False, on_epoch=True, batch_size=1, sync_dist=True
        )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Decide whether the stage is over."""
        value = float(trainer.callback_metrics.get(self.monitor, -float("inf")))
        self.waited = 0 if value < self.best else self.waited + 1
        self.best = min(self.best, value)
        self.epochs += 1
        patience = self.stage.patience or self.stage.epochs
        self.over = self.epochs >= self.stage.epochs or self.waited >= patience
        if self.over and self.place + 1 == len(self.stages):
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the best of the last stage under its name too."""
        if self.over:
            self.keep_best(trainer)

    def freeze_others(self, method: LightningModule) -> None:
        """Freeze the weights that do not learn in the present stage."""
        parts = tuple(f"{part}." for part in self.stage.learns) or ("",)
        for name, weight in method.named_parameters():
            weight.requires_grad_(name in self.learnable and name.startswith(parts))

    def begin_stage(self, trainer: Trainer, method: LightningModule) -> None:
        """Enter the present stage."""
        for optimizer in trainer.optimizers:
            optimizer.state = defaultdict(dict)  # moments of other weights, and another loss
            for group in optimizer.param_groups:
                group["lr"] = self.stage.lr
        staged_method(method).stage = self.stage.name
        staged_method(method).on_stage_start()

    def restart_from_best(self, trainer: Trainer, method: LightningModule) -> None:
        """Load the best weights of the stage that is over, and look for the best of the next one."""
        if (best := self.keep_best(trainer)) is not None:
            method.load_state_dict(load_checkpoint(best)["state_dict"])
        if self.stages[self.place + 1].improves == self.stage.name and self.monitor.startswith("val/"):
            return
        self.best = float("inf")
        if isinstance(trainer.checkpoint_callback, Checkpoints):
            trainer.checkpoint_callback.reset_best()

    def keep_best(self, trainer: Trainer) -> Path | None:
        """Copy the best checkpoint to the stage's own name, unless that was done before a kill."""
        target, checkpoints = self.stage_checkpoint(trainer, self.stage), trainer.checkpoint_callback
        best = (
            Path(checkpoints.best_model_path)
            if isinstance(checkpoints, Checkpoints) and checkpoints.best_model_path
            else None
        )
        if trainer.is_global_zero and best is not None and best.is_file() and not target.is_file():
            with atomic_file(target) as partial:
                shutil.copyfile(best, partial)
        trainer.strategy.barrier()
        return target if target.is_file() else None

    def stage_checkpoint(self, trainer: Trainer, stage: Stage) -> Path:
        """Return the path of a stage's best checkpoint."""
        return Path(trainer.default_root_dir) / CHECKPOINTS / f"{stage.name}.ckpt"

    def state_dict(self) -> dict[str, Any]:
        """Return the progress of the schedule, for the checkpoint."""
        names = {"names": [stage.name for stage in self.stages]}
        return {name: getattr(self, name) for name in ("place", "epochs", "waited", "best", "over")} | names

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the progress of another run.

        Raises:
            InputError: If that run had other stages.
        """
        names = [stage.name for stage in self.stages]
        if state_dict.get("names") != names:
            raise InputError(
                f"the checkpoint is of stages {state_dict.get('names')}, not {names}: begin anew, without "
                "--ckpt_path"
            )
        for name in ("place", "epochs", "waited", "best", "over"):
            setattr(self, name, state_dict[name])
        self.resumed = True


def staged_method(method: LightningModule) -> StagedMethod:
    """Return the method as one that trains in stages.

    Raises:
        InputError: If it does not.
    """
    if not isinstance(method, StagedMethod):
        raise InputError(f"{type(method).__name__} does not train in stages: leave StageSchedule out")
    return method
