"""Everything that is fixed before the first day: company, habits, web, texts and layout."""

from datetime import date
from typing import NamedTuple

import numpy as np

from itd_lightning.sources.cert.releases import Release, find_release
from itd_lightning.synth.company.calendar import Calendar, make_calendar
from itd_lightning.synth.company.contacts import Contacts, draw_contacts
from itd_lightning.synth.company.folders import Folders, make_folders
from itd_lightning.synth.company.habits import draw_people
from itd_lightning.synth.company.organisation import draw_roster
from itd_lightning.synth.company.pages import Pages, favourite_pages, make_pages
from itd_lightning.synth.company.people import Ints, People
from itd_lightning.synth.company.texts import Texts
from itd_lightning.synth.scenarios.insiders import Cast, choose_insiders

QUIET = 0.4  # share of the period before any campaign
PEOPLE, CAMPAIGNS, DAYS, FOLDERS, PROJECTS = range(5)  # independent streams of random numbers


class Settings(NamedTuple):
    """Arguments of a release; equal settings give equal releases."""

    release: str
    users: int
    days: int
    seed: int
    start: date
    insiders: float


class World(NamedTuple):
    """Everything that rows are drawn from; ``favourites`` are (n, k) pages of a user, most liked first."""

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
        """Return the first day on which a campaign may begin."""
        return int(np.ceil(QUIET * self.calendar.days))


def draw_world(settings: Settings) -> World:
    """Draw the world of a release."""
    release = find_release(settings.release)
    calendar = make_calendar(settings.start, settings.days)
    rng = np.random.default_rng([settings.seed, PEOPLE])
    roster = draw_roster(settings.users, rng)
    cast = choose_insiders(roster, release, settings.insiders, rng)
    people = draw_people(roster, cast, calendar, rng)
    contacts = draw_contacts(people, calendar.days, rng)
    pages = make_pages(rng)
    natural = release.decoys  # r6 writes sentences, earlier releases words
    # Words of a web page, a mail and a file, as measured on r4.2.
    texts = [Texts(length, natural, rng) for length in (50, 49, 47)]
    favourites = favourite_pages(people, pages, rng)
    folders = make_folders(people, release, np.random.default_rng([settings.seed, FOLDERS]))
    return World(release, calendar, people, cast, contacts, pages, favourites, folders, *texts)
