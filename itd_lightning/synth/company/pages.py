"""The company's web: sites in communities, sites that the scenarios need, and favourites."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.people import Ints, People

_COMMUNITIES = 4
_SITES = 360
_PAGES_PER_SITE = 9
FAVOURITES = 300  # pages of a user; most visits go to the first of them

_ENDINGS = (".html", ".htm", ".php", ".jsp", ".asp", ".aspx")


class Pages(NamedTuple):
    """All pages; the fields after ``topic`` hold indices of pages.

    Attributes:
        url: Address of each page.
        topic: Index into ``words.ALL_TOPICS`` of each page.
        community: (COMMUNITIES, pages) page indices; sites of one community are visited by the same people.
        jobs: Pages of job sites and of competitors that hire, 16 hosts.
        security: Pages for administrators.
        keylogger: Pages of keylogger makers.
        leak: The leak site.
        cloud: Public cloud storage.
    """

    url: pl.Series
    topic: Ints
    community: Ints
    jobs: Ints
    security: Ints
    keylogger: Ints
    leak: Ints
    cloud: Ints


class _PageList:
    """Collects pages while the web is invented."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.urls: list[str] = []
        self.topics: list[int] = []

    def add_host(self, host: str, topic: words.Topic, pages: int) -> None:
        """Add the pages of one host."""
        for _ in range(pages):
            slug = "".join(self.rng.choice(topic.words, 4))
            section, number = self.rng.choice(topic.words), self.rng.integers(10**8, 2 * 10**9)
            ending = _ENDINGS[int(self.rng.integers(len(_ENDINGS)))]
            self.urls.append(f"http://{host}.example/{topic.name}/{section}s/{slug}{number}{ending}")
            self.topics.append(words.ALL_TOPICS.index(topic))

    def add_hosts(self, hosts: tuple[str, ...], topic: words.Topic, pages: int) -> Ints:
        """Add the pages of several hosts and return their indices."""
        first = len(self.urls)
        for host in hosts:
            self.add_host(host, topic, pages)
        return np.arange(first, len(self.urls))


def make_pages(rng: np.random.Generator) -> Pages:
    """Invent the web: ordinary sites in communities, and the sites that the scenarios need."""
    pages = _PageList(rng)
    heads, tails = len(words.SITE_HEADS), len(words.SITE_TAILS)
    for code in rng.choice(heads * tails, _SITES, replace=False):
        host = words.SITE_HEADS[code % heads] + words.SITE_TAILS[code // heads]
        pages.add_host(host, words.TOPICS[int(rng.integers(len(words.TOPICS)))], _PAGES_PER_SITE)
    community = np.arange(_SITES * _PAGES_PER_SITE).reshape(_COMMUNITIES, -1)
    jobs = pages.add_hosts(words.JOB_HOSTS + words.COMPETITOR_HOSTS, words.JOBS, 1)
    security = pages.add_hosts(words.SECURITY_HOSTS, words.SECURITY, 5)
    keylogger = pages.add_hosts(words.KEYLOGGER_HOSTS, words.KEYLOGGER, 2)
    leak = pages.add_hosts((words.LEAK_HOST,), words.LEAK, 3)
    cloud = pages.add_hosts(words.CLOUD_HOSTS, words.CLOUD, 4)
    return Pages(
        pl.Series(pages.urls), np.array(pages.topics), community, jobs, security, keylogger, leak, cloud
    )


def favourite_pages(people: People, pages: Pages, rng: np.random.Generator) -> Ints:
    """Return (n, FAVOURITES) page indices: mostly of the user's own community, one in six of any."""
    n = len(people.roster)
    community = rng.integers(0, _COMMUNITIES, n)
    in_community = rng.integers(0, pages.community.shape[1], (n, FAVOURITES))
    any_page = rng.integers(0, pages.community.size, (n, FAVOURITES))
    return np.where(
        rng.random((n, FAVOURITES)) < 1 / 6, any_page, pages.community[community[:, None], in_community]
    )
