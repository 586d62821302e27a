"""The choice of the insiders among the people."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from itd_lightning.sources.cert.releases import Release
from itd_lightning.synth.company.organisation import ADMIN, MANAGER, PRESIDENT, Employee
from itd_lightning.synth.company.people import Ints

_WEIGHTS = (3, 3, 1, 3, 1)  # of scenarios 1 .. 5; r4.2 has 30, 30, 10 insiders, r5.2 has 29, 30, 10, 30
_MIN_GROUP = 5  # people in a group that scenario 5 can happen to, where there is one


class Cast(NamedTuple):
    """Roster indices of the insiders, by scenario."""

    one: Ints
    two: Ints
    three: Ints
    four: Ints
    five: Ints

    @property
    def everyone(self) -> Ints:
        """Return all insiders."""
        return np.concatenate(self)


def _scenarios(release: Release) -> int:
    """Return the number of scenarios of a release: three in r4, four in r5, five in r6.

    Example:
        >>> from itd_lightning.sources.cert.releases import find_release
        >>> _scenarios(find_release("r5.1"))
        4
    """
    return int(release.dataset[0]) - 1


def _share_out(total: int, weights: tuple[int, ...]) -> list[int]:
    """Split a total in proportion to the weights, at least one each.

    Example:
        >>> _share_out(15, (3, 3, 1))
        [7, 6, 2]
    """
    exact = np.array(weights) * total / sum(weights)
    counts = np.maximum(np.floor(exact), 1)
    remainder = max(0, total - int(counts.sum()))
    counts[np.argsort(counts - exact, kind="stable")[:remainder]] += 1
    return [int(count) for count in counts]


def choose_insiders(roster: list[Employee], release: Release, share: float, rng: np.random.Generator) -> Cast:
    """Pick the insiders: a share of the users, at least one for each scenario of the release.

    Raises:
        ValueError: If the company is too small for so many.
    """
    if share == 0:
        return Cast(*[np.zeros(0, dtype=np.int64)] * 5)
    weights = _WEIGHTS[: _scenarios(release)]
    counts = _share_out(max(len(weights), round(len(roster) * share)), weights) + [0] * (5 - len(weights))
    bosses = {person.supervisor for person in roster}
    admins = [i for i, person in enumerate(roster) if person.role is ADMIN and i not in bosses]
    candidates = [
        i for i, p in enumerate(roster) if p.role not in (ADMIN, MANAGER, PRESIDENT) and i not in bosses
    ]
    other_count = sum(counts) - counts[2]
    if counts[2] > len(admins) or other_count > len(candidates):
        raise ValueError(
            f"insiders={share} asks for {counts[2]} of {len(admins)} administrators and {other_count} of "
            f"{len(candidates)} other users; lower the share or add users"
        )
    actors = rng.permutation(candidates)
    three = rng.permutation(admins)[: counts[2]]
    size = Counter(person.group for person in roster)
    small = np.array([size[roster[i].group] < _MIN_GROUP for i in actors])
    five = actors[np.argsort(small, kind="stable")][: counts[4]]
    one, two, four = np.split(actors[~np.isin(actors, five)], np.cumsum([counts[0], counts[1], counts[3]]))[
        :3
    ]
    return Cast(one, two, three, four, five)
