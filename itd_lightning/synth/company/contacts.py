"""Who writes to whom: the friendship and the organisation graph."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.organisation import ASSISTANT, MANAGER, full_names
from itd_lightning.synth.company.people import Ints, People

INNER, OUTER = 30, 16  # most contacts inside and outside the company
ROWS = 512  # of the friendship graph, drawn at once


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
    width = min(INNER, n - 1)
    inner = np.concatenate(
        [_closest(group, range(first, min(first + ROWS, n)), width, rng) for first in range(0, n, ROWS)]
    )
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


def _closest(group: Ints, users: range, width: int, rng: np.random.Generator) -> Ints:
    """Colleagues of some users, best friend first."""
    rows = np.arange(users.start, users.stop)
    # Colleagues of one's own team come first, then the supervisor's reach, then noise edges.
    order = rng.random((len(rows), len(group))) - 0.6 * (group[rows, None] == group[None, :])
    order[np.arange(len(rows)), rows] = 9.0
    near = np.argpartition(order, width - 1, axis=1)[:, :width]
    ranked = np.argsort(np.take_along_axis(order, near, axis=1), axis=1)
    return np.take_along_axis(near, ranked, axis=1)


def everybody(people: People, sender: int, day: int, rng: np.random.Generator) -> Ints:
    """Readers of a mail to many: colleagues who are still there, at most 90 of them."""
    staff = np.flatnonzero(people.fates.leaves > day)
    return rng.permutation(staff[staff != sender])[: int(rng.integers(40, 91))]


def to_many(contacts: Contacts, readers: Ints) -> list[str]:
    """To, cc and bcc of a mail to many: half, a quarter, a quarter."""
    count = len(readers)
    parts = np.array_split(contacts.address.gather(readers).to_numpy(), [max(1, count // 2), count * 3 // 4])
    return [";".join(part) for part in parts]
