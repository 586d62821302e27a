"""Draws everyone's habits. The constants are calibrated to the genuine r4.2 (section 7 of the reference)."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company.calendar import Calendar
from itd_lightning.synth.company.organisation import ADMIN, ROLES, Employee
from itd_lightning.synth.company.people import (
    Bools,
    Fates,
    Floats,
    Hours,
    Ints,
    Media,
    People,
    Places,
    Volumes,
)
from itd_lightning.synth.scenarios.insiders import Cast

_DEVICE_SHARE = 0.23  # users with removable media: 230 of 1,000 in the first five weeks of r4.2
# r4.2: 8.5 % in 501 days, where leaving gives every insider away; so we use more.
_LEAVE_PER_500_DAYS = 0.18
_OTHER_PCS = 4

_ARRIVALS = (7.25, 7.5, 7.75, 8.0, 8.25, 8.5, 8.75, 9.0, 9.25)
_ARRIVALS_SHARE = (0.12, 0.12, 0.10, 0.22, 0.12, 0.12, 0.05, 0.10, 0.05)
_LENGTHS = (8.0, 9.0, 10.0, 11.0, 12.0)
_LENGTHS_SHARE = (0.14, 0.46, 0.24, 0.09, 0.07)
_TRAITS_MEAN = (33.2, 30.7, 29.2, 28.8, 29.6)


class _Kinds(NamedTuple):
    """Masks over the users: administrators, supervisors, honest people, actors of scenarios 1 and 2."""

    admin: Bools
    boss: Bools
    benign: Bools
    one: Bools
    two: Bools


def draw_people(roster: list[Employee], cast: Cast, calendar: Calendar, rng: np.random.Generator) -> People:
    """Draw everyone's habits.

    Scenario 1 actors never use removable media and never work at night; scenario 2 actors do use them.
    """
    n = len(roster)
    index = np.arange(n)
    kinds = _Kinds(
        admin=np.array([person.role is ADMIN for person in roster]),
        boss=np.isin(index, [person.supervisor for person in roster]),
        benign=~np.isin(index, cast.everyone),
        one=np.isin(index, cast.one),
        two=np.isin(index, cast.two),
    )
    traits = np.clip(np.rint(rng.normal(_TRAITS_MEAN, 10.5, (n, 5))), 10, 50).astype(np.int64)
    return People(
        roster=roster,
        user=pl.Series([person.user for person in roster]),
        admin=kinds.admin,
        hours=_hours(roster, kinds, traits, calendar.days, rng),
        places=_places(kinds, rng),
        media=_media(kinds, calendar.days, rng),
        volumes=_volumes(roster, rng),
        fates=_fates(kinds, calendar.days, rng),
        psychometric=traits,
    )


def _pick(share: float, candidates: Bools, rng: np.random.Generator) -> Bools:
    """Return a random mask of candidates, as many as ``share`` of all users, or all where there are fewer."""
    order = rng.permutation(np.flatnonzero(candidates))
    mask = np.zeros(len(candidates), dtype=bool)
    mask[order[: round(share * len(candidates))]] = True
    return mask


def _spread(n: int, sigma: float, rng: np.random.Generator) -> Floats:
    """Return factors with median 1 and a heavy upper tail."""
    return np.exp(sigma * rng.standard_normal(n))


def _hours(roster: list[Employee], kinds: _Kinds, traits: Ints, days: int, rng: np.random.Generator) -> Hours:
    """Draw when people work: most are punctual to some minutes, a fifth has odd days, few come at night."""
    n = len(roster)
    length = rng.choice(_LENGTHS, n, p=_LENGTHS_SHARE)
    # The readme: conscientiousness drives late arrivals; so the careless half has most of the odd days.
    irregular = rng.random(n) < np.where(traits[:, 1] < 31, 0.26, 0.10)
    odd_share = np.exp(rng.uniform(np.log(0.005), np.log(0.10), n))
    nocturnal = _pick(0.035, ~kinds.admin & kinds.benign, rng)
    group = np.array([person.group for person in roster])
    weeks = (group.max() + 1, days // 7 + 2)
    late_weeks = (rng.random(weeks) < 1 / 8) & (rng.random((weeks[0], 1)) < 0.4)
    return Hours(
        start=rng.choice(_ARRIVALS, n, p=_ARRIVALS_SHARE),
        sd=0.11 * _spread(n, 0.25, rng),
        length=np.where(kinds.one, np.minimum(length, 10.0), length),
        odd=np.where(irregular & ~kinds.one & ~kinds.boss, odd_share, 0.0),
        weekend=np.where(_pick(0.07, kinds.benign & ~kinds.admin, rng), rng.uniform(0.75, 0.98, n), 0.0),
        unlock=np.where(rng.random(n) < 0.31, rng.uniform(0.7, 0.98, n), 0.0),
        night=np.where(nocturnal, rng.uniform(0.1, 0.5, n), 0.0),
        # Scenario 3 needs the supervisors' PCs free in the evening.
        late=late_weeks[group] & ~(kinds.boss | kinds.one)[:, None],
        quiet=kinds.one,
    )


def _places(kinds: _Kinds, rng: np.random.Generator) -> Places:
    """Draw other PCs: none for seven in ten, one or two for most of the rest; administrators go anywhere."""
    n = len(kinds.admin)
    shared_pcs = max(1, n // 300)
    other = rng.integers(0, n, (n, _OTHER_PCS))
    draw = rng.random(n)
    two, one = draw < 0.45, draw > 0.5
    other[two] = other[two][:, [0, 0, 0, 1]]
    other[one] = other[one][:, [0, 0, 0, 0]]
    laboratory = rng.random(n) < 0.4
    other[laboratory, 0] = n + rng.integers(0, shared_pcs, laboratory.sum())
    other[other == np.arange(n)[:, None]] = n
    visitor = _pick(0.28, ~kinds.admin & ~kinds.one, rng)
    visits = np.where(visitor, np.minimum(0.1 * _spread(n, 0.8, rng), 0.9), 0.0)
    return Places(
        pcs=pl.Series(
            [f"PC-{number:04d}" for number in rng.permutation(np.arange(1, 10_000))[: n + shared_pcs]]
        ),
        visits=np.where(kinds.admin, 2.3 * _spread(n, 0.15, rng), visits),
        other=other,
    )


def _media(kinds: _Kinds, days: int, rng: np.random.Generator) -> Media:
    """Draw who uses a drive, how often; scenario 2 actors use theirs on most days, moderately."""
    n, two = len(kinds.admin), kinds.two
    device = _pick(max(0.0, _DEVICE_SHARE - two.mean()), ~kinds.one & ~two, rng) | two
    starter = _pick(0.025, device & kinds.benign, rng)
    share = np.where((rng.random(n) < 0.65) | two, rng.uniform(0.88, 0.98, n), rng.uniform(0.08, 0.5, n))
    connects = np.where(two, 2.2 * _spread(n, 0.2, rng), 3.4 * _spread(n, 0.6, rng))
    copies = np.where(two, 3.2 * _spread(n, 0.3, rng), 9.2 * _spread(n, 0.55, rng))
    return Media(
        days=np.where(device, share, 0.0),
        first=np.where(starter, rng.integers(days // 4, days, n), 0),
        connects=connects * np.where(kinds.admin, 1.8, 1.0),
        copies=copies * np.where(kinds.admin, 1.6, 1.0),
    )


def _volumes(roster: list[Employee], rng: np.random.Generator) -> Volumes:
    """Draw how much people mail and browse: the role decides nearly all of it."""
    factor = _spread(len(roster), 0.03, rng)
    return Volumes(
        mails=np.array([person.role.mails for person in roster]) * factor,
        pages=np.array([person.role.visits for person in roster]) * factor,
        noise=0.015 * _spread(len(roster), 0.9, rng),
    )


def _fates(kinds: _Kinds, days: int, rng: np.random.Generator) -> Fates:
    """Draw who leaves, looks for a job, or changes role, all of it honestly."""
    n = len(kinds.admin)
    # A short release has as many insiders, who all leave, so it has more leavers than its length asks for.
    leaver = _pick(1 - (1 - _LEAVE_PER_500_DAYS) ** (days / 500) ** 0.5, kinds.benign & ~kinds.boss, rng)
    leaves = np.where(leaver, rng.integers(days // 10, days, n), days)
    hunter = (leaver & (rng.random(n) < 0.5)) | _pick(0.08, kinds.benign, rng)
    hunt_to = np.where(leaver, leaves, rng.integers(days // 5, days + 1, n))
    length = np.rint(rng.uniform(10, 45, n) * min(1.0, days / 120)).astype(np.int64)
    mover = _pick(0.03 * days / 120, kinds.benign & ~kinds.admin & ~kinds.boss & ~leaver, rng)
    return Fates(
        leaves=leaves,
        changes=np.where(mover, rng.integers(days // 5, days, n), days),
        new_role=rng.integers(4, len(ROLES), n),  # neither president, manager, administrator nor assistant
        hunt_from=np.where(hunter, hunt_to - length, hunt_to),
        hunt_to=hunt_to,
        hunt=rng.uniform(1.0, 7.0, n),
    )
