"""Scenario 5: a member of a group decimated by lay-offs uploads documents to public cloud storage.

Half of the group, none of them an insider, leave in the weeks before. Measured on r6.2: four uploads within
minutes, in working hours, at the own PC.
"""

import numpy as np

from itd_lightning.cert.synth.calendar import DAY, HOUR
from itd_lightning.cert.synth.campaigns import UPLOAD, Campaign, Diary
from itd_lightning.cert.synth.people import Ints
from itd_lightning.cert.synth.world import World

LAID_OFF = 0.5  # share of the group
LAY_OFFS = 21  # days before, in which they leave


def colleagues(world: World, actor: int) -> Ints:
    """Members of the actor's group who may be laid off: neither insiders nor supervisors."""
    roster = world.people.roster
    kept = {*world.cast.everyone.tolist(), *(person.supervisor for person in roster)}
    group = roster[actor].group
    return np.array([i for i, p in enumerate(roster) if p.group == group and i not in kept], dtype=np.int64)


def plan(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Plan one campaign of scenario 5."""
    diary = Diary(world, rng)
    calendar, hours = world.calendar, world.people.hours
    day = int(rng.integers(world.first_day, calendar.days - 4))
    day = min(calendar.next_office_day(day), calendar.next_office_day(calendar.days - 3, -1))
    t = day * DAY + (hours.start[actor] + rng.uniform(1.0, hours.length[actor] - 1.5)) * HOUR
    for _ in range(int(rng.integers(3, 6))):
        diary.visit(t, actor, int(rng.choice(world.pages.cloud)), UPLOAD)
        t += rng.uniform(20, 180)
    near = colleagues(world, actor)
    laid_off = rng.permutation(near)[: int(np.ceil(LAID_OFF * len(near)))]
    departures = {int(user): max(1, day - int(rng.integers(1, LAY_OFFS))) for user in laid_off}
    return diary.close(5, actor, {**departures, actor: day + 1 + int(rng.integers(1, 15))})
