"""The base class of methods: each trains on the batches of one view, then scores them."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Protocol, TypeVar, get_args, get_origin, runtime_checkable

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, distributed
from torch.optim import Optimizer

from itd_lightning.contracts.unit_scores import Explanation, UnitScores


@runtime_checkable
class _UnitBatch(Protocol):
    """A batch that knows the units of its scores."""

    def name_scores(self, score: Tensor) -> UnitScores:
        """Return scores with their units: windows, behaviours or days."""


BatchT = TypeVar("BatchT", bound=_UnitBatch)


def batch_of(method: type) -> type | None:
    """Return the type of batch that a method reads, as its class says: ``Method[DayBatch]``.

    Returns:
        The type; None where a class says none, as one of another package may not.
    """
    for base in method.__mro__:
        for parent in getattr(base, "__orig_bases__", ()):
            batches = [argument for argument in get_args(parent) if isinstance(argument, type)]
            if batches and issubclass(get_origin(parent), Method):
                return batches[0]
    return None


class Method(LightningModule, ABC, Generic[BatchT]):
    """A detection method.

    Args:
        optimizer: Builds the optimizer from the trainable parameters; None for a method without gradients.

    Attributes:
        columns_argument: Argument that is the number of the view's ``columns``, which a store decides; None
            where a method takes any number.
    """

    columns_argument: ClassVar[str | None] = None

    def __init__(self, optimizer: OptimizerCallable | None) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.automatic_optimization = optimizer is not None

    @property
    def needs_one_device(self) -> bool:
        """Return whether training needs all training units in one process, as without gradients it does."""
        return self.optimizer is None

    @abstractmethod
    def score(self, batch: BatchT) -> Float[Tensor, "b ..."]:
        """Return the anomaly score of each row, or of each place of it; higher is more anomalous."""

    def explain(self, batch: BatchT) -> Explanation | None:
        """Return the parts of each unit's score; None where a method cannot explain its scores."""
        return None

    def embed(self, batch: BatchT) -> Float[Tensor, "n d"] | None:
        """Return the embedding of each scored unit; None where a method has no embeddings."""
        return None

    def landmarks(self) -> Float[Tensor, "m d"] | None:
        """Return vectors to draw beside the embeddings, such as centres of spheres; None for none."""
        return None

    # Lightning hands any output on to the callbacks, whatever its annotation says.
    def test_step(self, batch: BatchT, batch_idx: int) -> UnitScores:  # type: ignore[override]
        """Return the scores of a batch with their units."""
        return batch.name_scores(self.score(batch))

    def predict_step(self, batch: BatchT, batch_idx: int) -> UnitScores:
        """Return the scores of a batch with their units."""
        return batch.name_scores(self.score(batch))

    def zero_loss(self) -> Tensor | None:
        """Return the loss of a batch without training units: 0 on several devices, else None."""
        if not _is_distributed():
            return None
        return torch.stack([weight.sum() * 0 for weight in self.parameters() if weight.requires_grad]).sum()

    def any_device(self, value: bool) -> bool:
        """Return whether the value is true on any device; all devices must call this."""
        return self.trainer.strategy.reduce_boolean_decision(value, all=False) if _is_distributed() else value

    def configure_optimizers(self) -> Optimizer | None:
        """Build the optimizer that the config asks for."""
        trainable = (parameter for parameter in self.parameters() if parameter.requires_grad)
        return self.optimizer(trainable) if self.optimizer else None


def _is_distributed() -> bool:
    """Return whether this process is one of several on several devices."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
