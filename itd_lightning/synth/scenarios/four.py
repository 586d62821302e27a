"""Scenario 4: searches files on other users' PCs and mails them home, more and more often.

A visit is a Logon on another's PC, about five files opened there, a mail with attachments to the own
private address, a Logoff; the mail is read later at the own PC. Measured on r5.2: 8 .. 15 visits, each to
another PC, a third of them outside 08:00 to 18:00, over 32 .. 160 days with a median of 72. In a short
release the campaign shrinks in proportion.
"""

import numpy as np

from itd_lightning.synth.company import words
from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.company.folders import FILES
from itd_lightning.synth.company.people import Ints
from itd_lightning.synth.logs.file import OPEN
from itd_lightning.synth.scenarios.campaigns import Campaign, Diary
from itd_lightning.synth.world import QUIET, World

SHORTEST, MEDIAN, LONGEST = 32, 72, 160  # days
_AFTER_HOURS = 0.34  # share of visits
_DECOY = 0.2  # share of visits to a PC with a decoy file in which it is opened
_INTERESTING = tuple(
    t for t in words.TOPICS if t.name in {"Sales_Figures", "Lab_Results", "Project_Planning"}
)


def _visit_days(world: World, rng: np.random.Generator) -> list[int]:
    """Return the office days of the visits, closer and closer together."""
    calendar = world.calendar
    scale = min(1.0, (1 - QUIET - 0.05) * calendar.days / LONGEST)
    length = scale * np.clip(MEDIAN * np.exp(0.4 * rng.standard_normal()), SHORTEST, LONGEST)
    count = max(3, round(scale * rng.integers(8, 16)))
    latest = max(world.first_day, int(calendar.days - 5 - length))
    first = int(rng.integers(world.first_day, latest + 1))
    rest = 1 - np.linspace(0, 1, count)  # of the campaign, by count of visits
    days: Ints = first + np.rint(length * (1 - rest**1.6)).astype(np.int64)
    # The last visit must leave a day to see the mail.
    latest = calendar.next_office_day(calendar.days - 5, -1)
    open_days = {min(calendar.next_office_day(int(day)), latest) for day in days}
    return sorted(open_days)


def _hours(world: World, actor: int, rng: np.random.Generator) -> float:
    """Return the hour at which a visit begins: in the actor's working day, or in the evening."""
    start, home = world.people.hours.start[actor], world.people.home[actor]
    if rng.random() < _AFTER_HOURS:
        return float(home + rng.uniform(0.5, 2.5))
    return float(rng.uniform(start + 0.5, home - 2.0))


def _visit(diary: Diary, actor: int, pc: int, day: int) -> None:
    """Note one visit, and the reading of its mail at the own PC the same day or the next."""
    world, rng = diary.world, diary.rng
    people, folders = world.people, world.folders
    t = day * DAY + _hours(world, actor, rng) * HOUR
    files = [int(file) for file in rng.integers(0, FILES, int(np.clip(rng.poisson(5.4), 2, 9)))]
    if folders.decoy_at[pc] >= 0 and rng.random() < _DECOY:
        files[-1] = int(folders.decoy_at[pc])
    open_times = t + np.cumsum(rng.uniform(20, 240, len(files)))
    names = []
    for file, at in zip(files, open_times, strict=True):
        topic = _INTERESTING[int(rng.integers(len(_INTERESTING)))]
        names.append(diary.handle(at, actor, pc, OPEN, file, topic).rsplit("\\", 1)[1])
    mail_time = open_times[-1] + rng.uniform(30, 300)
    logoff = mail_time + rng.uniform(30, 400)
    diary.session(t, logoff, actor, pc)
    attachments = ";".join(f"{name}({rng.integers(9_000, 400_000)})" for name in names[: rng.integers(1, 4)])
    home, address = world.contacts.address[len(people.roster) + actor], world.contacts.address[actor]
    topic = _INTERESTING[int(rng.integers(len(_INTERESTING)))]
    mail = diary.mail(mail_time, actor, [home, "", ""], address, attachments, topic, pc=pc)
    leaves = day * DAY + people.home[actor] * HOUR
    read_time = logoff + rng.uniform(120, 1800)
    if read_time > leaves - 0.4 * HOUR:
        morning = world.calendar.next_office_day(day + 1)
        read_time = morning * DAY + (people.hours.start[actor] + rng.uniform(1.0, 3.0)) * HOUR
    diary.read(read_time, actor, mail)


def draw_scenario_four(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Draw one campaign of scenario 4."""
    diary = Diary(world, rng)
    days = _visit_days(world, rng)
    other_pcs = np.delete(np.arange(len(world.people.roster)), actor)
    for day, pc in zip(days, rng.permutation(other_pcs), strict=False):
        _visit(diary, actor, int(pc), day)
    last = max(row.t for row in diary.rows) // DAY
    return diary.close(4, actor, {actor: last + 1 + int(rng.integers(0, 4))})
