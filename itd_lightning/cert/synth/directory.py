"""The monthly directory (LDAP) and the psychometric table."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from itd_lightning.cert.synth.calendar import Calendar
from itd_lightning.cert.synth.organisation import ROLES, Employee
from itd_lightning.cert.synth.people import People

COLUMNS = (
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


def months(calendar: Calendar) -> list[date]:
    """First days of the months from the one before the release to its last."""
    month = (calendar.start.replace(day=1) - timedelta(days=1)).replace(day=1)
    last = calendar.start + timedelta(days=calendar.days - 1)
    firsts = []
    while month <= last:
        firsts.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return firsts


def _entry(person: Employee, moved_to: int, people: People) -> tuple[str, ...]:
    """One line of the directory; who changed role shows the new one, and its department."""
    role, team = (person.role, person.team) if moved_to < 0 else (ROLES[moved_to], "")
    boss = people.roster[person.supervisor].name if person.supervisor >= 0 else ""
    return (person.name, person.user, person.email, role.name, "1", role.unit, role.department, team, boss)


def write_directory(folder: Path, people: People, calendar: Calendar) -> None:
    """Write ``LDAP/YYYY-MM.csv``: each month shows who is there on its first day, and in which role."""
    (folder / "LDAP").mkdir()
    for month in months(calendar):
        today = max((month - calendar.start).days, 0)
        moved = [
            int(role) if day <= today else -1
            for day, role in zip(people.fates.changes, people.fates.new_role, strict=True)
        ]
        entries = [
            _entry(person, moved_to, people)
            for person, moved_to, leaves in zip(people.roster, moved, people.fates.leaves, strict=True)
            if leaves > today
        ]
        table = pl.DataFrame(entries, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
        table.write_csv(folder / "LDAP" / f"{month:%Y-%m}.csv", quote_style="never")


def write_psychometric(folder: Path, people: People) -> None:
    """Write the Big Five scores of everyone who ever worked here."""
    names = {"employee_name": [p.name for p in people.roster], "user_id": [p.user for p in people.roster]}
    scores = {name: people.psychometric[:, k] for k, name in enumerate("OCEAN")}
    pl.DataFrame({**names, **scores}).write_csv(folder / "psychometric.csv", quote_style="never")
