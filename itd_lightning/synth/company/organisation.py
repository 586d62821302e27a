"""The invented company: departments, teams, roles and supervisors."""

from typing import NamedTuple

import numpy as np

from itd_lightning.synth.company import words


class _Role(NamedTuple):
    """A role: its department, its frequency, and how much its holders mail and browse.

    Attributes:
        name: As LDAP writes it.
        share: Share of the head count.
        unit: Functional unit; empty where a role stands outside.
        department: Department; may be empty.
        team: Name of the teams, numbered as the department fills up; may be empty.
        team_size: People in a full team.
        mails: Sent mails a working day.
        visits: Web visits a working day.
    """

    name: str
    share: float
    unit: str
    department: str
    team: str
    team_size: int
    mails: float
    visits: float


_ADMINISTRATION = "1 - Administration"
_RESEARCH = "2 - ResearchAndEngineering"
_FACTORY = "3 - Manufacturing"
_FINANCE = "4 - Finance"
_SALES = "5 - SalesAndMarketing"
_BUYING = "6 - PurchasingAndContracts"
_LAB, _SOFTWARE, _ENGINEERING = "1 - Research", "2 - SoftwareManagement", "3 - Engineering"

# Head counts and volumes follow the genuine release: production works with 10 visits and 1 mail a day,
# sales with 162 and 14; the day's volume is almost a constant of the role.
PRESIDENT = _Role("President", 0.0, "", "", "", 1, 14.5, 144)
MANAGER = _Role("Manager", 0.055, "", "", "", 1, 18.5, 144)
ADMIN = _Role("ITAdmin", 0.04, _ADMINISTRATION, "6 - Security", "ElectronicSecurity", 20, 10.7, 114)
ASSISTANT = _Role("AdministrativeAssistant", 0.036, _ADMINISTRATION, "2 - OfficeServices", "", 20, 11.0, 114)
ROLES = (
    PRESIDENT,
    MANAGER,
    ADMIN,
    ASSISTANT,
    _Role("ProductionLineWorker", 0.18, _FACTORY, "3 - Assembly", "AssemblyDept", 30, 1.0, 10),
    _Role("Technician", 0.157, _SALES, "3 - FieldService", "RegionalFieldService", 30, 3.0, 29),
    _Role("Salesman", 0.149, _SALES, "2 - Sales", "RegionalSales", 30, 14.6, 162),
    _Role("SoftwareEngineer", 0.042, _RESEARCH, _SOFTWARE, "Software", 12, 9.1, 95),
    _Role("Scientist", 0.04, _RESEARCH, _LAB, "Lab", 12, 8.9, 95),
    _Role("ComputerScientist", 0.033, _RESEARCH, _SOFTWARE, "Software", 12, 9.0, 95),
    _Role("Mathematician", 0.031, _RESEARCH, _LAB, "Lab", 12, 8.9, 95),
    _Role("ElectricalEngineer", 0.029, _RESEARCH, _ENGINEERING, "ElectricalEngineering", 15, 9.0, 95),
    _Role("MechanicalEngineer", 0.028, _RESEARCH, _ENGINEERING, "MechanicalEngineering", 15, 9.1, 95),
    _Role("ComputerProgrammer", 0.024, _RESEARCH, _SOFTWARE, "Software", 12, 9.0, 96),
    _Role("Physicist", 0.022, _RESEARCH, _LAB, "Lab", 12, 9.0, 95),
    _Role("TestEngineer", 0.019, _RESEARCH, _ENGINEERING, "TestAndEvaluation", 15, 9.3, 96),
    _Role("SystemsEngineer", 0.019, _RESEARCH, _ENGINEERING, "SystemsEngineering", 15, 9.0, 95),
    _Role("SecurityGuard", 0.015, _ADMINISTRATION, "6 - Security", "BuildingSecurity", 15, 1.0, 10),
    _Role("HumanResourceSpecialist", 0.013, _ADMINISTRATION, "1 - Personnel", "", 15, 10.8, 114),
    _Role("MaterialsEngineer", 0.009, _RESEARCH, _ENGINEERING, "MaterialsEngineering", 15, 9.0, 95),
    _Role("IndustrialEngineer", 0.007, _FACTORY, "1 - IndustrialEngineering", "", 15, 9.0, 95),
    _Role("HardwareEngineer", 0.007, _RESEARCH, _ENGINEERING, "SystemsEngineering", 15, 9.0, 95),
    _Role("FieldServiceEngineer", 0.006, _SALES, "3 - FieldService", "RegionalFieldService", 30, 9.0, 95),
    _Role("AssemblySupervisor", 0.006, _FACTORY, "3 - Assembly", "AssemblyDept", 30, 9.0, 95),
    _Role("Statistician", 0.005, _RESEARCH, _LAB, "Lab", 12, 9.0, 95),
    _Role("PurchasingClerk", 0.005, _BUYING, "1 - Purchasing", "", 15, 10.7, 114),
    _Role("Accountant", 0.005, _FINANCE, "1 - Accounting", "", 15, 10.7, 114),
    _Role("FinancialAnalyst", 0.004, _FINANCE, "1 - Accounting", "", 15, 10.7, 114),
    _Role("Attorney", 0.003, _BUYING, "2 - Contracts", "", 15, 10.7, 114),
    _Role("TechnicalTrainer", 0.003, _ADMINISTRATION, "1 - Personnel", "", 15, 10.8, 114),
)


