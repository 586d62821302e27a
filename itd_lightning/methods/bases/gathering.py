"""What methods without gradients have in common: they gather the training days, then fit once.

Axes: B days of a batch, N training days, F features.
"""

from abc import abstractmethod
from importlib import import_module
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method

ONE_SORT = (
    "a classifier needs malicious and harmless training days: let the split show labels "
    "(--data.split.shown '[train, val]') or take a longer training part"
)


class Gathering(Method[DayBatch]):
    """A method that fits on all training days at once; what it keeps is in buffers, whose shapes vary.

    One epoch is enough. Days are put in the order of the view before fitting, so that the order of the
    batches does not matter.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.gathered: list[DayBatch] = []

    @abstractmethod
    def fit(self, features: Float[Tensor, "n f"], label: Float[Tensor, " n"]) -> None:
        """Learn from the training days and fill the buffers.

        Args:
            features: As in ``DayBatch``.
            label: As in ``DayBatch``; NaN where nothing is shown.
        """

    def training_step(self, batch: DayBatch, batch_idx: int) -> None:
        """Gather the batch."""
        self.gathered.append(batch)

    def on_train_epoch_end(self) -> None:
        """Fit on what was gathered."""
        order = torch.cat([batch.unit for batch in self.gathered]).argsort()
        features = torch.cat([batch.features for batch in self.gathered])[order]
        label = torch.cat([batch.label for batch in self.gathered])[order]
        self.gathered = []
        self.fit(features.cpu(), label.cpu())

    def validation_step(self, batch: DayBatch, batch_idx: int) -> None:
        """Measure nothing: there are no epochs to choose from."""

    def keep(self, **found: object) -> None:
        """Fill buffers with arrays or numbers that a library found."""
        for name, value in found.items():
            setattr(self, name, torch.as_tensor(value, device=self.device).clone())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Give the buffers the shapes of those that come; what has another name is left to be refused."""
        for name in dict(self.named_buffers()).keys() & checkpoint["state_dict"].keys():
            setattr(self, name, torch.empty_like(checkpoint["state_dict"][name], device=self.device))


def shown(
    features: Float[Tensor, "n f"], label: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "m f"], Bool[Tensor, " m"]]:
    """The days whose labels are shown, and whether they are malicious.

    Raises:
        InputError: If they are not of both sorts.
    """
    known = ~label.isnan()
    if len(label[known].unique()) < 2:
        raise InputError(ONE_SORT)
    return features[known], label[known] == 1


def thinned(
    features: Float[Tensor, "n f"], most: int, seed: int, keep: Bool[Tensor, " n"] | None = None
) -> Bool[Tensor, " n"]:
    """Which days to use where there are more than ``most``: those to keep, and others by chance.

    Args:
        features: All days.
        most: Days to use.
        seed: Of the choice.
        keep: Days that must be among them.
    """
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    if keep is not None:
        order = torch.cat([order[keep[order]], order[~keep[order]]])
    chosen = torch.zeros(len(features), dtype=torch.bool)
    chosen[order[:most]] = True
    return chosen


def library(name: str) -> Any:  # noqa: ANN401 - a module of a library without types
    """A module of a library that only some methods need.

    Raises:
        InputError: If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"this method needs {name.split('.')[0]}: pip install 'itd-lightning[baselines]'"
        ) from error
