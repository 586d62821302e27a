"""What methods on the narratives view have in common: which texts of which days they learn from and score.

Axes: B days, N texts, V variants of days.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from torch import Tensor
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.nn.language.prompts import GAP, clean, without_middle

NAMED = 160  # characters of a sentence that is given as a reason


def distinct(texts: Sequence[str], most: int = 0) -> list[str]:
    """Different texts of a day, in order; of more than ``most`` those in between are left out evenly.

    Example:
        >>> distinct(["a", "b", "a", "c", "d", "e"], most=3)
        ['a', 'c', 'e']
    """
    found = list(dict.fromkeys(texts))
    if not most or len(found) <= most:
        return found
    return [found[round(place * (len(found) - 1) / max(most - 1, 1))] for place in range(most)]


def labelled_texts(
    batch: NarrativeBatch, view: str, most: int = 0, kind: int | None = None
) -> tuple[list[str], Float[Tensor, " n"]]:
    """Texts of the days whose labels are shown, and the label of each, which is its day's.

    Args:
        batch: Days.
        view: ``semantic`` for the contents, ``behaviour`` for the narratives.
        most: Different contents of a day; 0 for all.
        kind: Take malicious days only (1), or harmless ones (0).
    """
    texts: list[str] = []
    labels: list[float] = []
    for narrative, contents, label in zip(batch.narrative, batch.contents, batch.label.tolist(), strict=True):
        if label != label or (kind is not None and label != kind):
            continue
        here = distinct(contents, most) if view == "semantic" else [narrative]
        texts += here
        labels += [label] * len(here)
    return texts, torch.tensor(labels)


def some_of(
    texts: list[str], label: Float[Tensor, " n"], most: int, *, by_chance: bool
) -> tuple[list[str], Float[Tensor, " m"]]:
    """At most so many texts: by chance, as training has it, or evenly, so that a validation repeats."""
    if len(texts) <= most:
        return texts, label
    if by_chance:
        places = torch.randperm(len(texts))[:most].sort().values
    else:
        places = torch.linspace(0, len(texts) - 1, most).round().long()
    return [texts[place] for place in places.tolist()], label[places]


class Outline(NamedTuple):
    """What can be said of days without keeping their texts, in the order of their units.

    Attributes:
        unit: As in ``NarrativeBatch``.
        label: As in ``NarrativeBatch``.
        contents: Number of texts of mails and pages, int64 ``(N,)``.
    """

    unit: Int[Tensor, " n"]
    label: Float[Tensor, " n"]
    contents: Int[Tensor, " n"]

    def where(self, days: Bool[Tensor, " n"]) -> "Outline":
        """The days that are chosen."""
        return Outline(self.unit[days], self.label[days], self.contents[days])


def whole(days: DataLoader[NarrativeBatch] | list[Any]) -> Iterator[NarrativeBatch]:
    """All days of a loader's dataset, whatever part of them this device gets; none of an empty list."""
    rows: Any = getattr(days, "dataset", ())
    for first in range(0, len(rows), 256):
        yield rows[list(range(first, min(first + 256, len(rows))))]


def outlined(days: Iterable[NarrativeBatch]) -> Outline:
    """Read all days once."""
    found = [
        (batch.unit.cpu(), batch.label.cpu(), torch.tensor([len(texts) for texts in batch.contents]))
        for batch in days
    ]
    if not found:
        return Outline(torch.zeros(0, dtype=torch.long), torch.zeros(0), torch.zeros(0, dtype=torch.long))
    unit, label, contents = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = unit.argsort()
    return Outline(unit[order], label[order], contents[order])


def drawn_apart(count: int, share: float) -> Bool[Tensor, " n"]:
    """Which of so many days are held out: this share of them, the same at every call."""
    chosen = torch.zeros(count, dtype=torch.bool)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    chosen[order[: round(count * share)]] = True
    return chosen


def refuse_without_labels(days: Outline, part: str, views: Sequence[str], remedy: str = "") -> None:
    """Refuse to train on what cannot teach anything.

    Args:
        days: Of a part.
        part: Its name.
        views: What is read of them.
        remedy: What to change; a longer part, if not given.

    Raises:
        InputError: If the days of a part are not of both sorts, or none of them has contents to read.
    """
    if len(days.label[~days.label.isnan()].unique()) < 2:
        remedy = remedy or f"a larger {part} part"
        raise InputError(
            f"{part} days must be malicious and harmless ones, with labels that the split shows: "
            f"--data.split.shown '[train, val]', or {remedy}"
        )
    if "semantic" in views and not days.contents.sum():
        raise InputError(f"no {part} day has contents: leave that view out, --model.views '[behaviour]'")


def tracked(days: DataLoader[NarrativeBatch], description: str) -> Iterator[NarrativeBatch]:
    """The batches of a loader, with a bar and an estimate where somebody looks."""
    yield from Tqdm(days, desc=description, leave=False, disable=not sys.stderr.isatty())


def sentences(narrative: str) -> list[str]:
    """Sentences of a narrative.

    Example:
        >>> sentences("Visited a.com at 9. Logged off.")
        ['Visited a.com at 9.', 'Logged off.']
    """
    parts = [part for part in narrative.strip().split(". ") if part]
    return [part if part.endswith(".") else f"{part}." for part in parts]


def left_out(
    batch: NarrativeBatch, most: int
) -> tuple[NarrativeBatch, Int[Tensor, " v"], Int[Tensor, " v"], tuple[str, ...]]:
    """Each day again and again, each time without one of its sentences or contents.

    Returns:
        The variants, the row that each is of, what is left out of it, as a place in the names, and these.
    """
    names: dict[str, int] = {}
    narratives, contents = [], []
    rows: list[int] = []
    columns: list[int] = []
    for row, (narrative, texts) in enumerate(zip(batch.narrative, batch.contents, strict=True)):
        told, read = sentences(narrative), distinct(texts, most)
        cases = [(told[:at] + told[at + 1 :], read, told[at]) for at in range(len(told))]
        cases += [(told, read[:at] + read[at + 1 :], read[at]) for at in range(len(read))]
        for kept, others, gone in cases:
            narratives.append(" ".join(kept) if others is read else narrative)
            contents.append(tuple(others))
            rows.append(row)
            columns.append(names.setdefault(without_middle(clean(gone), NAMED, GAP), len(names)))
    of = torch.tensor(rows, dtype=torch.long)
    variants = NarrativeBatch(tuple(narratives), tuple(contents), batch.unit.cpu()[of], batch.label.cpu()[of])
    return variants, of, torch.tensor(columns, dtype=torch.long), tuple(names)
