"""logon.csv and device.csv of ordinary days."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company.calendar import HOUR
from itd_lightning.synth.company.folders import DRIVES
from itd_lightning.synth.company.people import Bools, Ints, People
from itd_lightning.synth.layout import has_column
from itd_lightning.synth.logs.rows import frame
from itd_lightning.synth.logs.sessions import Sessions, WorkDays
from itd_lightning.synth.world import World

_MISSING_LOGON = 0.002  # "a small number of daily logons is deliberately missing"
_MISSING_DISCONNECT = 0.007


def logon_rows(world: World, work: WorkDays, other: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    """Return logons and logoffs of sessions, and unlocks: a Logon without a Logoff."""
    people = world.people
    n = len(work.user)
    is_logged = rng.random(n) >= _MISSING_LOGON
    has_unlock = rng.random(n) < people.hours.unlock[work.user]
    # Around lunch; users at odd hours unlock within their own day.
    unlock = np.rint(work.day * 24 * HOUR + rng.normal(12.75, 1.1, n) * HOUR).astype(np.int64)
    unlock = np.clip(unlock, work.start + HOUR // 2, work.end - HOUR // 2)
    user = np.concatenate([work.user[is_logged], work.user[has_unlock], other.user, work.user, other.user])
    pc = np.concatenate([work.user[is_logged], work.user[has_unlock], other.pc, work.user, other.pc])
    t = np.concatenate([work.start[is_logged], unlock[has_unlock], other.start, work.end, other.end])
    logoffs = n + len(other.user)
    activity = pl.Series(["Logon", "Logoff"]).gather(np.repeat([0, 1], [len(t) - logoffs, logoffs]))
    return frame(people, t, user, pc, rng, activity=activity)


class Uses(NamedTuple):
    """Connections of a drive, grouped by day or session, in time order within a group.

    Attributes:
        user, pc: Of each group.
        group, start, end: Of each connection.
        end_is_logged: Whether its end is recorded.
    """

    user: Ints
    pc: Ints
    group: Ints
    start: Ints
    end: Ints
    end_is_logged: Bools


def drive_uses(people: People, work: WorkDays, other: Sessions, rng: np.random.Generator) -> Uses:
    """Draw when drives are connected, never two at a time within a group."""
    uses = (rng.random(len(work.user)) < people.media.days[work.user]) & (
        work.day >= people.media.first[work.user]
    )
    night = other.night & (rng.random(len(other.user)) < people.media.days[other.user])
    night &= other.start >= people.media.first[other.user] * 24 * HOUR
    # Administrators carry their drives to the PCs that they visit.
    carries = rng.random(len(other.user)) < 0.7 * people.media.days[other.user]
    night |= ~other.night & people.admin[other.user] & carries
    user = np.concatenate([work.user[uses], other.user[night]])
    pc = np.concatenate([work.user[uses], other.pc[night]])
    earliest = np.concatenate([work.start[uses], other.start[night]])
    latest = np.concatenate([work.end[uses], other.end[night]])
    rate = np.where(np.arange(len(user)) < uses.sum(), people.media.connects[user] - 1.0, 0.6)
    group = np.repeat(np.arange(len(user)), 1 + rng.poisson(np.maximum(rate, 0.0)))

    # Drives are used from a little after arrival, and less towards the evening.
    span = latest[group] - earliest[group]
    start = earliest[group] + np.rint(span * (0.02 + 0.93 * rng.beta(1.0, 1.3, len(group)))).astype(np.int64)
    order = np.lexsort((start, group))
    group, start = group[order], start[order]
    last = np.append(group[1:] != group[:-1], np.ones(min(1, len(group)), dtype=bool))
    limit = np.where(last, latest[group], np.append(start[1:], 0)) - rng.integers(8, 200, len(group))
    length = np.rint(13 * 60 * np.exp(1.2 * rng.standard_normal(len(group)))).astype(np.int64)
    end = np.maximum(np.minimum(start + length, limit), start)
    return Uses(user, pc, group, start, end, rng.random(len(group)) >= _MISSING_DISCONNECT)


def drive_tree(user: Ints, drive: Ints) -> Ints:
    """Return which of ``Folders.tree`` a user's drive holds; everyone has a few drives."""
    return (user * 3 + drive) % DRIVES


def device_rows(world: World, uses: Uses, rng: np.random.Generator) -> pl.DataFrame:
    """Return Connects and Disconnects; a Connect has the drive's folders, where the release records them."""
    group = np.concatenate([uses.group, uses.group[uses.end_is_logged]])
    t = np.concatenate([uses.start, uses.end[uses.end_is_logged]])
    is_disconnect = np.repeat([0, 1], [len(uses.start), uses.end_is_logged.sum()])
    columns = {"activity": pl.Series(["Connect", "Disconnect"]).gather(is_disconnect)}
    user = uses.user[group]
    if has_column(world.release, "device", "file_tree"):
        trees = pl.concat([world.folders.tree, pl.Series([""])])
        tree = drive_tree(user, rng.integers(0, 3, len(user)))
        columns["file_tree"] = trees.gather(np.where(is_disconnect, DRIVES, tree))
    return frame(world.people, t, user, uses.pc[group], rng, **columns)
