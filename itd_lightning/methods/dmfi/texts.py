"""The texts that DMFI learns from, and the variants of days by which it explains scores.

Axes: N texts, M sampled texts, V variants of days.
"""

import sys
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from torch import Tensor
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods.bases.narrative_texts import distinct_texts
from itd_lightning.nn.language.prompts import GAP, clean, without_middle

_REASON_LENGTH = 160  # characters of a sentence in a reason


def labelled_texts(
    batch: NarrativeBatch, view: str, most: int = 0, kind: int | None = None
) -> tuple[list[str], Float[Tensor, " n"]]:
    """Return the texts of the days whose labels are shown, and the label of each, which is its day's.

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
        day_texts = distinct_texts(contents, most) if view == "semantic" else [narrative]
        texts += day_texts
        labels += [label] * len(day_texts)
    return texts, torch.tensor(labels)


def sample_texts(
    texts: list[str], label: Float[Tensor, " n"], most: int, *, at_random: bool
) -> tuple[list[str], Float[Tensor, " m"]]:
    """Return at most so many texts: a random sample for training, or evenly spaced ones for validation."""
    if len(texts) <= most:
        return texts, label
    if at_random:
        places = torch.randperm(len(texts))[:most].sort().values
    else:
        places = torch.linspace(0, len(texts) - 1, most).round().long()
    return [texts[place] for place in places.tolist()], label[places]


def hold_out(count: int, share: float) -> Bool[Tensor, " n"]:
    """Return which of so many days are held out: a random share, the same at every call."""
    is_held_out = torch.zeros(count, dtype=torch.bool)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    is_held_out[order[: round(count * share)]] = True
    return is_held_out


def with_progress(days: DataLoader[NarrativeBatch], description: str) -> Iterator[NarrativeBatch]:
    """Yield the batches of a loader, with a progress bar on a terminal."""
    yield from Tqdm(days, desc=description, leave=False, disable=not sys.stderr.isatty())


def _split_sentences(narrative: str) -> list[str]:
    """Return the sentences of a narrative.

    Example:
        >>> _split_sentences("Visited a.com at 9. Logged off.")
        ['Visited a.com at 9.', 'Logged off.']
    """
    parts = [part for part in narrative.strip().split(". ") if part]
    return [part if part.endswith(".") else f"{part}." for part in parts]


def leave_one_out(
    batch: NarrativeBatch, most: int
) -> tuple[NarrativeBatch, Int[Tensor, " v"], Int[Tensor, " v"], tuple[str, ...]]:
    """Return variants of each day, each without one of its sentences or contents.

    Returns:
        The variants, the row of each, the text that it leaves out as a place in the names, and these names.
    """
    names: dict[str, int] = {}
    narratives, contents = [], []
    rows: list[int] = []
    columns: list[int] = []
    for row, (narrative, texts) in enumerate(zip(batch.narrative, batch.contents, strict=True)):
        sentences, day_texts = _split_sentences(narrative), distinct_texts(texts, most)
        cases = [
            (sentences[:at] + sentences[at + 1 :], day_texts, sentences[at]) for at in range(len(sentences))
        ]
        cases += [
            (sentences, day_texts[:at] + day_texts[at + 1 :], day_texts[at]) for at in range(len(day_texts))
        ]
        for rest, other_texts, omission in cases:
            narratives.append(" ".join(rest) if other_texts is day_texts else narrative)
            contents.append(tuple(other_texts))
            rows.append(row)
            columns.append(names.setdefault(without_middle(clean(omission), _REASON_LENGTH, GAP), len(names)))
    of = torch.tensor(rows, dtype=torch.long)
    variants = NarrativeBatch(tuple(narratives), tuple(contents), batch.unit.cpu()[of], batch.label.cpu()[of])
    return variants, of, torch.tensor(columns, dtype=torch.long), tuple(names)
