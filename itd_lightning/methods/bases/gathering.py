"""The base of methods without gradients, on days or narratives: they gather the training days, then fit once.

Axes: B days of a batch, N training days, F features.
"""

from abc import abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch, NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method

ONE_CLASS = (
    "a classifier needs malicious and harmless training days: let the split show labels "
    "(--data.split.shown '[train, val]') or take a longer training part"
)
DaysT = TypeVar("DaysT", DayBatch, NarrativeBatch)


class Gathering(Method[DaysT], Generic[DaysT]):
    """A method that fits on all training days at once; the result is in buffers, whose shapes vary.

    One epoch is enough. Days are put in the order of the view before fitting, so that the order of the
    batches does not matter.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.batches: list[DaysT] = []

    @abstractmethod
    def fit(self, days: DaysT) -> None:
        """Fit the training days, all in one batch on the CPU, and fill the buffers."""

    def training_step(self, batch: DaysT, batch_idx: int) -> None:
        """Gather the batch."""
        self.batches.append(batch)

    def on_train_epoch_end(self) -> None:
        """Fit the gathered days."""
        batches, self.batches = self.batches, []
        self.fit(join_batches(batches))

    def validation_step(self, batch: DaysT, batch_idx: int) -> None:
        """Measure nothing: there are no epochs to choose from."""

    def fill_buffers(self, **values: object) -> None:
        """Fill buffers with arrays or numbers that a library computed."""
        for name, value in values.items():
            setattr(self, name, torch.as_tensor(value, device=self.device).clone())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Give the buffers the shapes of the checkpoint's; any other name is left to be refused."""
        for name in dict(self.named_buffers(recurse=False)).keys() & checkpoint["state_dict"].keys():
            setattr(self, name, torch.empty_like(checkpoint["state_dict"][name], device=self.device))


def join_batches(batches: Sequence[DaysT]) -> DaysT:
    """Return all days as one batch on the CPU, in the order of their units."""
    order = torch.cat([batch.unit for batch in batches]).argsort().cpu()
    columns: list[Any] = []
    for parts in zip(*batches, strict=True):
        if isinstance(parts[0], Tensor):
            columns.append(torch.cat(parts).cpu()[order])
        else:
            texts = [text for part in parts for text in part]
            columns.append(tuple(texts[row] for row in order.tolist()))
    return type(batches[0])(*columns)


def labelled_days(days: DayBatch) -> tuple[Float[Tensor, "m f"], Bool[Tensor, " m"]]:
    """Return the features of the days whose labels are shown, and whether they are malicious.

    Raises:
        InputError: If they are not of both classes.
    """
    has_label = ~days.label.isnan()
    if len(days.label[has_label].unique()) < 2:
        raise InputError(ONE_CLASS)
    return days.features[has_label], days.label[has_label] == 1


def sample_rows(
    features: Float[Tensor, "n f"], most: int, seed: int, keep: Bool[Tensor, " n"] | None = None
) -> Bool[Tensor, " n"]:
    """Return which of the days to use, at most ``most`` of them: those to keep, and others at random.

    Args:
        features: All days.
        most: Days to use.
        seed: Of the sample.
        keep: Days that must be in it.
    """
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    if keep is not None:
        order = torch.cat([order[keep[order]], order[~keep[order]]])
    in_sample = torch.zeros(len(features), dtype=torch.bool)
    in_sample[order[:most]] = True
    return in_sample


def load_library(name: str) -> Any:  # noqa: ANN401 - a module of a library without types
    """Return a module of a library that only some methods need.

    Raises:
        InputError: If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"this method needs {name.split('.')[0]}: pip install 'itd-lightning[baselines]'"
        ) from error
