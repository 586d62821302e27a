"""The address book: friendships and working relations decide the recipients of mails."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.organisation import ASSISTANT, MANAGER, full_names
from itd_lightning.synth.company.people import Ints, People

MAX_COLLEAGUES, MAX_OUTSIDERS = 30, 16  # most contacts inside and outside the company
_ROWS = 512  # of the friendship graph, drawn at once


class Contacts(NamedTuple):
    """The address book.

    Attributes:
        address: All addresses: employees in roster order, their private ones, outsiders, and null at the end.
        colleagues: (n, MAX_COLLEAGUES) of them, best friend first.
        outside_contacts: (n, MAX_OUTSIDERS) addresses outside the company.
        friends: How many of ``colleagues`` a user writes to; the readme: extraversion drives it.
        topics: (n, 4) topics that a user writes about.
        broadcast: (k, 2) mass mails to many: user and day.
    """

    address: pl.Series
    colleagues: Ints
    outside_contacts: Ints
    friends: Ints
    topics: Ints
    broadcast: Ints


def draw_contacts(people: People, days: int, rng: np.random.Generator) -> Contacts:
    """Draw the address book: friends, contacts outside the company, and days of mass mails."""
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
    outside_hosts = hosts + [f"{host}.example" for host in words.PARTNER_HOSTS + words.COMPETITOR_HOSTS]
    outsiders = [
        f"{name.replace(' ', '_')}@{outside_hosts[rng.integers(len(outside_hosts))]}"
        for name in full_names(3 * n, rng)
    ]
    address = pl.Series([*(person.email for person in people.roster), *private, *outsiders, None])

    group = np.array([person.group for person in people.roster])
    width = min(MAX_COLLEAGUES, n - 1)
    colleagues = np.concatenate(
        [_closest(group, range(first, min(first + _ROWS, n)), width, rng) for first in range(0, n, _ROWS)]
    )
    mailers = [i for i, person in enumerate(people.roster) if person.role in (ASSISTANT, MANAGER)]
    sends = rng.random((len(mailers), days)) < 1 / 60
    mailer, mail_day = np.nonzero(sends)
    return Contacts(
        address=address,
        colleagues=colleagues,
        outside_contacts=2 * n + rng.integers(0, 3 * n, (n, MAX_OUTSIDERS)),
        friends=np.minimum(width, 8 + people.psychometric[:, 2] // 3),
        topics=rng.integers(0, len(words.TOPICS), (n, 4)),
        broadcast=np.column_stack([np.array(mailers, dtype=np.int64)[mailer], mail_day]),
    )


def _closest(group: Ints, users: range, width: int, rng: np.random.Generator) -> Ints:
    """Return the colleagues of some users, best friend first."""
    rows = np.arange(users.start, users.stop)
    # Colleagues of one's own team come first, then the supervisor's reach, then noise edges.
    order = rng.random((len(rows), len(group))) - 0.6 * (group[rows, None] == group[None, :])
    order[np.arange(len(rows)), rows] = 9.0
    colleagues = np.argpartition(order, width - 1, axis=1)[:, :width]
    rank = np.argsort(np.take_along_axis(order, colleagues, axis=1), axis=1)
    return np.take_along_axis(colleagues, rank, axis=1)


def mass_mail_readers(people: People, sender: int, day: int, rng: np.random.Generator) -> Ints:
    """Return the readers of a mass mail: at most 90 colleagues who still work here."""
    staff = np.flatnonzero(people.fates.leaves > day)
    return rng.permutation(staff[staff != sender])[: int(rng.integers(40, 91))]


def split_recipients(contacts: Contacts, readers: Ints) -> list[str]:
    """Return to, cc and bcc of a mass mail: half, a quarter and a quarter of its readers."""
    count = len(readers)
    parts = np.array_split(contacts.address.gather(readers).to_numpy(), [max(1, count // 2), count * 3 // 4])
    return [";".join(part) for part in parts]
