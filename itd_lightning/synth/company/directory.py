"""The monthly directory (LDAP), the psychometric table, the list of decoy files."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.calendar import Calendar
from itd_lightning.synth.company.organisation import ROLES, Employee
from itd_lightning.synth.company.people import People
from itd_lightning.synth.world import World

_PROJECT_SHARE = 0.19  # of the users: r5.2 402 of 2,000, r6.2 683 of 4,000
_COLUMNS = (
    "employee_name",
    "user_id",
    "email",
    "role",
    "business_unit",
    "functional_unit",
    "department",
    "team",
    "supervisor",
)


def _months(calendar: Calendar) -> list[date]:
    """Return the first days of the months from the one before the release to its last."""
    month = (calendar.start.replace(day=1) - timedelta(days=1)).replace(day=1)
    last = calendar.start + timedelta(days=calendar.days - 1)
    firsts = []
    while month <= last:
        firsts.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return firsts


def _projects(users: int, rng: np.random.Generator) -> list[str]:
    """Return the project of each user; empty for most."""
    names = rng.permutation([f"{head}{tail}" for head in words.SITE_HEADS for tail in words.PROJECT_TAILS])
    names = names[: max(2, users // 25)]
    return [str(rng.choice(names)) if rng.random() < _PROJECT_SHARE else "" for _ in range(users)]


def _entry(person: Employee, new_role: int, people: People) -> tuple[str, ...]:
    """Return one line of the directory; after a change of role it has the new role and its department."""
    role, team = (person.role, person.team) if new_role < 0 else (ROLES[new_role], "")
    boss = people.roster[person.supervisor].name if person.supervisor >= 0 else ""
    return (person.name, person.user, person.email, role.name, "1", role.unit, role.department, team, boss)


def write_directory(folder: Path, world: World, rng: np.random.Generator) -> None:
    """Write ``LDAP/YYYY-MM.csv``: each month lists the staff of its first day, with their roles."""
    people, calendar = world.people, world.calendar
    (folder / "LDAP").mkdir()
    project = pl.Series("projects", _projects(len(people.roster), rng))
    names = [*_COLUMNS[:4], *["projects"] * world.release.projects, *_COLUMNS[4:]]
    for month in _months(calendar):
        today = max((month - calendar.start).days, 0)
        new_roles = [
            int(role) if day <= today else -1
            for day, role in zip(people.fates.changes, people.fates.new_role, strict=True)
        ]
        entries = [
            _entry(person, role, people) for person, role in zip(people.roster, new_roles, strict=True)
        ]
        table = pl.DataFrame(entries, schema=dict.fromkeys(_COLUMNS, pl.String), orient="row")
        staff = table.with_columns(project).filter(pl.Series(people.fates.leaves > today))
        staff.select(names).write_csv(folder / "LDAP" / f"{month:%Y-%m}.csv", quote_style="never")


def write_psychometric(folder: Path, people: People) -> None:
    """Write the Big Five scores of everyone who ever worked here."""
    names = {"employee_name": [p.name for p in people.roster], "user_id": [p.user for p in people.roster]}
    scores = {name: people.psychometric[:, k] for k, name in enumerate("OCEAN")}
    pl.DataFrame({**names, **scores}).write_csv(folder / "psychometric.csv", quote_style="never")


def write_decoys(folder: Path, world: World) -> None:
    """Write the decoy files by name and PC."""
    folders, pcs = world.folders, world.people.places.pcs
    with_decoy = np.flatnonzero(folders.decoy_at >= 0)
    table = pl.DataFrame(
        {
            "decoy_filename": folders.path.gather(folders.decoy_at[with_decoy]),
            "pc": pcs.gather(with_decoy),
        }
    )
    table.write_csv(folder / "decoy_file.csv", quote_style="never")
