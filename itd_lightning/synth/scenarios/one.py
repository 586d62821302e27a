"""Scenario 1: nights with a drive and a leak site, by a user who did neither before.

A night is a Logon, a Connect, one visit, a Disconnect, a Logoff on the own PC. Measured on r4.2: 2.3 nights a
campaign (1 .. 4), 11 days from first to last at most, one row in nine on a weekend. Since r5 files are copied
to the drive and opened there, two or three a night; since r6 there are as many uploads.
"""

import numpy as np

from itd_lightning.synth.company import words
from itd_lightning.synth.company.calendar import DAY, HOUR, SATURDAY
from itd_lightning.synth.company.folders import FILES
from itd_lightning.synth.layout import has_column
from itd_lightning.synth.logs.file import COPY_TO_DRIVE, OPEN_ON_DRIVE
from itd_lightning.synth.scenarios.campaigns import UPLOAD, Campaign, Diary
from itd_lightning.synth.world import World

_NIGHTS = (1, 2, 3, 4)
_NIGHTS_SHARE = (0.17, 0.43, 0.32, 0.08)


def _days(world: World, rng: np.random.Generator) -> list[int]:
    """Return the evenings of the campaign; a night may end on the day after, inside the release."""
    calendar, last = world.calendar, world.calendar.days - 2
    count = int(rng.choice(_NIGHTS, p=_NIGHTS_SHARE))
    span = int(rng.integers(3, 11)) if count > 1 else 0
    first = int(rng.integers(world.first_day, last - span + 1))
    days = {first, first + span}
    while len(days) < count:
        days.add(first + int(rng.integers(1, span)))
    # Two of three weekend nights are moved to the week.
    nights = {d + 2 if calendar.weekday[d] >= SATURDAY and rng.random() < 2 / 3 else d for d in days}
    return sorted(min(d, last) for d in nights)


def _night(diary: Diary, actor: int, logon: float) -> None:
    """Note one night."""
    rng, release = diary.rng, diary.world.release
    connect = logon + 60 * rng.uniform(1, 45)
    visit = connect + rng.uniform(15, 420)
    disconnect = visit + rng.uniform(40, 420)
    diary.session(logon, disconnect + 60 * rng.uniform(2, 60), actor, actor)
    diary.plug(connect, disconnect, actor, actor)
    if has_column(release, "file", "activity"):
        for t in rng.uniform(connect, visit, int(rng.integers(1, 5))):
            act = COPY_TO_DRIVE if rng.random() < 0.4 else OPEN_ON_DRIVE
            topic = words.TOPICS[int(rng.integers(len(words.TOPICS)))]
            diary.handle(t, actor, actor, act, int(rng.integers(FILES, 2 * FILES)), topic)
    uploads = int(rng.integers(2, 5)) if has_column(release, "http", "activity") else 1
    for t in [visit, *rng.uniform(visit, disconnect, uploads - 1)]:
        diary.visit(t, actor, int(rng.choice(diary.world.pages.leak)), UPLOAD)


def draw_scenario_one(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Draw one campaign of scenario 1."""
    diary = Diary(world, rng)
    days = _days(world, rng)
    home = world.people.home[actor]
    for day in dict.fromkeys(days):
        _night(diary, actor, day * DAY + rng.uniform(max(19.5, home + 0.8), 27.5) * HOUR)
    return diary.close(1, actor, {actor: days[-1] + 1 + int(rng.integers(1, 4))})
