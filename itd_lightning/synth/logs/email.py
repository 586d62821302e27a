"""email.csv of ordinary days: who writes to whom, when, from which PC and address."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.company.contacts import OUTER, Contacts, everybody, to_many
from itd_lightning.synth.company.folders import MOST_ATTACHED
from itd_lightning.synth.company.people import Bools, Ints, People
from itd_lightning.synth.layout import attachments_are_counted, mails_are_seen
from itd_lightning.synth.logs.readers import seen_rows
from itd_lightning.synth.logs.rows import frame
from itd_lightning.synth.logs.sessions import Sessions, WorkDays, gather_bursts
from itd_lightning.synth.world import World

OPENS, CLOSES = 7 * HOUR, 22 * HOUR  # no mail is sent outside
EXTERNAL_MODE = 0.47  # share of mails that go (also) outside
PRIVATE_SENDER = (0.17, 0.66)  # from a private address: mails inside, mails outside
RARE_TOPIC = 0.006
AWAY = 0.15  # mails a session on another PC
TO_SELF = (0.003, 0.12)  # share of mails to the own private address: from the own PC, from another
_RARE = (words.GRUDGE, words.CALMING, words.JOBS, words.ALARM)
_ATTACHED = (0.785, 0.130, 0.045, 0.019, 0.009, 0.005, 0.003, 0.002, 0.001, 0.001)
_SLOTS = (0, 3, 5, 7)  # of an address table: to, cc and bcc begin here
# Chances of 0, 1, 2, 3 addresses in to, cc and bcc.
_RECIPIENTS = ((0, 0.62, 0.26, 0.12), (0.48, 0.34, 0.18, 0), (0.79, 0.17, 0.04, 0))


class Letters(NamedTuple):
    """Mails before they are written down.

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
    """Working day and time of each mail from the own PC."""
    opens = np.maximum(work.start + 240, work.day * DAY + OPENS)
    closes = np.minimum(work.end - 120, work.day * DAY + CLOSES - 1)
    rate = people.mails(work.user, work.day)
    sent = np.rint(rate * (1 + 0.09 * rng.standard_normal(len(rate)))).astype(np.int64)
    sent = np.where((closes > opens) & (rng.random(len(rate)) > 0.006), np.maximum(sent, 1), 0)
    at = np.repeat(np.arange(len(rate)), sent)
    t = opens[at] + np.floor(rng.random(len(at)) * (closes - opens)[at]).astype(np.int64)
    return at, gather_bursts(t, at, 0.55, 60.0, closes[at], rng)


