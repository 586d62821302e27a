"""logon.csv, device.csv and file.csv of ordinary days."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.cert.synth import words
from itd_lightning.cert.synth.calendar import HOUR
from itd_lightning.cert.synth.logs import frame
from itd_lightning.cert.synth.people import Bools, Ints, People
from itd_lightning.cert.synth.sessions import Sessions, WorkDays
from itd_lightning.cert.synth.texts import Texts, file_stems

MISSING_LOGON = 0.002  # "a small number of daily logons is deliberately missing"
MISSING_DISCONNECT = 0.007
COPY_DAYS = 0.72  # share of days with a drive on which files are copied: r4.2 .291 / .403

_EXTENSIONS = ("doc", "pdf", "txt", "jpg", "zip", "exe")
_EXTENSION_SHARE = (0.60, 0.22, 0.06, 0.06, 0.05, 0.01)
# First bytes by file type, public facts; text files get the bytes of a byte-order mark.
HEADERS = pl.Series(
    [
        "D0-CF-11-E0-A1-B1-1A-E1",
        "25-50-44-46-2D",
        "EF-BB-BF-20-20",
        "FF-D8-FF-E0-00-10",
        "50-4B-03-04-14",
        "4D-5A-90-00-03",
    ]
)


def logon_rows(people: People, work: WorkDays, other: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    """Logons and Logoffs of sessions, and unlocks: a Logon that no Logoff answers."""
    n = len(work.user)
    seen = rng.random(n) >= MISSING_LOGON
    unlocked = rng.random(n) < people.hours.unlock[work.user]
    # Around lunch; users at odd hours unlock within their own day.
    unlock = np.rint(work.day * 24 * HOUR + rng.normal(12.75, 1.1, n) * HOUR).astype(np.int64)
    unlock = np.clip(unlock, work.start + HOUR // 2, work.end - HOUR // 2)
    user = np.concatenate([work.user[seen], work.user[unlocked], other.user, work.user, other.user])
    pc = np.concatenate([work.user[seen], work.user[unlocked], other.pc, work.user, other.pc])
    t = np.concatenate([work.start[seen], unlock[unlocked], other.start, work.end, other.end])
    logoffs = n + len(other.user)
    activity = pl.Series(["Logon", "Logoff"]).gather(np.repeat([0, 1], [len(t) - logoffs, logoffs]))
    return frame(people, t, user, pc, rng, activity=activity)


class Uses(NamedTuple):
    """Connections of a drive, grouped by day or session, in time order within a group.

    Attributes:
        user, pc: Of each group.
        group, start, end: Of each connection.
        logged: Whether its end is recorded.
    """

    user: Ints
    pc: Ints
    group: Ints
    start: Ints
    end: Ints
    logged: Bools


def _uses(people: People, work: WorkDays, other: Sessions, rng: np.random.Generator) -> Uses:
    """Draw when drives are connected, never two at a time within a group."""
    uses = (rng.random(len(work.user)) < people.media.days[work.user]) & (
        work.day >= people.media.first[work.user]
    )
    night = other.night & (rng.random(len(other.user)) < people.media.days[other.user])
    night &= other.start >= people.media.first[other.user] * 24 * HOUR
    # Administrators carry their drives to the PCs that they visit.
    carried = rng.random(len(other.user)) < 0.7 * people.media.days[other.user]
    night |= ~other.night & people.admin[other.user] & carried
    user = np.concatenate([work.user[uses], other.user[night]])
    pc = np.concatenate([work.user[uses], other.pc[night]])
    opened = np.concatenate([work.start[uses], other.start[night]])
    closed = np.concatenate([work.end[uses], other.end[night]])
    wanted = np.where(np.arange(len(user)) < uses.sum(), people.media.connects[user] - 1.0, 0.6)
    group = np.repeat(np.arange(len(user)), 1 + rng.poisson(np.maximum(wanted, 0.0)))

    # Drives are used from a little after arrival, and less towards the evening.
    span = closed[group] - opened[group]
    start = opened[group] + np.rint(span * (0.02 + 0.93 * rng.beta(1.0, 1.3, len(group)))).astype(np.int64)
    order = np.lexsort((start, group))
    group, start = group[order], start[order]
    last = np.append(group[1:] != group[:-1], np.ones(min(1, len(group)), dtype=bool))
    limit = np.where(last, closed[group], np.append(start[1:], 0)) - rng.integers(8, 200, len(group))
    length = np.rint(13 * 60 * np.exp(1.2 * rng.standard_normal(len(group)))).astype(np.int64)
    end = np.maximum(np.minimum(start + length, limit), start)
    return Uses(user, pc, group, start, end, rng.random(len(group)) >= MISSING_DISCONNECT)


def device_and_file_rows(
    people: People, work: WorkDays, other: Sessions, texts: Texts, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Connects and Disconnects of drives, and the copies made while a drive is connected."""
    uses = _uses(people, work, other, rng)
    group = np.concatenate([uses.group, uses.group[uses.logged]])
    t = np.concatenate([uses.start, uses.end[uses.logged]])
    activity = pl.Series(["Connect", "Disconnect"]).gather(
        np.repeat([0, 1], [len(uses.start), uses.logged.sum()])
    )
    device = frame(people, t, uses.user[group], uses.pc[group], rng, activity=activity)
    return device, _copies(people, uses, texts, rng)


def _copies(people: People, uses: Uses, texts: Texts, rng: np.random.Generator) -> pl.DataFrame:
    """Files copied on most days with a drive, spread over that day's connections."""
    groups = np.arange(len(uses.user))
    first = np.searchsorted(uses.group, groups)
    count = np.searchsorted(uses.group, groups, side="right") - first
    copied = 1 + rng.poisson(np.maximum(people.media.copies[uses.user] - 1.0, 0.0))
    at = np.repeat(groups, np.where(rng.random(len(groups)) < COPY_DAYS, copied, 0))
    use = first[at] + np.floor(rng.random(len(at)) * count[at]).astype(np.int64)
    t = uses.start[use] + np.rint(rng.random(len(at)) * (uses.end - uses.start)[use]).astype(np.int64)
    kind = rng.choice(len(_EXTENSIONS), len(at), p=_EXTENSION_SHARE)
    ending = pl.Series([f".{name}" for name in _EXTENSIONS]).gather(kind)
    topic = rng.integers(0, len(words.TOPICS), len(at))
    text = pl.select(
        filename=pl.concat_str(*(pl.lit(part) for part in file_stems(len(at), rng)), pl.lit(ending)),
        content=pl.concat_str(pl.lit(HEADERS.gather(kind)), pl.lit(texts.pick(topic, rng)), separator=" "),
    )
    return frame(
        people, t, uses.user[at], uses.pc[at], rng, filename=text["filename"], content=text["content"]
    )
