"""Texts and labels of the narratives view, as supervised methods on it need them.

Axes: B days, N texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError


def distinct_texts(texts: Sequence[str], most: int = 0) -> list[str]:
    """Return the different texts of a day, in order; of more than ``most``, evenly spaced ones.

    Example:
        >>> distinct_texts(["a", "b", "a", "c", "d", "e"], most=3)
        ['a', 'c', 'e']
    """
    different = list(dict.fromkeys(texts))
    if not most or len(different) <= most:
        return different
    return [different[round(place * (len(different) - 1) / max(most - 1, 1))] for place in range(most)]


class _Outline(NamedTuple):
    """Labels and numbers of texts of days, without the texts, in the order of their units.

    Attributes:
        unit: As in ``NarrativeBatch``.
        label: As in ``NarrativeBatch``.
        contents: Number of texts of mails and pages, int64 ``(N,)``.
    """

    unit: Int[Tensor, " n"]
    label: Float[Tensor, " n"]
    contents: Int[Tensor, " n"]

    def where(self, days: Bool[Tensor, " n"]) -> "_Outline":
        """Return some of the days."""
        return _Outline(self.unit[days], self.label[days], self.contents[days])


def all_days(days: DataLoader[NarrativeBatch] | list[Any]) -> Iterator[NarrativeBatch]:
    """Yield all days of a loader's dataset, not this device's part only; none of an empty list."""
    rows: Any = getattr(days, "dataset", ())
    for first in range(0, len(rows), 256):
        yield rows[list(range(first, min(first + 256, len(rows))))]


def outline_days(days: Iterable[NarrativeBatch]) -> _Outline:
    """Return the outline of all days, by reading each once."""
    outlines = [
        (batch.unit.cpu(), batch.label.cpu(), torch.tensor([len(texts) for texts in batch.contents]))
        for batch in days
    ]
    if not outlines:
        return _Outline(torch.zeros(0, dtype=torch.long), torch.zeros(0), torch.zeros(0, dtype=torch.long))
    unit, label, contents = (torch.cat(parts) for parts in zip(*outlines, strict=True))
    order = unit.argsort()
    return _Outline(unit[order], label[order], contents[order])


def check_labels(days: _Outline, part: str, views: Sequence[str], remedy: str = "") -> None:
    """Refuse days without labels of both classes, or without any contents to read.

    Args:
        days: Days of a part.
        part: Its name.
        views: The texts that are read: ``semantic``, ``behaviour``.
        remedy: Advice in the message; default: a longer part.

    Raises:
        InputError: If they have labels of one class only, or none has contents to read.
    """
    if len(days.label[~days.label.isnan()].unique()) < 2:
        remedy = remedy or f"a larger {part} part"
        raise InputError(
            f"{part} days must be malicious and harmless ones, with labels that the split shows: "
            f"--data.split.shown '[train, val]', or {remedy}"
        )
    if "semantic" in views and not days.contents.sum():
        raise InputError(f"no {part} day has contents: leave that view out, --model.views '[behaviour]'")
