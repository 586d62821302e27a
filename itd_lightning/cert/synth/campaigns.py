"""What the insiders do, planned before the days are drawn: each row lands in its block and in the key."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.cert.synth.calendar import Calendar
from itd_lightning.cert.synth.email_log import Contacts
from itd_lightning.cert.synth.logs import COLUMNS, Logs
from itd_lightning.cert.synth.people import People
from itd_lightning.cert.synth.texts import Pages, Texts, event_id

LOGON, DEVICE, FILE, EMAIL, HTTP = range(5)
QUIET = 0.4  # share of the period before any campaign


class World(NamedTuple):
    """All that was drawn before the first day."""

    calendar: Calendar
    people: People
    contacts: Contacts
    pages: Pages
    page_texts: Texts
    mail_texts: Texts
    file_texts: Texts

    @property
    def first_day(self) -> int:
        """First day on which a campaign may begin."""
        return int(np.ceil(QUIET * self.calendar.days))


class KeyRow(NamedTuple):
    """A row of a campaign: its log (index into ``Logs``), seconds since the first midnight, and columns."""

    log: int
    t: int
    id: str
    user: str
    pc: str
    rest: tuple[str, ...]


class Campaign(NamedTuple):
    """One campaign; ``actor`` is a roster index, ``leaves`` the actor's first day without work."""

    scenario: int
    actor: int
    rows: list[KeyRow]
    leaves: int


class Diary:
    """Rows of one campaign in the making."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world = world
        self.rng = rng
        self.rows: list[KeyRow] = []

    def add(self, log: int, t: float, user: int, pc: int, *rest: str) -> None:
        """Note that a user did something at a PC, both roster indices, at ``t`` seconds."""
        people = self.world.people
        row = KeyRow(log, round(t), event_id(self.rng), people.user[user], people.places.pcs[pc], rest)
        self.rows.append(row)

    def visit(self, t: float, user: int, page: int) -> None:
        """Note a web visit at the own PC."""
        pages, texts = self.world.pages, self.world.page_texts
        topic = np.array([pages.topic[page]])
        self.add(HTTP, t, user, user, pages.url[page], texts.pick(topic, self.rng)[0])

    def mail(
        self, t: float, user: int, recipients: list[str], sender: str, attachments: int, content: str
    ) -> None:
        """Note a mail from the own PC; ``recipients`` are the columns to, cc and bcc."""
        size = round(28_353 * np.exp(0.32 * self.rng.standard_normal()))
        self.add(EMAIL, t, user, user, *recipients, sender, str(size), str(attachments), content)

    def close(self, scenario: int, actor: int, leaves: int) -> Campaign:
        """The campaign, its rows in time order."""
        return Campaign(scenario, actor, sorted(self.rows, key=lambda row: row.t), leaves)


def planted(campaigns: list[Campaign]) -> Logs:
    """Rows of all campaigns as frames for the logs."""
    frames = []
    for log, rest in enumerate(COLUMNS):
        rows = [row for campaign in campaigns for row in campaign.rows if row.log == log]
        columns = {
            name: pl.Series([row.rest[k] for row in rows], dtype=pl.String) for k, name in enumerate(rest)
        }
        common = {
            "t": pl.Series([row.t for row in rows], dtype=pl.Int64),
            "id": pl.Series([row.id for row in rows], dtype=pl.String),
            "user": pl.Series([row.user for row in rows], dtype=pl.String),
            "pc": pl.Series([row.pc for row in rows], dtype=pl.String),
        }
        frames.append(pl.DataFrame({**common, **columns}))
    return Logs(*frames)
