"""Campaigns of insiders, planned before the days are drawn: their rows go into the logs and the key."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.sources.cert.releases import Release
from itd_lightning.synth.company import words
from itd_lightning.synth.company.texts import event_id
from itd_lightning.synth.layout import (
    counts_attachments,
    has_column,
    own_columns,
    read_activity,
    records_mail_reads,
)
from itd_lightning.synth.logs.file import HEADERS, Act
from itd_lightning.synth.logs.presence import drive_tree
from itd_lightning.synth.logs.rows import Logs
from itd_lightning.synth.world import World

VISIT, DOWNLOAD, UPLOAD = "WWW Visit", "WWW Download", "WWW Upload"


class KeyRow(NamedTuple):
    """A row of a campaign.

    Attributes:
        log: Name of its log.
        t: Seconds since the first midnight.
        id, user, pc: As the log writes them.
        values: Further columns by name; the release may not have them all.
        topic: Topic of the content, for the key only.
        in_key: Whether the key holds the row; it lacks some acts of innocent people.
    """

    log: str
    t: int
    id: str
    user: str
    pc: str
    values: dict[str, str]
    topic: str
    in_key: bool


class Campaign(NamedTuple):
    """One campaign; ``actor`` is a roster index, ``departures`` the first day without some users."""

    scenario: int
    actor: int
    rows: list[KeyRow]
    departures: dict[int, int]


class Diary:
    """Collects the rows of one campaign. Users and PCs are roster indices, times are seconds."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world = world
        self.rng = rng
        self.rows: list[KeyRow] = []

    def add(
        self,
        log: str,
        t: float,
        user: int,
        pc: int,
        values: dict[str, str],
        topic: str = "",
        in_key: bool = True,
    ) -> KeyRow:
        """Note an act of a user at a PC."""
        people = self.world.people
        name, at = people.user[user], people.places.pcs[pc]
        row = KeyRow(log, round(t), event_id(self.rng), name, at, values, topic, in_key)
        self.rows.append(row)
        return row

    def session(self, t: float, until: float, user: int, pc: int, in_key: bool = True) -> None:
        """Note a Logon and its Logoff."""
        self.add("logon", t, user, pc, {"activity": "Logon"}, in_key=in_key)
        self.add("logon", until, user, pc, {"activity": "Logoff"}, in_key=in_key)

    def plug(self, t: float, until: float | None, user: int, pc: int) -> None:
        """Note a drive's Connect and its Disconnect, if that is recorded."""
        tree = self.world.folders.tree[int(drive_tree(np.array([user]), np.array([0]))[0])]
        self.add("device", t, user, pc, {"file_tree": tree, "activity": "Connect"})
        if until is not None:
            self.add("device", until, user, pc, {"file_tree": "", "activity": "Disconnect"})

    def visit(self, t: float, user: int, page: int, activity: str = VISIT) -> None:
        """Note a web visit at the own PC."""
        pages, topic = self.world.pages, words.ALL_TOPICS[self.world.pages.topic[page]]
        content = self.world.page_texts.one(topic, self.rng)
        values = {"url": pages.url[page], "activity": activity, "content": content}
        self.add("http", t, user, user, values, topic.plain)

    def handle(self, t: float, user: int, pc: int, act: Act, file: int, topic: words.Topic) -> str:
        """Note an act on a file; return its name, with the path where the release has paths."""
        folders = self.world.folders
        name = str(folders.path[file])
        if not has_column(self.world.release, "file", "activity"):
            name = name.rsplit("\\", 1)[1]
        content = f"{HEADERS[int(folders.kind[file])]} {self.world.file_texts.one(topic, self.rng)}"
        self.add("file", t, user, pc, {"filename": name, **act.columns(), "content": content}, topic.plain)
        return name

    def attach(self, count: int) -> str:
        """Return the attachments of a mail as the release writes them: a count, or names with sizes."""
        if counts_attachments(self.world.release):
            return str(count)
        return str(self.world.folders.attachments(np.array([count]), self.rng)[0])

    def mail(
        self,
        t: float,
        user: int,
        recipients: list[str],
        sender: str,
        attachments: str,
        topic: words.Topic,
        pc: int | None = None,
        in_key: bool = True,
    ) -> KeyRow:
        """Note a mail, by default from the own PC; ``recipients`` are the columns to, cc and bcc."""
        values = {
            **dict(zip(("to", "cc", "bcc"), recipients, strict=True)),
            "from": sender,
            "activity": "Send",
            "size": str(round(28_353 * np.exp(0.32 * self.rng.standard_normal()))),
            "attachments": attachments,
            "content": self.world.mail_texts.one(topic, self.rng),
        }
        return self.add("email", t, user, user if pc is None else pc, values, topic.plain, in_key)

    def read(self, t: float, reader: int, mail: KeyRow, in_key: bool = True) -> None:
        """Note that a mail was read at the reader's own PC, where the release records it."""
        if records_mail_reads(self.world.release):
            values = {**mail.values, "activity": read_activity(self.world.release)}
            self.add("email", t, reader, reader, values, mail.topic, in_key)

    def close(self, scenario: int, actor: int, departures: dict[int, int]) -> Campaign:
        """Return the campaign, its rows in time order."""
        return Campaign(scenario, actor, sorted(self.rows, key=lambda row: row.t), departures)


def campaign_rows(campaigns: list[Campaign], release: Release) -> Logs:
    """Return the rows of all campaigns as frames for the logs, in time order."""
    rows = sorted((row for campaign in campaigns for row in campaign.rows), key=lambda row: row.t)
    frames = []
    for name in Logs._fields:
        rows_of_log = [row for row in rows if row.log == name]
        columns = {
            "id": [row.id for row in rows_of_log],
            "user": [row.user for row in rows_of_log],
            "pc": [row.pc for row in rows_of_log],
            **{
                column: [row.values[column] for row in rows_of_log]
                for column in own_columns(release.by_name[name])
            },
        }
        text = {column: pl.Series(values, dtype=pl.String) for column, values in columns.items()}
        frames.append(pl.DataFrame({"t": pl.Series([row.t for row in rows_of_log], dtype=pl.Int64), **text}))
    return Logs(*frames)
