"""Draw and write blocks of days; a block depends on its number and the settings, not on the process."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.logs.email import email_rows
from itd_lightning.synth.logs.file import file_rows
from itd_lightning.synth.logs.http import http_rows
from itd_lightning.synth.logs.presence import device_rows, drive_uses, logon_rows
from itd_lightning.synth.logs.rows import Logs, rows_between, write_rows
from itd_lightning.synth.logs.sessions import short_sessions, work_days
from itd_lightning.synth.story import draw_story
from itd_lightning.synth.world import DAYS, Settings, World

_MAX_DAYS = 14  # days
_MAX_USER_DAYS = 14_000  # in a block: about 1.2 million rows of r4.2, 1.5 million of r5.2
OVERLAP = 6 * HOUR  # every session past midnight has ended by then


class _Block(NamedTuple):
    """A range of days of the release, with its number in the order of blocks."""

    number: int
    days: range


class _BlockRows(NamedTuple):
    """The rows that a block adds to the release.

    Attributes:
        head: Rows of its first hours, to be merged with what the block before reaches into them.
        overflow: Rows after its last midnight.
        rows: Rows of each log in between; they are in files (``part_file``).
    """

    head: Logs
    overflow: Logs
    rows: list[int]


def split_days(users: int, days: int) -> list[_Block]:
    """Split the period so that a block fits into memory, however many users there are.

    Example:
        >>> [block.days for block in split_days(users=100, days=30)]
        [range(0, 14), range(14, 28), range(28, 30)]
    """
    length = max(1, min(_MAX_DAYS, _MAX_USER_DAYS // users))
    firsts = range(0, days, length)
    return [_Block(number, range(first, min(first + length, days))) for number, first in enumerate(firsts)]


def part_file(folder: Path, block: _Block, log: str) -> Path:
    """Return the path of a block's rows of a log, which are kept there until they are appended."""
    return folder / f"{log}-{block.number}.part"


def draw_block(world: World, block: _Block, seed: int) -> Logs:
    """Draw the ordinary rows of a block."""
    streams = [np.random.default_rng([seed, DAYS, block.number, k]) for k in range(5)]
    work = work_days(world.people, world.calendar, block.days, streams[0])
    other = short_sessions(world.people, world.calendar, work, block.days, streams[0])
    uses = drive_uses(world.people, work, other, streams[2])
    return Logs(
        logon=logon_rows(world, work, other, streams[1]),
        device=device_rows(world, uses, streams[2]),
        file=file_rows(world, work, other, uses, streams[2]),
        email=email_rows(world, work, other, streams[3]),
        http=http_rows(world, work, other, streams[4]),
    )


def write_block(settings: Settings, folder: Path, block: _Block) -> _BlockRows:
    """Draw a block, write most of its rows to part files, and return the few that touch other blocks."""
    story = draw_story(settings)
    ordinary_logs = draw_block(story.world, block, settings.seed)
    first, end = block.days.start * DAY, block.days.stop * DAY
    head, overflow, rows = [], [], []
    for log, campaign, ordinary in zip(
        story.world.release.logs, story.campaign_rows, ordinary_logs, strict=True
    ):
        rows_of_log = [rows_between(campaign, first, end), ordinary.select(campaign.columns)]
        table = pl.concat(rows_of_log).sort("t", maintain_order=True)
        body = rows_between(table, first + OVERLAP, end)
        with part_file(folder, block, log.name).open("wb") as file:
            write_rows(file, log, body, story.date_text)
        head.append(rows_between(table, first, first + OVERLAP))
        overflow.append(rows_between(table, end, end + OVERLAP))
        rows.append(body.height)
    return _BlockRows(Logs(*head), Logs(*overflow), rows)
