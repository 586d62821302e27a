"""email.csv of ordinary days: who writes to whom, from which address."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.cert.synth import words
from itd_lightning.cert.synth.calendar import DAY, HOUR
from itd_lightning.cert.synth.logs import frame
from itd_lightning.cert.synth.organisation import ASSISTANT, MANAGER, full_names
from itd_lightning.cert.synth.people import Ints, People
from itd_lightning.cert.synth.sessions import WorkDays, gather_bursts
from itd_lightning.cert.synth.texts import Texts

INNER, OUTER = 30, 16  # most contacts inside and outside the company
EXTERNAL_MODE = 0.47  # share of mails that go (also) outside
PRIVATE_SENDER = (0.17, 0.66)  # from a private address: mails inside, mails outside
RARE_TOPIC = 0.006
_RARE = (words.GRUDGE, words.CALMING, words.JOBS, words.ALARM)


class Contacts(NamedTuple):
    """The address book.

    Attributes:
        address: All addresses: employees in roster order, their private ones, outsiders, and null at the end.
        inner: (n, INNER) colleagues, best friend first; ``outer`` (n, OUTER) outsiders.
        friends: How many of ``inner`` a user writes to; the readme: extraversion drives it.
        topics: (n, 4) topics that a user writes about.
        broadcast: (k, 2) mass mails to many: user and day.
    """

    address: pl.Series
    inner: Ints
    outer: Ints
    friends: Ints
    topics: Ints
    broadcast: Ints


def meet(people: People, days: int, rng: np.random.Generator) -> Contacts:
    """Draw the friendship and the organisation graph."""
    n = len(people.roster)
    hosts = [f"{host}.example" for host in words.MAIL_HOSTS]
    private = []
    for person in people.roster:
        first, middle, last = person.name.split()
        style = (
            f"{first}_{last}",
            f"{first}.{middle}.{last}",
            f"{last}{first[0]}",
            f"{first}{middle[0]}{last}",
        )
        private.append(f"{style[rng.integers(4)]}{rng.integers(10, 99)}@{hosts[rng.integers(len(hosts))]}")
    outside = hosts + [f"{host}.example" for host in words.PARTNER_HOSTS + words.COMPETITOR_HOSTS]
    outsiders = [
        f"{name.replace(' ', '_')}@{outside[rng.integers(len(outside))]}" for name in full_names(3 * n, rng)
    ]
    address = pl.Series([*(person.email for person in people.roster), *private, *outsiders, None])

    group = np.array([person.group for person in people.roster])
    # Colleagues of one's own team come first, then the supervisor's reach, then noise edges.
    order = rng.random((n, n)) - 0.6 * (group[:, None] == group[None, :])
    np.fill_diagonal(order, 9.0)
    width = min(INNER, n - 1)
    inner = np.argsort(order, axis=1)[:, :width]
    mailers = [i for i, person in enumerate(people.roster) if person.role in (ASSISTANT, MANAGER)]
    sends = rng.random((len(mailers), days)) < 1 / 60
    who, when = np.nonzero(sends)
    return Contacts(
        address=address,
        inner=inner,
        outer=2 * n + rng.integers(0, 3 * n, (n, OUTER)),
        friends=np.minimum(width, 8 + people.psychometric[:, 2] // 3),
        topics=rng.integers(0, len(words.TOPICS), (n, 4)),
        broadcast=np.column_stack([np.array(mailers, dtype=np.int64)[who], when]),
    )


def _times(people: People, work: WorkDays, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Working day and time of each mail; none is sent between 22:00 and 07:00."""
    opens = np.maximum(work.start + 240, work.day * DAY + 7 * HOUR)
    closes = np.minimum(work.end - 120, work.day * DAY + 22 * HOUR - 1)
    rate = people.mails(work.user, work.day)
    sent = np.rint(rate * (1 + 0.09 * rng.standard_normal(len(rate)))).astype(np.int64)
    sent = np.where((closes > opens) & (rng.random(len(rate)) > 0.006), np.maximum(sent, 1), 0)
    at = np.repeat(np.arange(len(rate)), sent)
    t = opens[at] + np.floor(rng.random(len(at)) * (closes - opens)[at]).astype(np.int64)
    return at, gather_bursts(t, at, 0.55, 60.0, closes[at], rng)


