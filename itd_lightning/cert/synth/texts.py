"""Pools of text that rows point into: ids, key words, pages. Rows hold views of these strings, not copies."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from itd_lightning.cert.synth import words

Ints = NDArray[np.int64]

VARIANTS = 192  # texts per topic
COMMUNITIES = 4
SITES = 360
PAGES_PER_SITE = 9

_HEX = pl.Series([f"{i:04X}" for i in range(1 << 16)])
_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS = pl.Series([a + b for a in _BASE36 for b in _BASE36])
_ENDINGS = (".html", ".htm", ".php", ".jsp", ".asp", ".aspx")


def event_ids(count: int, rng: np.random.Generator) -> pl.Series:
    """Ids ``{XXXX-XXXXXXXX-XXXXXXXX}`` of 80 random bits: 30 million of them repeat with chance 4e-10."""
    parts = rng.integers(0, 1 << 16, (5, count))
    a, b, c, d, e = (pl.lit(_HEX.gather(part)) for part in parts)
    return pl.select(
        id=pl.concat_str(pl.lit("{"), a, pl.lit("-"), b, c, pl.lit("-"), d, e, pl.lit("}"))
    ).to_series()


def event_id(rng: np.random.Generator) -> str:
    """A single id, in the form of ``event_ids``."""
    a, b, c = rng.integers(0, (1 << 16, 1 << 32, 1 << 32))
    return f"{{{a:04X}-{b:08X}-{c:08X}}}"


def file_stems(count: int, rng: np.random.Generator) -> list[pl.Series]:
    """Four columns of two characters each: the random part of a file name."""
    return [_PAIRS.gather(part) for part in rng.integers(0, len(_PAIRS), (4, count))]


class Texts:
    """Key words by topic: ``VARIANTS`` texts of ``length`` words for each of ``words.ALL_TOPICS``."""

    def __init__(self, length: int, rng: np.random.Generator) -> None:
        texts: list[str] = []
        for topic in words.ALL_TOPICS:
            # Several topics a text: one word in five is of a neighbour.
            other = words.TOPICS[int(rng.integers(len(words.TOPICS)))]
            pool = np.array([*topic.words] * 4 + [*other.words])
            drawn = pool[rng.integers(0, len(pool), (VARIANTS, length + 2))].tolist()
            counts = rng.integers(length - 2, length + 3, VARIANTS)
            texts.extend(" ".join(row[:count]) for row, count in zip(drawn, counts, strict=True))
        self.pool = pl.Series(texts)

    def pick(self, topic: Ints, rng: np.random.Generator) -> pl.Series:
        """One text for each topic index."""
        return self.pool.gather(topic * VARIANTS + rng.integers(0, VARIANTS, len(topic)))

    def one(self, topic: words.Topic, rng: np.random.Generator) -> str:
        """One text about a topic."""
        return str(self.pick(np.array([words.ALL_TOPICS.index(topic)]), rng)[0])


class Pages(NamedTuple):
    """The web as the company sees it.

    Attributes:
        url: Address of each page.
        topic: Index into ``words.ALL_TOPICS`` of each page.
        community: (COMMUNITIES, pages) page indices; sites of one community are visited by the same people.
        jobs: Pages of job sites and of competitors that hire, 16 hosts.
        security: Pages for administrators.
        keylogger: Pages of keylogger makers.
        leak: The leak site.
    """

    url: pl.Series
    topic: Ints
    community: Ints
    jobs: Ints
    security: Ints
    keylogger: Ints
    leak: Ints


class _PageList:
    """Pages in the making."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.urls: list[str] = []
        self.topics: list[int] = []

    def add_host(self, host: str, topic: words.Topic, pages: int) -> None:
        """Write the addresses of one host."""
        for _ in range(pages):
            slug = "".join(self.rng.choice(topic.words, 4))
            section, number = self.rng.choice(topic.words), self.rng.integers(10**8, 2 * 10**9)
            ending = _ENDINGS[int(self.rng.integers(len(_ENDINGS)))]
            self.urls.append(f"http://{host}.example/{topic.name}/{section}s/{slug}{number}{ending}")
            self.topics.append(words.ALL_TOPICS.index(topic))

    def add_hosts(self, hosts: tuple[str, ...], topic: words.Topic, pages: int) -> Ints:
        """Write the addresses of several hosts and return their indices."""
        first = len(self.urls)
        for host in hosts:
            self.add_host(host, topic, pages)
        return np.arange(first, len(self.urls))


def make_pages(rng: np.random.Generator) -> Pages:
    """Invent the web: ordinary sites in communities, and the sites that the scenarios need."""
    pages = _PageList(rng)
    heads, tails = len(words.SITE_HEADS), len(words.SITE_TAILS)
    for code in rng.choice(heads * tails, SITES, replace=False):
        host = words.SITE_HEADS[code % heads] + words.SITE_TAILS[code // heads]
        pages.add_host(host, words.TOPICS[int(rng.integers(len(words.TOPICS)))], PAGES_PER_SITE)
    community = np.arange(SITES * PAGES_PER_SITE).reshape(COMMUNITIES, -1)
    jobs = pages.add_hosts(words.JOB_HOSTS + words.COMPETITOR_HOSTS, words.JOBS, 1)
    security = pages.add_hosts(words.SECURITY_HOSTS, words.SECURITY, 5)
    keylogger = pages.add_hosts(words.KEYLOGGER_HOSTS, words.KEYLOGGER, 2)
    leak = pages.add_hosts((words.LEAK_HOST,), words.LEAK, 3)
    return Pages(pl.Series(pages.urls), np.array(pages.topics), community, jobs, security, keylogger, leak)
