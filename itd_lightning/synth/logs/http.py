"""http.csv of ordinary days: favourite pages, honest job search, administrators' reading, cloud storage."""

import numpy as np
import polars as pl

from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.company.pages import FAVOURITES
from itd_lightning.synth.company.people import Bools, Floats, Ints, People
from itd_lightning.synth.layout import has_column
from itd_lightning.synth.logs.rows import frame
from itd_lightning.synth.logs.sessions import Sessions, WorkDays, gather_bursts
from itd_lightning.synth.world import World

_SECURITY_SHARE = 0.05  # of an administrator's visits
_KEYLOGGER_PER_DAY = 0.03  # an administrator reads about keyloggers once in six weeks, and means no harm
_CLOUD_PER_DAY = 0.02  # anyone stores something in a cloud once in ten weeks
_NIGHT_VISITS = 2.0  # a night session
_ACTIVITIES = pl.Series(["WWW Visit", "WWW Download", "WWW Upload"])
_USUAL, _IN_CLOUD = (0.97, 0.024, 0.006), (0.3, 0.25, 0.45)  # chances of the activities


def _ordinary(people: People, work: WorkDays, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the working day and time of each visit to a favourite, none before 07:00 but at odd hours."""
    rate = people.pages(work.user, work.day)
    noise = 1 + people.volumes.noise[work.user] * rng.standard_normal(len(rate))
    count = np.maximum(np.rint(rate * noise), 0).astype(np.int64)
    earliest = np.maximum(work.start + 120, work.day * DAY + 7 * HOUR)
    span = np.maximum(work.end - 60 - earliest, 60)
    at = np.repeat(np.arange(len(rate)), count)
    t = earliest[at] + np.floor(rng.random(len(at)) * span[at]).astype(np.int64)
    return at, gather_bursts(t, at, 0.33, 25.0, (earliest + span)[at], rng)


def _extra(rate: Floats, work: WorkDays, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return user and time of ``rate`` additional visits a working day."""
    at = np.repeat(np.arange(len(work.user)), rng.poisson(rate))
    share = rng.uniform(0.05, 0.95, len(at))
    return work.user[at], work.start[at] + np.rint(share * (work.end - work.start)[at]).astype(np.int64)


def _cloud(work: WorkDays, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return user and time of visits to cloud storage, a few within minutes."""
    user, t = _extra(np.full(len(work.user), _CLOUD_PER_DAY), work, rng)
    at = np.repeat(np.arange(len(user)), 1 + rng.poisson(1.5, len(user)))
    return user[at], t[at] + np.floor(rng.uniform(0, 600, len(at))).astype(np.int64)


def _activities(in_cloud: Bools, rng: np.random.Generator) -> pl.Series:
    """Return the activity on each page; cloud storage gets most of the uploads."""
    u = rng.random(len(in_cloud))
    limits = np.where(in_cloud, np.cumsum(_IN_CLOUD)[:2, None], np.cumsum(_USUAL)[:2, None])
    return _ACTIVITIES.gather((u >= limits).sum(axis=0))


def http_rows(world: World, work: WorkDays, other: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    """Return the visits of the working days and of night sessions."""
    people, pages, favourites = world.people, world.pages, world.favourites
    at, t = _ordinary(people, work, rng)
    user = work.user[at]
    rank = np.floor(FAVOURITES * rng.random(len(at)) ** 3.0).astype(np.int64)
    page = favourites[user, rank]
    reads = people.admin[user] & (rng.random(len(at)) < _SECURITY_SHARE)
    page[reads] = rng.choice(pages.security, int(reads.sum()))

    hunts = (work.day >= people.fates.hunt_from[work.user]) & (work.day < people.fates.hunt_to[work.user])
    hunt_user, hunt_t = _extra(np.where(hunts, people.fates.hunt[work.user], 0.0), work, rng)
    key_user, key_t = _extra(np.where(people.admin[work.user], _KEYLOGGER_PER_DAY, 0.0), work, rng)
    cloud_user, cloud_t = _cloud(work, rng)
    late = np.repeat(np.flatnonzero(other.night), rng.poisson(_NIGHT_VISITS, int(other.night.sum())))
    late_t = other.start[late] + np.floor(rng.random(len(late)) * (other.end - other.start)[late]).astype(
        np.int64
    )

    user = np.concatenate([user, hunt_user, key_user, cloud_user, other.user[late]])
    t = np.concatenate([t, hunt_t, key_t, cloud_t, late_t])
    page = np.concatenate(
        [
            page,
            rng.choice(pages.jobs, len(hunt_user)),
            rng.choice(pages.keylogger, len(key_user)),
            rng.choice(pages.cloud, len(cloud_user)),
            favourites[other.user[late], rng.integers(0, FAVOURITES, len(late))],
        ]
    )
    columns = {"url": pages.url.gather(page), "content": world.page_texts.pick(pages.topic[page], rng)}
    if has_column(world.release, "http", "activity"):
        columns["activity"] = _activities(page >= pages.cloud[0], rng)
    return frame(people, t, user, user, rng, **columns)
