"""Scenario 2: job search, letters to competitors, then a drive used far more often than before.

Phases in days from the first row, medians of r4.2: visits 0 .. 29, mails 6 .. 43, drive 30 .. 56. In a short
release the phases shrink in proportion, and so do the numbers of rows: the rates a day stay.
"""

import numpy as np

from itd_lightning.synth.company import words
from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.company.organisation import full_names
from itd_lightning.synth.company.people import Floats, Ints
from itd_lightning.synth.scenarios.campaigns import Campaign, Diary
from itd_lightning.synth.world import QUIET, World

_LONGEST = 58.5  # days
_MISSING_DISCONNECT = 0.002
_DAYS_USED = 0.68  # share of the open days of a phase: r4.2 has 28.7 days with malicious rows a campaign


def _moments(
    world: World, actor: int, first: int, last: float, count: int, rng: np.random.Generator
) -> Floats:
    """Return sorted seconds of ``count`` acts, in the actor's hours on open days ``first`` .. ``last``."""
    people = world.people
    days = np.arange(first, max(int(last), first) + 1)
    open_days: Ints = days[world.calendar.office[days]]
    if len(open_days) == 0:
        open_days = np.array([world.calendar.next_office_day(first, -1)])
    day_count = max(1, round(_DAYS_USED * len(open_days)))
    open_days = rng.choice(open_days, day_count, replace=False)
    hour = people.hours.start[actor] + rng.uniform(0.4, people.hours.length[actor] - 0.7, count)
    return np.sort(rng.choice(open_days, count) * DAY + hour * HOUR)


def _drive(diary: Diary, actor: int, connects: Floats, rng: np.random.Generator) -> None:
    """Note connects and disconnects, one after the other."""
    until = np.append(connects[1:], np.inf)
    for start, limit in zip(connects, until, strict=True):
        end = min(start + 13 * 60 * np.exp(rng.standard_normal()), start + 0.8 * HOUR, limit - 5)
        diary.plug(start, max(end, start) if rng.random() >= _MISSING_DISCONNECT else None, actor, actor)


def draw_scenario_two(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Draw one campaign of scenario 2."""
    calendar, pages, contacts = world.calendar, world.pages, world.contacts
    scale = min(1.0, (1 - QUIET - 0.05) * calendar.days / _LONGEST)
    length = scale * rng.uniform(50.0, _LONGEST)
    latest = max(world.first_day, int(calendar.days - 2 - length))
    first = calendar.next_office_day(int(rng.integers(world.first_day, latest + 1)))
    end = min(first + length, float(calendar.days - 2))
    diary = Diary(world, rng)

    search_end, visits = first + scale * rng.uniform(25.4, 30.4), round(scale * rng.uniform(100, 149))
    browsing = _moments(world, actor, first, search_end, visits, rng)
    browsing[0] = first * DAY + (world.people.hours.start[actor] + rng.uniform(0.6, 5.0)) * HOUR
    for t in browsing:
        diary.visit(t, actor, int(rng.choice(pages.jobs)))

    letters_start, letters_end = int(first + scale * rng.uniform(2, 13)), first + scale * rng.uniform(39, 47)
    names, employers = full_names(4, rng), rng.choice(words.COMPETITOR_HOSTS, 4)
    recruiters = [f"{n.replace(' ', '_')}@{host}.example" for n, host in zip(names, employers, strict=True)]
    for t in _moments(
        world, actor, letters_start, min(letters_end, end), max(2, round(scale * rng.uniform(9, 20))), rng
    ):
        private = rng.random() < 0.5
        sender = contacts.address[actor + private * len(world.people.roster)]
        to = recruiters[int(rng.integers(len(recruiters)))]
        diary.mail(t, actor, [to, "", ""], sender, diary.attach(int(rng.random() < 0.3)), words.JOBS)

    drive_days = int(first + scale * rng.uniform(28, 34))
    uses = round(scale * np.clip(40 * np.exp(0.3 * rng.standard_normal()), 28, 104))
    _drive(diary, actor, _moments(world, actor, min(drive_days, int(end)), end, max(4, uses), rng), rng)
    last = max(row.t for row in diary.rows) // DAY
    return diary.close(2, actor, {actor: last + 1})
