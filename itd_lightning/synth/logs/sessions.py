"""Sessions in a block of days: user, PC, start and end, in seconds since the first midnight."""

from typing import NamedTuple

import numpy as np

from itd_lightning.synth.company.calendar import DAY, HOUR, Calendar
from itd_lightning.synth.company.people import Bools, Floats, Ints, People


class WorkDays(NamedTuple):
    """Working days at the own PC, one element each: user, day, arrival and departure."""

    user: Ints
    day: Ints
    start: Ints
    end: Ints


def gather_bursts(
    t: Ints, at: Ints, share: float, gap: float, latest: Ints, rng: np.random.Generator
) -> Ints:
    """Move a ``share`` of events to ``gap`` seconds (mean) after the event before, within a group.

    Args:
        t: Seconds of each event.
        at: Group of each event, ascending.
        share: Chance of an event to follow the one before it.
        gap: Mean distance within a burst, seconds.
        latest: Latest second of each event.
        rng: Source of randomness.
    """
    index = np.arange(len(t))
    is_leader = (rng.random(len(t)) >= share) | (np.append(-1, at[:-1]) != at)
    leader = np.maximum.accumulate(np.where(is_leader, index, 0))
    elapsed = np.cumsum(np.where(is_leader, 0, np.ceil(rng.exponential(gap, len(t))).astype(np.int64)))
    times: Ints = np.minimum(t[leader] + elapsed - elapsed[leader], latest)
    return times


class Sessions(NamedTuple):
    """Short sessions beside the working day: on other PCs, or at night on the own (``night``)."""

    user: Ints
    pc: Ints
    start: Ints
    end: Ints
    night: Bools


def _seconds(day: Ints, hour: Floats) -> Ints:
    """Return day and hour of day as whole seconds."""
    return day * DAY + np.rint(hour * HOUR).astype(np.int64)


def work_days(people: People, calendar: Calendar, block: range, rng: np.random.Generator) -> WorkDays:
    """Draw attendance and hours of a block of days."""
    shape = (len(people.roster), len(block))
    open_days = calendar.office[block.start : block.stop]
    attendance = open_days[None, :] | (rng.random(shape) < people.hours.weekend[:, None])
    attendance &= np.arange(block.start, block.stop)[None, :] < people.fates.leaves[:, None]
    user, day = np.nonzero(attendance)
    day += block.start

    sd = people.hours.sd[user]
    start = people.hours.start[user] + sd * rng.standard_normal(len(user))
    end = people.home[user] + sd * rng.standard_normal(len(user))
    is_odd = rng.random(len(user)) < people.hours.odd[user]
    start += is_odd * 2.2 * rng.standard_normal(len(user))
    end += people.hours.late[user, day // 7] * rng.uniform(1.0, 3.5, len(user))
    start = np.clip(start, 0.5, 13.0)
    end = np.clip(end, start + 2.0, 23.7)
    return WorkDays(user, day, _seconds(day, start), _seconds(day, end))


def _other_pcs(people: People, work: WorkDays, rng: np.random.Generator) -> Sessions:
    """Draw short sessions on other PCs; those of administrators lie outside their hours, at any PC."""
    at = np.repeat(np.arange(len(work.user)), np.minimum(rng.poisson(people.places.visits[work.user]), 7))
    user, day = work.user[at], work.day[at]
    u = rng.random(len(at))
    arrive, depart = work.start[at] / HOUR - day * 24, work.end[at] / HOUR - day * 24
    work_hours = arrive + 0.5 + u * np.maximum(depart - arrive - 1.5, 0.1)
    early_hours = np.maximum(arrive - 0.6, 0.0)
    off_hours = u * (early_hours + 23.9 - depart)
    off_hours = np.where(off_hours < early_hours, off_hours, off_hours - early_hours + depart + 0.05)
    admin = people.admin[user]
    length = np.where(admin, rng.uniform(0.12, 0.4, len(at)), rng.uniform(0.15, 0.9, len(at)))
    usual_pc = people.places.other[user, rng.integers(0, people.places.other.shape[1], len(at))]
    # Administrators draw among all PCs but their own.
    any_pc = rng.integers(0, len(people.places.pcs) - 1, len(at))
    any_pc += any_pc >= user
    start = _seconds(day, np.where(admin, off_hours, work_hours))
    end = start + np.rint(length * HOUR).astype(np.int64)
    return Sessions(user, np.where(admin, any_pc, usual_pc), start, end, np.zeros(len(at), dtype=bool))


def _nights(
    people: People, calendar: Calendar, work: WorkDays, block: range, rng: np.random.Generator
) -> Sessions:
    """Draw night sessions on the own PC: a habit of few users, a rare exception of all others."""
    habit = rng.random(len(work.user)) < people.hours.night[work.user]
    shape = (len(people.roster), len(block))
    rare = np.where(calendar.office[block.start : block.stop], 0.0003, 0.0015)
    is_exception = rng.random(shape) < rare[None, :] * ~people.hours.quiet[:, None]
    is_exception &= np.arange(block.start, block.stop)[None, :] < people.fates.leaves[:, None]
    exception_user, exception_day = np.nonzero(is_exception)
    user = np.concatenate([work.user[habit], exception_user])
    day = np.concatenate([work.day[habit], exception_day + block.start])
    leave = np.concatenate([work.end[habit] / HOUR - work.day[habit] * 24, people.home[exception_user]])
    evening = np.maximum(rng.uniform(20.0, 22.9, len(user)), leave + 0.4)
    after_midnight = rng.uniform(0.1, 3.6, len(user))
    start = _seconds(day, np.where(rng.random(len(user)) < 0.75, evening, after_midnight))
    end = start + np.rint(rng.uniform(0.2, 1.5, len(user)) * HOUR).astype(np.int64)
    return Sessions(user, user, start, end, np.ones(len(user), dtype=bool))


def short_sessions(
    people: People, calendar: Calendar, work: WorkDays, block: range, rng: np.random.Generator
) -> Sessions:
    """Draw all sessions beside the working day."""
    parts = zip(_other_pcs(people, work, rng), _nights(people, calendar, work, block, rng), strict=True)
    return Sessions(*(np.concatenate(part) for part in parts))
