"""email.csv of ordinary days: sender, recipients, time, PC and address of each mail."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.company.contacts import MAX_OUTSIDERS, Contacts, mass_mail_readers, split_recipients
from itd_lightning.synth.company.folders import MOST_ATTACHED
from itd_lightning.synth.company.people import Bools, Ints, People
from itd_lightning.synth.layout import counts_attachments, records_mail_reads
from itd_lightning.synth.logs.readers import read_rows
from itd_lightning.synth.logs.rows import frame
from itd_lightning.synth.logs.sessions import Sessions, WorkDays, gather_bursts
from itd_lightning.synth.world import World

FIRST_SECOND, LAST_SECOND = 7 * HOUR, 22 * HOUR  # no mail is sent outside
_EXTERNAL_MODE = 0.47  # share of mails that go (also) outside
_PRIVATE_SENDER = (0.17, 0.66)  # from a private address: mails inside, mails outside
_RARE_TOPIC = 0.006
_AWAY_SHARE = 0.15  # mails a session on another PC
_TO_SELF = (0.003, 0.12)  # share of mails to the own private address: from the own PC, from another
_RARE = (words.GRUDGE, words.CALMING, words.JOBS, words.ALARM)
_ATTACHED = (0.785, 0.130, 0.045, 0.019, 0.009, 0.005, 0.003, 0.002, 0.001, 0.001)
_SLOTS = (0, 3, 5, 7)  # of an address table: to, cc and bcc begin here
# Chances of 0, 1, 2, 3 addresses in to, cc and bcc.
_RECIPIENTS = ((0, 0.62, 0.26, 0.12), (0.48, 0.34, 0.18, 0), (0.79, 0.17, 0.04, 0))


class _Mails(NamedTuple):
    """Mails before they become rows.

    Attributes:
        user, pc, t: Who sends it, where and when.
        table: (m, 7) recipients as indices into ``Contacts.address``, that of null where a slot is free.
        home: Whether it goes to the sender's own private address, with attachments.
        outward: Whether it goes outside.
        mass: Readers of the mails to many, by row.
    """

    user: Ints
    pc: Ints
    t: Ints
    table: Ints
    home: Bools
    outward: Bools
    mass: dict[int, Ints]


def _times(people: People, work: WorkDays, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the working day and time of each mail from the own PC."""
    earliest = np.maximum(work.start + 240, work.day * DAY + FIRST_SECOND)
    latest = np.minimum(work.end - 120, work.day * DAY + LAST_SECOND - 1)
    rate = people.mails(work.user, work.day)
    count = np.rint(rate * (1 + 0.09 * rng.standard_normal(len(rate)))).astype(np.int64)
    count = np.where((latest > earliest) & (rng.random(len(rate)) > 0.006), np.maximum(count, 1), 0)
    at = np.repeat(np.arange(len(rate)), count)
    t = earliest[at] + np.floor(rng.random(len(at)) * (latest - earliest)[at]).astype(np.int64)
    return at, gather_bursts(t, at, 0.55, 60.0, latest[at], rng)


