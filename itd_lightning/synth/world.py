"""All that is settled before the first day: the company, its habits, the web, the texts, the layout."""

from datetime import date
from typing import NamedTuple

import numpy as np

from itd_lightning.sources.cert.releases import Release, find_release
from itd_lightning.synth.company.calendar import Calendar, make_calendar
from itd_lightning.synth.company.contacts import Contacts, meet
from itd_lightning.synth.company.folders import Folders, make_folders
from itd_lightning.synth.company.habits import settle
from itd_lightning.synth.company.organisation import hire
from itd_lightning.synth.company.pages import Pages, favourite_pages, make_pages
from itd_lightning.synth.company.people import Ints, People
from itd_lightning.synth.company.texts import Texts
from itd_lightning.synth.scenarios.insiders import Cast, choose_insiders

QUIET = 0.4  # share of the period before any campaign
PEOPLE, CAMPAIGNS, DAYS, FOLDERS, PROJECTS = range(5)  # independent streams of random numbers


class Settings(NamedTuple):
    """What a release is drawn from; equal settings give equal releases."""

    release: str
    users: int
    days: int
    seed: int
    start: date
    insiders: float


class World(NamedTuple):
    """What every row is drawn from; ``favourites`` are (n, k) pages that a user visits, most liked first."""

    release: Release
    calendar: Calendar
    people: People
    cast: Cast
    contacts: Contacts
    pages: Pages
    favourites: Ints
    folders: Folders
    page_texts: Texts
    mail_texts: Texts
    file_texts: Texts

    @property
    def first_day(self) -> int:
        """First day on which a campaign may begin."""
        return int(np.ceil(QUIET * self.calendar.days))


def draw_world(settings: Settings) -> World:
    """Draw the world of a release."""
    release = find_release(settings.release)
    calendar = make_calendar(settings.start, settings.days)
    rng = np.random.default_rng([settings.seed, PEOPLE])
    roster = hire(settings.users, rng)
    cast = choose_insiders(roster, release, settings.insiders, rng)
    people = settle(roster, cast, calendar, rng)
    contacts = meet(people, calendar.days, rng)
    pages = make_pages(rng)
    natural = release.decoys  # r6 writes sentences, earlier releases words
    # Words of a web page, a mail and a file, as measured on r4.2.
    texts = [Texts(length, natural, rng) for length in (50, 49, 47)]
    favourites = favourite_pages(people, pages, rng)
    folders = make_folders(people, release, np.random.default_rng([settings.seed, FOLDERS]))
    return World(release, calendar, people, cast, contacts, pages, favourites, folders, *texts)