def _away(other: Sessions, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Session and time of each mail from another PC."""
    at = np.flatnonzero(~other.night & (rng.random(len(other.user)) < AWAY))
    t = other.start[at] + np.floor(rng.random(len(at)) * (other.end - other.start)[at]).astype(np.int64)
    allowed = (t % DAY >= OPENS) & (t % DAY < CLOSES)
    return at[allowed], t[allowed]


def _recipients(contacts: Contacts, user: Ints, outward: Bools, rng: np.random.Generator) -> Ints:
    """The address table of ordinary mails."""
    m = len(user)
    counts = [rng.choice(4, m, p=chances) for chances in _RECIPIENTS]
    # Seven consecutive contacts from a random favourite on are distinct, so nobody gets a mail twice.
    favourite = rng.random((m, 1)) ** 1.8
    step = np.arange(_SLOTS[-1])[None, :]
    friends = contacts.friends[user][:, None]
    inner = contacts.inner[user[:, None], (np.floor(favourite * friends).astype(np.int64) + step) % friends]
    outer = contacts.outer[user[:, None], (np.floor(favourite * OUTER).astype(np.int64) + step) % OUTER]
    goes_out = outward[:, None] & ((step == 0) | (rng.random((m, _SLOTS[-1])) < 0.6))
    table: Ints = np.where(goes_out, outer, inner)
    null = len(contacts.address) - 1
    for first, end, count in zip(_SLOTS[:3], _SLOTS[1:], counts, strict=True):
        for slot in range(first, end):
            table[slot - first >= count, slot] = null
    return table


def _letters(world: World, work: WorkDays, other: Sessions, rng: np.random.Generator) -> Letters:
    """Draw who writes to whom, when and where."""
    people, contacts = world.people, world.contacts
    at, t = _times(people, work, rng)
    away, away_t = _away(other, rng)
    user = np.concatenate([work.user[at], other.user[away]])
    pc = np.concatenate([work.user[at], other.pc[away]])
    outward = rng.random(len(user)) < EXTERNAL_MODE
    table = _recipients(contacts, user, outward, rng)
    home = rng.random(len(user)) < np.where(pc == user, *TO_SELF)
    table[home] = len(contacts.address) - 1
    table[home, 0] = user[home] + len(people.roster)
    mass = _mass_mails(people, contacts, work, at, rng)
    return Letters(user, pc, np.concatenate([t, away_t]), table, home, outward, mass)


def _sent(world: World, letters: Letters, rng: np.random.Generator) -> pl.DataFrame:
    """Write the mails down."""
    contacts, user, m = world.contacts, letters.user, len(letters.user)
    lists = [_joined(contacts, letters.table[:, a:b]) for a, b in pairwise(_SLOTS)]
    if letters.mass:
        values = [to_many(contacts, readers) for readers in letters.mass.values()]
        lists = [
            column.scatter([*letters.mass], [value[k] for value in values]) for k, column in enumerate(lists)
        ]
    private = (rng.random(m) < np.where(letters.outward, *PRIVATE_SENDER[::-1])) & ~letters.home
    attached = np.maximum(rng.choice(MOST_ATTACHED + 1, m, p=_ATTACHED), letters.home)
    attachments = (
        pl.Series(attached).cast(pl.String)
        if attachments_are_counted(world.release)
        else world.folders.attachments(attached, rng)
    )
    size = np.rint(28_353 * np.exp(0.32 * rng.standard_normal(m))).astype(np.int64)
    topic = contacts.topics[user, np.floor(4 * rng.random(m) ** 1.5).astype(np.int64)]
    # Honest people, too, complain, console and write about jobs.
    rare = rng.random(m) < RARE_TOPIC
    topic[rare] = rng.choice([words.ALL_TOPICS.index(t) for t in _RARE], int(rare.sum()))
    return frame(
        world.people,
        letters.t,
        user,
        letters.pc,
        rng,
        **dict(zip(("to", "cc", "bcc"), lists, strict=True)),
        **{"from": contacts.address.gather(user + private * len(world.people.roster))},
        size=pl.Series(size).cast(pl.String),
        attachments=attachments,
        content=world.mail_texts.pick(topic, rng),
    )


def email_rows(world: World, work: WorkDays, other: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    """Sent mails, mass mails among them, and since r5 the same mails where they are seen."""
    letters = _letters(world, work, other, rng)
    sent = _sent(world, letters, rng)
    if not mails_are_seen(world.release):
        return sent
    sent = sent.with_columns(activity=pl.lit("Send"))
    return pl.concat([sent, seen_rows(world, sent, letters.table, letters.mass, work, rng)])


def _joined(contacts: Contacts, table: Ints) -> pl.Series:
    """Addresses of each line of a table, joined."""
    columns = [pl.lit(contacts.address.gather(column)) for column in table.T]
    return pl.select(pl.concat_str(columns, separator=";", ignore_nulls=True)).to_series()


def _mass_mails(
    people: People, contacts: Contacts, work: WorkDays, at: Ints, rng: np.random.Generator
) -> dict[int, Ints]:
    """Readers of the mails to many, by row: the first mail of a few assistants' and managers' days."""
    if len(work.day) == 0:
        return {}
    within = (contacts.broadcast[:, 1] >= work.day.min()) & (contacts.broadcast[:, 1] <= work.day.max())
    mails = {}
    for user, day in contacts.broadcast[within]:
        hits = np.flatnonzero((work.user == user) & (work.day == day))
        row = int(np.searchsorted(at, hits[0])) if len(hits) else len(at)
        if row < len(at) and at[row] == hits[0]:
            mails[row] = everybody(people, int(user), int(day), rng)
    return mails