def _away_times(other: Sessions, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the session and time of each mail from another PC."""
    at = np.flatnonzero(~other.night & (rng.random(len(other.user)) < _AWAY_SHARE))
    t = other.start[at] + np.floor(rng.random(len(at)) * (other.end - other.start)[at]).astype(np.int64)
    in_hours = (t % DAY >= FIRST_SECOND) & (t % DAY < LAST_SECOND)
    return at[in_hours], t[in_hours]


def _recipients(contacts: Contacts, user: Ints, outward: Bools, rng: np.random.Generator) -> Ints:
    """Return the address table of ordinary mails."""
    m = len(user)
    counts = [rng.choice(4, m, p=chances) for chances in _RECIPIENTS]
    # Seven consecutive contacts from a random favourite on are distinct, so nobody gets a mail twice.
    favourite = rng.random((m, 1)) ** 1.8
    step = np.arange(_SLOTS[-1])[None, :]
    friends = contacts.friends[user][:, None]
    colleagues = contacts.colleagues[
        user[:, None], (np.floor(favourite * friends).astype(np.int64) + step) % friends
    ]
    outside_contacts = contacts.outside_contacts[
        user[:, None], (np.floor(favourite * MAX_OUTSIDERS).astype(np.int64) + step) % MAX_OUTSIDERS
    ]
    is_outward = outward[:, None] & ((step == 0) | (rng.random((m, _SLOTS[-1])) < 0.6))
    table: Ints = np.where(is_outward, outside_contacts, colleagues)
    null = len(contacts.address) - 1
    for first, end, count in zip(_SLOTS[:3], _SLOTS[1:], counts, strict=True):
        for slot in range(first, end):
            table[slot - first >= count, slot] = null
    return table


def _draw_mails(world: World, work: WorkDays, other: Sessions, rng: np.random.Generator) -> _Mails:
    """Draw sender, recipients, time and PC of each mail."""
    people, contacts = world.people, world.contacts
    at, t = _times(people, work, rng)
    away_at, away_t = _away_times(other, rng)
    user = np.concatenate([work.user[at], other.user[away_at]])
    pc = np.concatenate([work.user[at], other.pc[away_at]])
    outward = rng.random(len(user)) < _EXTERNAL_MODE
    table = _recipients(contacts, user, outward, rng)
    home = rng.random(len(user)) < np.where(pc == user, *_TO_SELF)
    table[home] = len(contacts.address) - 1
    table[home, 0] = user[home] + len(people.roster)
    mass = _mass_mails(people, contacts, work, at, rng)
    return _Mails(user, pc, np.concatenate([t, away_t]), table, home, outward, mass)


def _mail_rows(world: World, mails: _Mails, rng: np.random.Generator) -> pl.DataFrame:
    """Return the mails as rows."""
    contacts, user, m = world.contacts, mails.user, len(mails.user)
    lists = [_join_addresses(contacts, mails.table[:, a:b]) for a, b in pairwise(_SLOTS)]
    if mails.mass:
        values = [split_recipients(contacts, readers) for readers in mails.mass.values()]
        lists = [
            column.scatter([*mails.mass], [value[k] for value in values]) for k, column in enumerate(lists)
        ]
    private = (rng.random(m) < np.where(mails.outward, *_PRIVATE_SENDER[::-1])) & ~mails.home
    attachment_count = np.maximum(rng.choice(MOST_ATTACHED + 1, m, p=_ATTACHED), mails.home)
    attachments = (
        pl.Series(attachment_count).cast(pl.String)
        if counts_attachments(world.release)
        else world.folders.attachments(attachment_count, rng)
    )
    size = np.rint(28_353 * np.exp(0.32 * rng.standard_normal(m))).astype(np.int64)
    topic = contacts.topics[user, np.floor(4 * rng.random(m) ** 1.5).astype(np.int64)]
    # Honest people, too, complain, console and write about jobs.
    rare = rng.random(m) < _RARE_TOPIC
    topic[rare] = rng.choice([words.ALL_TOPICS.index(t) for t in _RARE], int(rare.sum()))
    return frame(
        world.people,
        mails.t,
        user,
        mails.pc,
        rng,
        **dict(zip(("to", "cc", "bcc"), lists, strict=True)),
        **{"from": contacts.address.gather(user + private * len(world.people.roster))},
        size=pl.Series(size).cast(pl.String),
        attachments=attachments,
        content=world.mail_texts.pick(topic, rng),
    )


def email_rows(world: World, work: WorkDays, other: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    """Return the sent mails, mass mails among them, and since r5 their copies at the readers' PCs."""
    mails = _draw_mails(world, work, other, rng)
    sent = _mail_rows(world, mails, rng)
    if not records_mail_reads(world.release):
        return sent
    sent = sent.with_columns(activity=pl.lit("Send"))
    return pl.concat([sent, read_rows(world, sent, mails.table, mails.mass, work, rng)])


def _join_addresses(contacts: Contacts, table: Ints) -> pl.Series:
    """Return the addresses of each line of a table, joined."""
    columns = [pl.lit(contacts.address.gather(column)) for column in table.T]
    return pl.select(pl.concat_str(columns, separator=";", ignore_nulls=True)).to_series()


def _mass_mails(
    people: People, contacts: Contacts, work: WorkDays, at: Ints, rng: np.random.Generator
) -> dict[int, Ints]:
    """Return the readers of mass mails, by row: the first mail of a few assistants' and managers' days."""
    if len(work.day) == 0:
        return {}
    in_block = (contacts.broadcast[:, 1] >= work.day.min()) & (contacts.broadcast[:, 1] <= work.day.max())
    mails = {}
    for user, day in contacts.broadcast[in_block]:
        work_rows = np.flatnonzero((work.user == user) & (work.day == day))
        row = int(np.searchsorted(at, work_rows[0])) if len(work_rows) else len(at)
        if row < len(at) and at[row] == work_rows[0]:
            mails[row] = mass_mail_readers(people, int(user), int(day), rng)
    return mails
