"""Scenario 5: a member of a group decimated by lay-offs uploads documents to public cloud storage.

Half of the group, none of them an insider, leave in the weeks before, and so does half of another group, in
which nobody does anything. Measured on r6.2: four uploads within minutes, in working hours, at the own PC.
"""

import numpy as np

from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.company.people import Ints
from itd_lightning.synth.scenarios.campaigns import UPLOAD, Campaign, Diary
from itd_lightning.synth.world import World

_LAY_OFF_SHARE = 0.5  # share of the group
_LAY_OFF_DAYS = 21  # days before, in which they leave


def _draw_lay_offs(world: World, group: int, rng: np.random.Generator) -> Ints:
    """Return half of a group, without insiders and supervisors."""
    roster = world.people.roster
    stays = {*world.cast.everyone.tolist(), *(person.supervisor for person in roster)}
    members = [i for i, person in enumerate(roster) if person.group == group and i not in stays]
    return rng.permutation(np.array(members, dtype=np.int64))[: int(np.ceil(_LAY_OFF_SHARE * len(members)))]


def draw_scenario_five(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Draw one campaign of scenario 5."""
    diary = Diary(world, rng)
    calendar, hours = world.calendar, world.people.hours
    day = int(rng.integers(world.first_day, calendar.days - 4))
    day = min(calendar.next_office_day(day), calendar.next_office_day(calendar.days - 3, -1))
    t = day * DAY + (hours.start[actor] + rng.uniform(1.0, hours.length[actor] - 1.5)) * HOUR
    for _ in range(int(rng.integers(3, 6))):
        diary.visit(t, actor, int(rng.choice(world.pages.cloud)), UPLOAD)
        t += rng.uniform(20, 180)
    group = world.people.roster[actor].group
    other_groups = [person.group for person in world.people.roster if person.group != group]
    leavers = [*_draw_lay_offs(world, group, rng), *_draw_lay_offs(world, int(rng.choice(other_groups)), rng)]
    departures = {int(user): max(1, day - int(rng.integers(1, _LAY_OFF_DAYS))) for user in leavers}
    return diary.close(5, actor, {**departures, actor: day + 1 + int(rng.integers(1, 15))})
