"""Scenario 3: an administrator carries a keylogger to the supervisor's PC and mails as the supervisor.

Thursday: two angry mails and two calming replies, a few visits to keylogger sites, one executable on a drive
at the own PC; after hours a short session with the drive on the supervisor's PC. Friday, after hours: a short
session there again, then one under the supervisor's account with a mail to many. Then the actor is gone.
"""

import numpy as np

from itd_lightning.cert.synth import words
from itd_lightning.cert.synth.calendar import DAY, HOUR, THURSDAY
from itd_lightning.cert.synth.campaigns import DEVICE, FILE, LOGON, Campaign, Diary, World
from itd_lightning.cert.synth.email_log import everybody
from itd_lightning.cert.synth.presence_logs import HEADERS
from itd_lightning.cert.synth.texts import file_stems

EXECUTABLE = 5  # position in HEADERS


def _thursday(world: World, rng: np.random.Generator) -> int:
    """A Thursday after the quiet part of the period; office days both, where there is such a week."""
    calendar = world.calendar
    days = np.arange(world.first_day, calendar.days - 1)
    thursdays = days[calendar.weekday[days] == THURSDAY]
    working = thursdays[calendar.office[thursdays] & calendar.office[thursdays + 1]]
    return int(rng.choice(working if len(working) else thursdays))


def _quarrel(diary: Diary, actor: int, boss: int, hours: tuple[float, float], day: int) -> float:
    """Mails and replies in the hours that both work; returns the hour at which they end."""
    rng, world = diary.rng, diary.world
    address = world.contacts.address
    share = np.array([0.02, 0.17, 0.33, 0.48]) + rng.uniform(0, 0.1, 4)
    hour = hours[0] + share * (hours[1] - hours[0])
    for k, at in enumerate(hour):
        writer, reader = (actor, boss) if k % 2 == 0 else (boss, actor)
        text = world.mail_texts.one(words.GRUDGE if writer == actor else words.CALMING, rng)
        copy = address[actor] if writer == actor and rng.random() < 0.5 else ""
        attachments = int(rng.random() < 0.2)
        diary.mail(
            day * DAY + at * HOUR, writer, [address[reader], "", copy], address[writer], attachments, text
        )
    return float(hour[-1])


def _keylogger(diary: Diary, actor: int, hour: float, until: float, day: int) -> None:
    """Visits to keylogger sites, then one executable on the drive, at the own PC."""
    rng, world = diary.rng, diary.world
    visits = np.sort(rng.uniform(hour + 0.1, hour + 0.45 * (until - hour), int(rng.integers(1, 10))))
    for at in visits:
        diary.visit(day * DAY + at * HOUR, actor, int(rng.choice(world.pages.keylogger)))
    connect = day * DAY + (hour + rng.uniform(0.5, 0.7) * (until - hour)) * HOUR
    copy = connect + rng.uniform(60, 600)
    name = "".join(part[0] for part in file_stems(1, rng)) + ".exe"
    content = f"{HEADERS[EXECUTABLE]} {world.file_texts.one(words.KEYLOGGER, rng)}"
    diary.add(DEVICE, connect, actor, actor, "Connect")
    diary.add(FILE, copy, actor, actor, name, content)
    diary.add(DEVICE, copy + rng.uniform(60, 480), actor, actor, "Disconnect")


def plan(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Plan one campaign of scenario 3."""
    diary = Diary(world, rng)
    people, day = world.people, _thursday(world, rng)
    boss = people.roster[actor].supervisor
    both = np.array([actor, boss])
    opens = float(people.hours.start[both].max()) + 0.6
    closes = float(people.home[both].min()) - 0.4
    calm = _quarrel(diary, actor, boss, (opens, closes), day)
    _keylogger(diary, actor, calm, closes, day)

    home = float(people.home[both].max())
    logon = day * DAY + (home + rng.uniform(0.5, 2.0)) * HOUR
    connect = logon + rng.uniform(90, 480)
    disconnect = connect + rng.uniform(120, 480)
    diary.add(LOGON, logon, actor, boss, "Logon")
    diary.add(DEVICE, connect, actor, boss, "Connect")
    diary.add(DEVICE, disconnect, actor, boss, "Disconnect")
    diary.add(LOGON, disconnect + rng.uniform(60, 360), actor, boss, "Logoff")

    friday = (day + 1) * DAY + (home + rng.uniform(0.4, 1.6)) * HOUR
    leave = friday + rng.uniform(500, 900)
    diary.add(LOGON, friday, actor, boss, "Logon")
    diary.add(LOGON, leave, actor, boss, "Logoff")
    posing = leave + rng.uniform(180, 600)
    mail = posing + rng.uniform(120, 560)
    diary.add(LOGON, posing, boss, boss, "Logon")
    recipients = everybody(people, world.contacts, boss, day, rng)
    alarm = world.mail_texts.one(words.ALARM, rng)
    diary.mail(mail, boss, recipients, world.contacts.address[boss], 0, alarm)
    diary.add(LOGON, mail + rng.uniform(90, 240), boss, boss, "Logoff")
    return diary.close(3, actor, day + 2)
