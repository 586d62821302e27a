"""Who among the people becomes an insider."""

from typing import NamedTuple

import numpy as np

from itd_lightning.cert.synth.organisation import ADMIN, MANAGER, PRESIDENT, Employee
from itd_lightning.cert.synth.people import Ints


class Cast(NamedTuple):
    """Roster indices of the insiders, by scenario."""

    one: Ints
    two: Ints
    three: Ints

    @property
    def everyone(self) -> Ints:
        """All insiders."""
        return np.concatenate(self)


def choose_insiders(roster: list[Employee], share: float, rng: np.random.Generator) -> Cast:
    """Pick the insiders, 3 : 3 : 1 among the scenarios as in r4.2, and at least one of each.

    Raises:
        ValueError: If the company is too small for so many.
    """
    if share == 0:
        nobody = np.zeros(0, dtype=np.int64)
        return Cast(nobody, nobody, nobody)
    total = max(3, round(len(roster) * share))
    three = max(1, round(total / 7))
    one = (total - three + 1) // 2
    bosses = {person.supervisor for person in roster}
    admins = [i for i, person in enumerate(roster) if person.role is ADMIN and i not in bosses]
    others = [
        i for i, p in enumerate(roster) if p.role not in (ADMIN, MANAGER, PRESIDENT) and i not in bosses
    ]
    if three > len(admins) or total - three > len(others):
        raise ValueError(
            f"insiders={share} asks for {three} of {len(admins)} administrators and {total - three} of "
            f"{len(others)} other users; lower the share or add users"
        )
    actors = rng.permutation(others)
    return Cast(actors[:one], actors[one : total - three], rng.permutation(admins)[:three])
