"""What every method has in common: it trains on one view, then scores that view."""

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, distributed
from torch.optim import Optimizer

from itd_lightning.contracts.unit_scores import Explanation, UnitScores


@runtime_checkable
class UnitBatch(Protocol):
    """Any batch that knows what its scores are of."""

    def named(self, score: Tensor) -> UnitScores:
        """Name scores by what they are of: windows, behaviours, days."""


BatchT = TypeVar("BatchT", bound=UnitBatch)


class Method(LightningModule, ABC, Generic[BatchT]):
    """A detection method.

    Args:
        optimizer: Builds the optimizer from the trainable parameters; None for a method without gradients.
    """

    def __init__(self, optimizer: OptimizerCallable | None) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.automatic_optimization = optimizer is not None

    @property
    def needs_one_device(self) -> bool:
        """Whether training must see the whole training part in one process, as without gradients it does."""
        return self.optimizer is None

    @abstractmethod
    def score(self, batch: BatchT) -> Float[Tensor, "b ..."]:
        """Anomaly score of each row, or of each place of it; higher is more anomalous, the scale is free."""

    def explain(self, batch: BatchT) -> Explanation | None:
        """Where the score of each unit that the batch names comes from; None where a method cannot say."""
        return None

    def embed(self, batch: BatchT) -> Float[Tensor, "n d"] | None:
        """What the method makes of each thing that it scores, as a vector; None where there is no such."""
        return None

    def landmarks(self) -> Float[Tensor, "m d"] | None:
        """Vectors to show beside what ``embed`` gives, such as centres of spheres; None for none."""
        return None

    # Lightning hands any output on to the callbacks, whatever its annotation says.
    def test_step(self, batch: BatchT, batch_idx: int) -> UnitScores:  # type: ignore[override]
        """Name the scores of a batch by what they are of."""
        return batch.named(self.score(batch))

    def predict_step(self, batch: BatchT, batch_idx: int) -> UnitScores:
        """Name the scores of a batch by what they are of."""
        return batch.named(self.score(batch))

    def no_lesson(self) -> Tensor | None:
        """Return the loss of a batch that teaches nothing: 0 on several devices, else None."""
        if not several_ranks():
            return None
        return torch.stack([weight.sum() * 0 for weight in self.parameters() if weight.requires_grad]).sum()

    def on_any_device(self, value: bool) -> bool:
        """Return whether this is so on any device; all of them must ask."""
        return self.trainer.strategy.reduce_boolean_decision(value, all=False) if several_ranks() else value

    def configure_optimizers(self) -> Optimizer | None:
        """Build the optimizer that the config asks for."""
        learning = (parameter for parameter in self.parameters() if parameter.requires_grad)
        return self.optimizer(learning) if self.optimizer else None


def several_ranks() -> bool:
    """Return whether this process is one of several on several devices."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