class Employee(NamedTuple):
    """A person as in the directory (LDAP); ``supervisor`` is a roster index, -1 for none."""

    name: str
    user: str
    email: str
    role: _Role
    team: str
    group: int
    supervisor: int


def _head_counts(users: int) -> list[int]:
    """Return the people per role of ``ROLES`` by largest remainder; one president, at least one ITAdmin."""
    shares = np.array([role.share for role in ROLES])
    exact = shares / shares.sum() * (users - 1)
    counts = np.floor(exact).astype(int)
    for i in np.argsort(counts - exact, kind="stable")[: users - 1 - counts.sum()]:
        counts[i] += 1
    admin = ROLES.index(ADMIN)
    if counts[admin] == 0:
        counts[int(np.argmax(counts))] -= 1
        counts[admin] = 1
    counts[ROLES.index(PRESIDENT)] = 1
    return [int(n) for n in counts]


def full_names(count: int, rng: np.random.Generator) -> list[str]:
    """Return distinct invented names, First Middle Last."""
    sizes = (len(words.FIRST), len(words.MIDDLE), len(words.LAST))
    codes = rng.choice(int(np.prod(sizes)), count, replace=False)
    first, middle, last = np.unravel_index(codes, sizes)
    parts = zip(first, middle, last, strict=True)
    return [f"{words.FIRST[f]} {words.MIDDLE[m]} {words.LAST[x]}" for f, m, x in parts]


def _user_ids(names: list[str], rng: np.random.Generator) -> list[str]:
    """Return ids of initials and four digits; the digits alone are distinct."""
    digits = rng.choice(9999, len(names), replace=False) + 1
    initials = ("".join(part[0] for part in name.split()) for name in names)
    return [f"{letters}{number:04d}" for letters, number in zip(initials, digits, strict=True)]


def draw_roster(users: int, rng: np.random.Generator) -> list[Employee]:
    """Draw the roster: roles, teams, managers.

    Users 0 .. are shuffled over roles, so an index tells nothing. Managers share the teams among them;
    where there are none (very small companies), the president supervises.
    """
    counts = _head_counts(users)
    roles = [role for role, count in zip(ROLES, counts, strict=True) for _ in range(count)]
    order = rng.permutation(users)
    roles = [roles[i] for i in order]
    names = full_names(users, rng)
    ids = _user_ids(names, rng)
    president = roles.index(PRESIDENT)
    managers = [i for i, role in enumerate(roles) if role is MANAGER]

    groups: list[tuple[str, str, str]] = []
    filled: list[int] = []
    people: list[Employee] = []
    for i, role in enumerate(roles):
        key = (role.unit, role.department, role.team)
        group = next((g for g, k in enumerate(groups) if k == key and filled[g] < role.team_size), -1)
        if group < 0:
            groups.append(key)
            filled.append(0)
            group = len(groups) - 1
        filled[group] += 1
        number = groups[: group + 1].count(key)
        team = f"{number} - {role.team}" if role.team else ""
        supervisor = managers[group % len(managers)] if managers else president
        if role is MANAGER:
            supervisor = president
        if role is PRESIDENT:
            supervisor = -1
        email = f"{names[i].replace(' ', '.')}@dtaa.com"
        people.append(Employee(names[i], ids[i], email, role, team, group, supervisor))
    return people
