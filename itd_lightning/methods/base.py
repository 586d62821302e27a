"""What every method has in common: it trains on one view, then scores that view."""

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.optim import Optimizer

from itd_lightning.contracts.scores import Explanation, UnitScores


@runtime_checkable
class UnitBatch(Protocol):
    """Any batch that knows which unit each of its rows describes."""

    @property
    def unit(self) -> Int[Tensor, " b"]:
        """Row numbers in the view's table of units."""


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

    @abstractmethod
    def score(self, batch: BatchT) -> Float[Tensor, " b"]:
        """Anomaly score of each row; higher is more anomalous, the scale is free."""

    def explain(self, batch: BatchT) -> Explanation | None:
        """Where each row's score comes from; None where a method cannot say."""
        return None

    # Lightning hands any output on to the callbacks, whatever its annotation says.
    def test_step(self, batch: BatchT, batch_idx: int) -> UnitScores:  # type: ignore[override]
        """Name the scores of a batch by unit."""
        return UnitScores(batch.unit, self.score(batch))

    def predict_step(self, batch: BatchT, batch_idx: int) -> UnitScores:
        """Name the scores of a batch by unit."""
        return UnitScores(batch.unit, self.score(batch))

    def configure_optimizers(self) -> Optimizer | None:
        """Build the optimizer that the config asks for."""
        return self.optimizer(self.parameters()) if self.optimizer else None
