"""The people's habits: working hours, PCs, drives, volumes, last days. ``habits`` draws them once.

Arrays have one element a user, in roster order (axis n). Days count from the release's first day;
a day equal to ``calendar.days`` means never.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from itd_lightning.synth.company.organisation import ROLES, Employee

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Hours(NamedTuple):
    """Working hours.

    Attributes:
        start: Hour of arrival; ``sd`` is its deviation from day to day, hours.
        length: Hours of a working day.
        odd: Share of days at unusual hours.
        weekend: Chance of work on a closed day.
        unlock: Chance of a recorded screen unlock a day.
        night: Night sessions on the own PC a working day.
        late: (n, weeks) whether the user's team works late before a release.
        quiet: Users who never come at night nor stay late: the actors of scenario 1.
    """

    start: Floats
    sd: Floats
    length: Floats
    odd: Floats
    weekend: Floats
    unlock: Floats
    night: Floats
    late: Bools
    quiet: Bools


class Places(NamedTuple):
    """PCs that people use.

    Attributes:
        pcs: Names of the PCs: each user's own, then shared ones.
        visits: Short sessions on other PCs a day.
        other: (n, k) other PCs of a user who is no administrator.
    """

    pcs: pl.Series
    visits: Floats
    other: Ints


class Media(NamedTuple):
    """Use of removable media.

    Attributes:
        days: Share of working days with a drive, 0 for most users.
        first: First day of use; late for honest people who start.
        connects: Uses on such a day.
        copies: Files copied on a day with copies.
    """

    days: Floats
    first: Ints
    connects: Floats
    copies: Floats


class Volumes(NamedTuple):
    """Sent mails and web visits a day; ``noise`` is the visits' relative deviation from day to day."""

    mails: Floats
    pages: Floats
    noise: Floats


class Fates(NamedTuple):
    """Departures, changes of role and job searches.

    Attributes:
        leaves: First day without the user.
        changes: Day of a change to role ``new_role``, an index into ROLES.
        hunt_from: First day of an honest job search, which ends before ``hunt_to``.
        hunt: Visits to job sites on a day of the search.
    """

    leaves: Ints
    changes: Ints
    new_role: Ints
    hunt_from: Ints
    hunt_to: Ints
    hunt: Floats


class People(NamedTuple):
    """Everyone: the directory, ids as the logs write them, habits, and scores O, C, E, A, N of 10 .. 50."""

    roster: list[Employee]
    user: pl.Series
    admin: Bools
    hours: Hours
    places: Places
    media: Media
    volumes: Volumes
    fates: Fates
    psychometric: Ints

    @property
    def home(self) -> Floats:
        """Return the hour of departure on an ordinary day."""
        return self.hours.start + self.hours.length

    def mails(self, user: Ints, day: Ints) -> Floats:
        """Return the mails a day of (user, day) pairs, those of the new role after a change."""
        new = np.array([float(role.mails) for role in ROLES])[self.fates.new_role[user]]
        return np.where(day >= self.fates.changes[user], new, self.volumes.mails[user])

    def pages(self, user: Ints, day: Ints) -> Floats:
        """Return the web visits a day of (user, day) pairs, those of the new role after a change."""
        new = np.array([float(role.visits) for role in ROLES])[self.fates.new_role[user]]
        return np.where(day >= self.fates.changes[user], new, self.volumes.pages[user])
