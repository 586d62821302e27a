"""Write a synthetic release: draw the people, plan the campaigns, then go through the days by blocks."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from itd_lightning.cert.releases import SYNTHETIC
from itd_lightning.cert.synth import scenario_one, scenario_three, scenario_two
from itd_lightning.cert.synth.answers import write_answers
from itd_lightning.cert.synth.calendar import Calendar, DateText, make_calendar
from itd_lightning.cert.synth.campaigns import Campaign, World, planted
from itd_lightning.cert.synth.cast import Cast, choose_insiders
from itd_lightning.cert.synth.directory import write_directory, write_psychometric
from itd_lightning.cert.synth.email_log import email_rows, meet
from itd_lightning.cert.synth.habits import settle
from itd_lightning.cert.synth.http_log import favourite_pages, http_rows
from itd_lightning.cert.synth.logs import Logs, open_release
from itd_lightning.cert.synth.organisation import hire
from itd_lightning.cert.synth.people import Ints
from itd_lightning.cert.synth.presence_logs import device_and_file_rows, logon_rows
from itd_lightning.cert.synth.sessions import short_sessions, work_days
from itd_lightning.cert.synth.texts import Texts, make_pages

BLOCK = 14  # days drawn at once: bounds memory to about 1.4 million rows at 1,000 users
MOST_USERS = 9_000  # ids have four digits
_PEOPLE, _CAMPAIGNS, _DAYS = range(3)  # independent streams of random numbers


def write_release(
    out: Path,
    release: str = "r4.2",
    users: int = 100,
    days: int = 120,
    seed: int = 0,
    start: date = date(2010, 1, 2),
    insiders: float = 0.07,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write a synthetic release in the genuine layout; equal arguments give equal bytes.

    The release appears under its name only when complete.

    Args:
        out: Folder to create; may exist if empty.
        release: Layout to write; only ``"r4.2"`` so far.
        users: People in the company, 8 .. 9,000.
        days: Length in days, at least 28. Scenario 2 keeps its full length of two months from 107 days on.
        seed: Seed of all random choices, at least 0.
        start: First day.
        insiders: Share of users who act a scenario, split 3 : 3 : 1; rounds up to one of each. 0 plants none.
        on_progress: Called with blocks done and blocks in all.

    Returns:
        Rows written, by log.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``out`` exists and is not an empty folder.
    """
    _check(release, users, days, seed, insiders)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder; choose another name or remove it")
    calendar = make_calendar(start, days)
    world, cast, favourites = _draw_world(users, calendar, seed, insiders)
    campaigns = _plan(world, cast, np.random.default_rng([seed, _CAMPAIGNS]))
    for campaign in campaigns:
        world.people.fates.leaves[campaign.actor] = campaign.leaves

    partial = out.parent / f".{out.name}.partial"
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        rows = _write(partial, world, campaigns, favourites, seed, on_progress)
    except BaseException:  # an interrupt, too, must leave no half release behind
        shutil.rmtree(partial)
        raise
    if out.exists():
        out.rmdir()
    partial.replace(out)
    return dict(zip(Logs._fields, rows, strict=True))


def _write(
    folder: Path,
    world: World,
    campaigns: list[Campaign],
    favourites: Ints,
    seed: int,
    on_progress: Callable[[int, int], None] | None,
) -> list[int]:
    """Write all files into a folder; returns the rows of each log."""
    calendar, date_text = world.calendar, DateText(world.calendar)
    (folder / SYNTHETIC).write_text(
        f"Synthetic, by itd synth: {len(world.people.roster)} users, {calendar.days} days, seed {seed}.\n"
    )
    write_directory(folder, world.people, calendar)
    write_psychometric(folder, world.people)
    write_answers(folder, campaigns, world.people, date_text)
    extra = [planted(campaigns)]
    starts = range(0, calendar.days, BLOCK)
    with open_release(folder, date_text) as release:
        for number, first in enumerate(starts):
            block = range(first, min(first + BLOCK, calendar.days))
            release.append([*extra, _draw_block(world, favourites, block, seed, number)], block.stop)
            extra = []  # campaign rows of later blocks wait inside the release
            if on_progress is not None:
                on_progress(number + 1, len(starts))
    return release.rows


def _check(release: str, users: int, days: int, seed: int, insiders: float) -> None:
    """Refuse arguments out of range, one sentence each."""
    if release != "r4.2":
        raise ValueError(f"release must be 'r4.2', the only layout so far, got {release!r}")
    if not 8 <= users <= MOST_USERS:
        raise ValueError(f"users must be 8 .. {MOST_USERS}, got {users}")
    if days < 28:
        raise ValueError(f"days must be at least 28, got {days}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    if not 0 <= insiders <= 0.5:
        raise ValueError(f"insiders must be a share of the users, 0 .. 0.5, got {insiders}")


def _draw_world(users: int, calendar: Calendar, seed: int, insiders: float) -> tuple[World, Cast, Ints]:
    """People, insiders, address book, web and favourite pages."""
    rng = np.random.default_rng([seed, _PEOPLE])
    roster = hire(users, rng)
    cast = choose_insiders(roster, insiders, rng)
    people = settle(roster, cast, calendar, rng)
    contacts = meet(people, calendar.days, rng)
    pages = make_pages(rng)
    world = World(calendar, people, contacts, pages, Texts(50, rng), Texts(49, rng), Texts(47, rng))
    return world, cast, favourite_pages(people, pages, rng)


def _plan(world: World, cast: Cast, rng: np.random.Generator) -> list[Campaign]:
    """One campaign for each insider."""
    plans = (scenario_one.plan, scenario_two.plan, scenario_three.plan)
    return [
        plan(world, int(actor), rng) for plan, actors in zip(plans, cast, strict=True) for actor in actors
    ]


def _draw_block(world: World, favourites: Ints, block: range, seed: int, number: int) -> Logs:
    """Ordinary rows of a block of days; a function of its number and the seed, whoever computes it."""
    streams = [np.random.default_rng([seed, _DAYS, number, k]) for k in range(5)]
    people, calendar = world.people, world.calendar
    work = work_days(people, calendar, block, streams[0])
    other = short_sessions(people, calendar, work, block, streams[0])
    device, file = device_and_file_rows(people, work, other, world.file_texts, streams[2])
    return Logs(
        logon=logon_rows(people, work, other, streams[1]),
        device=device,
        file=file,
        email=email_rows(people, world.contacts, work, world.mail_texts, streams[3]),
        http=http_rows(people, favourites, world.pages, work, other, world.page_texts, streams[4]),
    )
