"""http.csv of ordinary days: favourite pages, honest job search, administrators' reading."""

import numpy as np
import polars as pl

from itd_lightning.cert.synth.calendar import DAY, HOUR
from itd_lightning.cert.synth.logs import frame
from itd_lightning.cert.synth.people import Floats, Ints, People
from itd_lightning.cert.synth.sessions import Sessions, WorkDays, gather_bursts
from itd_lightning.cert.synth.texts import COMMUNITIES, Pages, Texts

FAVOURITES = 300  # pages of a user; most visits go to the first of them
SECURITY_SHARE = 0.05  # of an administrator's visits
KEYLOGGER_PER_DAY = 0.03  # an administrator reads about keyloggers once in six weeks, and means no harm
NIGHT_VISITS = 2.0  # a night session


def favourite_pages(people: People, pages: Pages, rng: np.random.Generator) -> Ints:
    """(n, FAVOURITES) page indices: mostly of the user's own community, one in six of any."""
    n = len(people.roster)
    community = rng.integers(0, COMMUNITIES, n)
    within = rng.integers(0, pages.community.shape[1], (n, FAVOURITES))
    anywhere = rng.integers(0, pages.community.size, (n, FAVOURITES))
    return np.where(
        rng.random((n, FAVOURITES)) < 1 / 6, anywhere, pages.community[community[:, None], within]
    )


def _ordinary(people: People, work: WorkDays, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Working day and time of each visit to a favourite, none before 07:00 but at odd hours."""
    rate = people.pages(work.user, work.day)
    noise = 1 + people.volumes.noise[work.user] * rng.standard_normal(len(rate))
    count = np.maximum(np.rint(rate * noise), 0).astype(np.int64)
    opens = np.maximum(work.start + 120, work.day * DAY + 7 * HOUR)
    span = np.maximum(work.end - 60 - opens, 60)
    at = np.repeat(np.arange(len(rate)), count)
    t = opens[at] + np.floor(rng.random(len(at)) * span[at]).astype(np.int64)
    return at, gather_bursts(t, at, 0.33, 25.0, (opens + span)[at], rng)


def _extra(rate: Floats, work: WorkDays, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """User and time of ``rate`` additional visits a working day."""
    at = np.repeat(np.arange(len(work.user)), rng.poisson(rate))
    share = rng.uniform(0.05, 0.95, len(at))
    return work.user[at], work.start[at] + np.rint(share * (work.end - work.start)[at]).astype(np.int64)


def http_rows(
    people: People,
    favourites: Ints,
    pages: Pages,
    work: WorkDays,
    other: Sessions,
    texts: Texts,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Visits of the working days and of night sessions."""
    at, t = _ordinary(people, work, rng)
    user = work.user[at]
    rank = np.floor(FAVOURITES * rng.random(len(at)) ** 3.0).astype(np.int64)
    page = favourites[user, rank]
    reads = people.admin[user] & (rng.random(len(at)) < SECURITY_SHARE)
    page[reads] = rng.choice(pages.security, int(reads.sum()))

    hunts = (work.day >= people.fates.hunt_from[work.user]) & (work.day < people.fates.hunt_to[work.user])
    hunt_user, hunt_t = _extra(np.where(hunts, people.fates.hunt[work.user], 0.0), work, rng)
    key_user, key_t = _extra(np.where(people.admin[work.user], KEYLOGGER_PER_DAY, 0.0), work, rng)
    late = np.repeat(np.flatnonzero(other.night), rng.poisson(NIGHT_VISITS, int(other.night.sum())))
    late_t = other.start[late] + np.floor(rng.random(len(late)) * (other.end - other.start)[late]).astype(
        np.int64
    )

    user = np.concatenate([user, hunt_user, key_user, other.user[late]])
    t = np.concatenate([t, hunt_t, key_t, late_t])
    page = np.concatenate(
        [
            page,
            rng.choice(pages.jobs, len(hunt_user)),
            rng.choice(pages.keylogger, len(key_user)),
            favourites[other.user[late], rng.integers(0, FAVOURITES, len(late))],
        ]
    )
    return frame(
        people, t, user, user, rng, url=pages.url.gather(page), content=texts.pick(pages.topic[page], rng)
    )
