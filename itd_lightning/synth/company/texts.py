"""Ids, file names, and pools of texts; rows hold views of these strings, not copies."""

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.people import Ints

_VARIANTS = 192  # texts per topic

_HEX = pl.Series([f"{i:04X}" for i in range(1 << 16)])
_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS = pl.Series([a + b for a in _BASE36 for b in _BASE36])

# About half of these have a comma, a third have quotes, so that readers meet both.
_SENTENCES = (
    "The {} was late, so the {} had to wait for the next {}.",
    "Please compare the {} with the {} before you order a {}.",
    'They call it the "{}", and nobody in the {} knows why.',
    "We saw a {} near the {} and thought of the old {}.",
    'Her note said "{} before {}" and then went on about the {}.',
    "After the {}, the {} and the {} were as good as new.",
    "A {} costs less than a {} but more than a {}.",
    'Is this the "{}" that the {} wrote to the {} about?',
)


def event_ids(count: int, rng: np.random.Generator) -> pl.Series:
    """Return ids ``{XXXX-XXXXXXXX-XXXXXXXX}`` of 80 random bits: 30 million repeat with chance 4e-10."""
    parts = rng.integers(0, 1 << 16, (5, count))
    a, b, c, d, e = (pl.lit(_HEX.gather(part)) for part in parts)
    return pl.select(
        id=pl.concat_str(pl.lit("{"), a, pl.lit("-"), b, c, pl.lit("-"), d, e, pl.lit("}"))
    ).to_series()


def event_id(rng: np.random.Generator) -> str:
    """Return a single id, in the form of ``event_ids``."""
    a, b, c = rng.integers(0, (1 << 16, 1 << 32, 1 << 32))
    return f"{{{a:04X}-{b:08X}-{c:08X}}}"


def file_stems(count: int, rng: np.random.Generator) -> list[pl.Series]:
    """Return four columns of two characters each: the random part of a file name."""
    return [_PAIRS.gather(part) for part in rng.integers(0, len(_PAIRS), (4, count))]


def _key_words(pool: list[str], length: int, rng: np.random.Generator) -> list[str]:
    """Return ``_VARIANTS`` texts of about ``length`` words, one after the other."""
    tokens = np.array(pool)[rng.integers(0, len(pool), (_VARIANTS, length + 2))].tolist()
    counts = rng.integers(length - 2, length + 3, _VARIANTS)
    return [" ".join(row[:count]) for row, count in zip(tokens, counts, strict=True)]


def _prose(pool: list[str], length: int, rng: np.random.Generator) -> list[str]:
    """Return ``_VARIANTS`` texts of about ``length`` words in sentences, with commas and quotes."""
    shape = (_VARIANTS, round(length / 11))  # words a sentence
    forms = rng.integers(0, len(_SENTENCES), shape).tolist()
    tokens = np.array(pool)[rng.integers(0, len(pool), (*shape, 3))].tolist()
    return [
        " ".join(_SENTENCES[form].format(*nouns) for form, nouns in zip(*text, strict=True))
        for text in zip(forms, tokens, strict=True)
    ]


class Texts:
    """Contents by topic: ``_VARIANTS`` texts of ``length`` words for each of ``words.ALL_TOPICS``."""

    def __init__(self, length: int, natural: bool, rng: np.random.Generator) -> None:
        texts: list[str] = []
        for topic in words.ALL_TOPICS:
            # Several topics a text: one word in five is of a neighbour.
            other = words.TOPICS[int(rng.integers(len(words.TOPICS)))]
            pool = [*topic.words] * 4 + [*other.words]
            texts.extend((_prose if natural else _key_words)(pool, length, rng))
        self.pool = pl.Series(texts)

    def pick(self, topic: Ints, rng: np.random.Generator) -> pl.Series:
        """Return one text for each topic index."""
        return self.pool.gather(topic * _VARIANTS + rng.integers(0, _VARIANTS, len(topic)))

    def one(self, topic: words.Topic, rng: np.random.Generator) -> str:
        """Return one text about a topic."""
        return str(self.pick(np.array([words.ALL_TOPICS.index(topic)]), rng)[0])
