"""Stage schedule of DMFI: its branches one after another on one language model, then the fusion head."""

import math
import sys
import time

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from itd_lightning.callbacks.stages import Stage, StageSchedule, staged_method

_FUSION = "fusion"
_TIMED_BATCHES = 5  # from which the duration of a stage is estimated


def _rate_share(step: int, steps: int, warm_up: int) -> float:
    """Return the share of the learning rate at a step: a linear warm-up, then a cosine down to 0.

    A short stage warms up for a tenth of its steps.

    Example:
        >>> [round(_rate_share(step, 2000, warm_up=100), 2) for step in (0, 50, 100, 1050, 1999)]
        [0.01, 0.51, 1.0, 0.5, 0.0]
    """
    warm_up = min(warm_up, steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(steps - warm_up, 1)))


class DualBranch(StageSchedule):
    """Train each adapter that the method names as a stage of its own, then the fusion.

    There is one language model in memory, and one adapter of it learns at a time. As in ``StageSchedule``
    each stage ends with its best epoch, and a run that was stopped goes on within its stage.

    Args:
        epochs: Of each branch.
        lr: Its highest learning rate.
        warm_up: Steps of the optimizer in which the learning rate rises, in each stage.
        fusion_epochs: Of the head; texts are scored once, so that they cost little.
        fusion_lr: Its highest learning rate.
        monitor: Logged quantity whose smallest value is best within a stage.

    Raises:
        ValueError: If a number is not positive.
    """

    def __init__(
        self,
        epochs: int = 3,
        lr: float = 1e-4,
        warm_up: int = 100,
        fusion_epochs: int = 30,
        fusion_lr: float = 1e-3,
        monitor: str = "val/loss",
    ) -> None:
        # What the branches are is up to the method, which is known in setup.
        super().__init__([Stage("branch", epochs, lr), Stage(_FUSION, fusion_epochs, fusion_lr)], monitor)
        if warm_up < 0:
            raise ValueError(f"warm_up must be at least 0, got {warm_up}")
        self.branch, self.fusion = self.stages
        self.warm_up = warm_up
        self.stage_start = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make a stage of each branch, before a resumed run compares them with its own."""
        self.stages = [
            self.fusion if name == _FUSION else Stage(name, self.branch.epochs, self.branch.lr)
            for name in staged_method(pl_module).stages
        ]

    def begin_stage(self, trainer: Trainer, method: LightningModule) -> None:
        """Enter the present stage."""
        note = ", after all days it needs are scored" if self.stage is self.fusion else ""
        self.print_progress(f"stage {self.place + 1} of {len(self.stages)}: {self.stage.name}{note}")
        super().begin_stage(trainer, method)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Set the learning rate of the step."""
        if batch_idx == 0:
            self.stage_start = time.monotonic()
        step, steps = self.count_steps(trainer, batch_idx), self.count_steps(trainer, 0, self.stage.epochs)
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.stage.lr * _rate_share(step, steps, self.warm_up)

    def count_steps(self, trainer: Trainer, batches: int, epochs: int | None = None) -> int:
        """Return the optimizer steps from the beginning of the stage until so many epochs and batches."""
        every = trainer.accumulate_grad_batches
        epoch_steps = math.ceil(trainer.num_training_batches / every)
        return (self.epochs if epochs is None else epochs) * epoch_steps + batches // every

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Print how long the branches will take, as soon as a few batches are timed."""
        if batch_idx + 1 == _TIMED_BATCHES and self.epochs == 0 and self.stage.name != _FUSION:
            each = (time.monotonic() - self.stage_start) / _TIMED_BATCHES
            batches = trainer.num_training_batches * self.branch.epochs - _TIMED_BATCHES
            branches = sum(stage.name != _FUSION for stage in self.stages[self.place :])
            minutes = each * batches / 60
            rest = f", all {branches} branches {minutes * branches:.0f}" if branches > 1 else ""
            self.print_progress(
                f"{self.stage.name}: about {minutes:.0f} minutes of training{rest}, validation not counted"
            )

    def print_progress(self, line: str) -> None:
        """Write a line of progress to standard error."""
        Tqdm.write(line, file=sys.stderr)  # beside a bar, if there is one