def _slots(filled: Ints, first: int, count: Ints, width: int, null: int) -> list[pl.Series]:
    """Columns ``first`` .. of an (m, slots) address table, null beyond ``count`` addresses."""
    return [pl.Series(np.where(k < count, filled[:, first + k], null)) for k in range(width)]


def email_rows(
    people: People, contacts: Contacts, work: WorkDays, texts: Texts, rng: np.random.Generator
) -> pl.DataFrame:
    """Sent mails of the working days, mass mails among them."""
    at, t = _times(people, work, rng)
    user = work.user[at]
    m = len(at)
    outward = rng.random(m) < EXTERNAL_MODE
    counts = [
        rng.choice(4, m, p=p) for p in ((0, 0.62, 0.26, 0.12), (0.48, 0.34, 0.18, 0), (0.79, 0.17, 0.04, 0))
    ]

    # Seven consecutive contacts from a random favourite on are distinct, so nobody gets a mail twice.
    favourite = rng.random((m, 1)) ** 1.8
    step = np.arange(7)[None, :]
    friends = contacts.friends[user][:, None]
    inner = contacts.inner[user[:, None], (np.floor(favourite * friends).astype(np.int64) + step) % friends]
    outer = contacts.outer[user[:, None], (np.floor(favourite * OUTER).astype(np.int64) + step) % OUTER]
    goes_out = outward[:, None] & ((step == 0) | (rng.random((m, 7)) < 0.6))
    table = np.where(goes_out, outer, inner)

    null = len(contacts.address) - 1
    lists = []
    for first, width, count in zip((0, 3, 5), (3, 2, 2), counts, strict=True):
        columns = [pl.lit(contacts.address.gather(s)) for s in _slots(table, first, count, width, null)]
        lists.append(pl.select(x=pl.concat_str(columns, separator=";", ignore_nulls=True)).to_series())
    private = rng.random(m) < np.where(outward, PRIVATE_SENDER[1], PRIVATE_SENDER[0])
    attachments = rng.choice(10, m, p=(0.785, 0.130, 0.045, 0.019, 0.009, 0.005, 0.003, 0.002, 0.001, 0.001))
    size = np.rint(28_353 * np.exp(0.32 * rng.standard_normal(m))).astype(np.int64)
    topic = contacts.topics[user, np.floor(4 * rng.random(m) ** 1.5).astype(np.int64)]
    # Honest people, too, complain, console and write about jobs.
    rare = rng.random(m) < RARE_TOPIC
    topic[rare] = rng.choice([words.ALL_TOPICS.index(t) for t in _RARE], int(rare.sum()))

    to, cc, bcc = _broadcast(people, contacts, work, at, lists, rng)
    return frame(
        people,
        t,
        user,
        user,
        rng,
        to=to,
        cc=cc,
        bcc=bcc,
        **{"from": contacts.address.gather(user + private * len(people.roster))},
        size=pl.Series(size).cast(pl.String),
        attachments=pl.Series(attachments).cast(pl.String),
        content=texts.pick(topic, rng),
    )


def everybody(
    people: People, contacts: Contacts, sender: int, day: int, rng: np.random.Generator
) -> list[str]:
    """To, cc and bcc of a mail to many colleagues who are still there, at most 90 of them."""
    staff = np.flatnonzero(people.fates.leaves > day)
    staff = rng.permutation(staff[staff != sender])[: int(rng.integers(40, 91))]
    parts = np.array_split(
        contacts.address.gather(staff).to_numpy(), [max(1, len(staff) // 2), len(staff) * 3 // 4]
    )
    return [";".join(part) for part in parts]


def _broadcast(
    people: People,
    contacts: Contacts,
    work: WorkDays,
    at: Ints,
    lists: list[pl.Series],
    rng: np.random.Generator,
) -> list[pl.Series]:
    """Turn the first mail of a few assistants' and managers' days into a mail to all."""
    if len(work.day) == 0:
        return lists
    within = (contacts.broadcast[:, 1] >= work.day.min()) & (contacts.broadcast[:, 1] <= work.day.max())
    rows, values = [], []
    for user, day in contacts.broadcast[within]:
        hits = np.flatnonzero((work.user == user) & (work.day == day))
        row = int(np.searchsorted(at, hits[0])) if len(hits) else len(at)
        if row < len(at) and at[row] == hits[0]:
            rows.append(row)
            values.append(everybody(people, contacts, int(user), int(day), rng))
    if not rows:
        return lists
    return [column.scatter(rows, [value[k] for value in values]) for k, column in enumerate(lists)]
