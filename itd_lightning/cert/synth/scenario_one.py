"""Scenario 1: nights with a drive and a leak site, by a user who did neither before.

A night is a Logon, a Connect, one visit, a Disconnect, a Logoff on the own PC. Measured on r4.2: 2.3 nights a
campaign (1 .. 4), 11 days from first to last at most, one row in nine on a weekend.
"""

import numpy as np

from itd_lightning.cert.synth.calendar import DAY, HOUR, SATURDAY
from itd_lightning.cert.synth.campaigns import DEVICE, LOGON, Campaign, Diary, World

_NIGHTS = (1, 2, 3, 4)
_NIGHTS_SHARE = (0.17, 0.43, 0.32, 0.08)


def _days(world: World, rng: np.random.Generator) -> list[int]:
    """Evenings of the campaign; the night may end on the day after, which must still be ours."""
    calendar, last = world.calendar, world.calendar.days - 2
    count = int(rng.choice(_NIGHTS, p=_NIGHTS_SHARE))
    span = int(rng.integers(3, 11)) if count > 1 else 0
    first = int(rng.integers(world.first_day, last - span + 1))
    days = {first, first + span}
    while len(days) < count:
        days.add(first + int(rng.integers(1, span)))
    # Two of three weekend nights are moved to the week.
    moved = {d + 2 if calendar.weekday[d] >= SATURDAY and rng.random() < 2 / 3 else d for d in days}
    return sorted(min(d, last) for d in moved)


def plan(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Plan one campaign of scenario 1."""
    diary = Diary(world, rng)
    days = _days(world, rng)
    people = world.people
    home = people.home[actor]
    for day in dict.fromkeys(days):
        logon = day * DAY + rng.uniform(max(19.5, home + 0.8), 27.5) * HOUR
        connect = logon + 60 * rng.uniform(1, 45)
        visit = connect + rng.uniform(15, 420)
        disconnect = visit + rng.uniform(40, 420)
        logoff = disconnect + 60 * rng.uniform(2, 60)
        diary.add(LOGON, logon, actor, actor, "Logon")
        diary.add(DEVICE, connect, actor, actor, "Connect")
        diary.visit(visit, actor, int(rng.choice(world.pages.leak)))
        diary.add(DEVICE, disconnect, actor, actor, "Disconnect")
        diary.add(LOGON, logoff, actor, actor, "Logoff")
    return diary.close(1, actor, days[-1] + 1 + int(rng.integers(1, 4)))
