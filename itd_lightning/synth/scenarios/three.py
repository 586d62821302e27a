"""Scenario 3: an administrator carries a keylogger to the supervisor's PC and mails as the supervisor.

Thursday: two angry mails and two calming replies, a few visits to keylogger sites, one executable on a drive
at the own PC; after hours a short session with the drive on the supervisor's PC. Friday, after hours: a short
session there again, then one under the supervisor's account with a mail to many. Then the actor is gone.

The key of r4 and r6 holds all of it, that of r5 only what the actor's own account did. Since r5 the mails are
read: replies by the actor, the mass mail by its readers, when they next come to work.
"""

import numpy as np

from itd_lightning.synth.company import words
from itd_lightning.synth.company.calendar import DAY, HOUR, THURSDAY
from itd_lightning.synth.company.contacts import mass_mail_readers, split_recipients
from itd_lightning.synth.company.folders import EXECUTABLE, FILES
from itd_lightning.synth.company.people import Ints
from itd_lightning.synth.layout import has_column, records_mail_reads
from itd_lightning.synth.logs.file import COPY_FROM_DRIVE, COPY_TO_DRIVE
from itd_lightning.synth.scenarios.campaigns import DOWNLOAD, VISIT, Campaign, Diary, KeyRow
from itd_lightning.synth.world import World

_READERS_IN_KEY = 24  # r6.2: rows of 24 other accounts in the key


def _thursday(world: World, rng: np.random.Generator) -> int:
    """Return a Thursday after the quiet part of the period, with two office days where possible."""
    calendar = world.calendar
    days = np.arange(world.first_day, calendar.days - 1)
    thursdays = days[calendar.weekday[days] == THURSDAY]
    office_thursdays = thursdays[calendar.office[thursdays] & calendar.office[thursdays + 1]]
    return int(rng.choice(office_thursdays if len(office_thursdays) else thursdays))


def _key_has_other_accounts(world: World) -> bool:
    """Return whether the key holds rows of other accounts."""
    return world.release.decoys or not records_mail_reads(world.release)


def _quarrel(diary: Diary, actor: int, boss: int, hours: tuple[float, float], day: int) -> float:
    """Note mails and replies while both work; return the hour at which they end."""
    rng, world = diary.rng, diary.world
    address = world.contacts.address
    share = np.array([0.02, 0.17, 0.33, 0.48]) + rng.uniform(0, 0.1, 4)
    hour = hours[0] + share * (hours[1] - hours[0])
    for k, at in enumerate(hour):
        writer, reader = (actor, boss) if k % 2 == 0 else (boss, actor)
        topic = words.GRUDGE if writer == actor else words.CALMING
        copy = address[actor] if writer == actor and rng.random() < 0.5 else ""
        in_key = writer == actor or _key_has_other_accounts(world)
        attachments = diary.attach(int(rng.random() < 0.2))
        t, recipients = day * DAY + at * HOUR, [address[reader], "", copy]
        mail = diary.mail(t, writer, recipients, address[writer], attachments, topic, in_key=in_key)
        diary.read(t + rng.uniform(60, 600), reader, mail, reader == actor or _key_has_other_accounts(world))
    return float(hour[-1])


def _keylogger(diary: Diary, actor: int, hour: float, until: float, day: int) -> int:
    """Note visits to keylogger sites, then an executable on a drive, at the own PC; return the file."""
    rng, folders = diary.rng, diary.world.folders
    visits = np.sort(rng.uniform(hour + 0.1, hour + 0.45 * (until - hour), int(rng.integers(1, 10))))
    for at in visits:
        activity = DOWNLOAD if at == visits[-1] else VISIT
        diary.visit(day * DAY + at * HOUR, actor, int(rng.choice(diary.world.pages.keylogger)), activity)
    connect = day * DAY + (hour + rng.uniform(0.5, 0.7) * (until - hour)) * HOUR
    copy = connect + rng.uniform(60, 600)
    file = int(rng.choice(np.flatnonzero(folders.kind[:FILES] == EXECUTABLE)))
    diary.plug(connect, copy + rng.uniform(60, 480), actor, actor)
    diary.handle(copy, actor, actor, COPY_TO_DRIVE, FILES + file, words.KEYLOGGER)
    return file


def _note_readers(diary: Diary, mail: KeyRow, readers: Ints, friday: int) -> None:
    """Note the readers of the mass mail on the next open day; a few of them are in the key of r6."""
    world, rng = diary.world, diary.rng
    monday = world.calendar.next_office_day(friday + 1)
    if monday >= world.calendar.days:
        return
    still_here = readers[world.people.fates.leaves[readers] > monday]
    for k, reader in enumerate(still_here):
        hour = world.people.hours.start[reader] + rng.uniform(1.5, 4.0)
        in_key = _key_has_other_accounts(world) and k < _READERS_IN_KEY
        diary.read(monday * DAY + hour * HOUR, int(reader), mail, in_key)


def draw_scenario_three(world: World, actor: int, rng: np.random.Generator) -> Campaign:
    """Draw one campaign of scenario 3."""
    diary = Diary(world, rng)
    people, day = world.people, _thursday(world, rng)
    boss = people.roster[actor].supervisor
    pair = np.array([actor, boss])
    start = float(people.hours.start[pair].max()) + 0.6
    end = float(people.home[pair].min()) - 0.4
    calm = _quarrel(diary, actor, boss, (start, end), day)
    keylogger = _keylogger(diary, actor, calm, end, day)

    home = float(people.home[pair].max())
    logon = day * DAY + (home + rng.uniform(0.5, 2.0)) * HOUR
    connect = logon + rng.uniform(90, 480)
    disconnect = connect + rng.uniform(120, 480)
    diary.session(logon, disconnect + rng.uniform(60, 360), actor, boss)
    diary.plug(connect, disconnect, actor, boss)
    if has_column(world.release, "file", "activity"):  # r4 records copies to a drive only
        diary.handle((connect + disconnect) / 2, actor, boss, COPY_FROM_DRIVE, keylogger, words.KEYLOGGER)

    friday = (day + 1) * DAY + (home + rng.uniform(0.4, 1.6)) * HOUR
    leave = friday + rng.uniform(500, 900)
    diary.session(friday, leave, actor, boss)
    posing = leave + rng.uniform(180, 600)
    mail_time = posing + rng.uniform(120, 560)
    in_key = _key_has_other_accounts(world)
    diary.session(posing, mail_time + rng.uniform(90, 240), boss, boss, in_key)
    readers = mass_mail_readers(people, boss, day, rng)
    recipients, sender = split_recipients(world.contacts, readers), world.contacts.address[boss]
    mail = diary.mail(mail_time, boss, recipients, sender, diary.attach(0), words.ALARM, in_key=in_key)
    _note_readers(diary, mail, readers[readers != actor], day + 1)
    return diary.close(3, actor, {actor: day + 2})
