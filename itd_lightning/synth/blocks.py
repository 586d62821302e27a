"""Draw and write a block of days; a function of its number and the settings, whatever process does it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company.calendar import DAY, HOUR
from itd_lightning.synth.logs.email import email_rows
from itd_lightning.synth.logs.file import file_rows
from itd_lightning.synth.logs.http import http_rows
from itd_lightning.synth.logs.presence import device_rows, drive_uses, logon_rows
from itd_lightning.synth.logs.rows import Logs, between, write_rows
from itd_lightning.synth.logs.sessions import short_sessions, work_days
from itd_lightning.synth.story import draw_story
from itd_lightning.synth.world import DAYS, Settings, World

LONGEST = 14  # days
USER_DAYS = 14_000  # in a block: about 1.2 million rows of r4.2, 1.5 million of r5.2
EARLY = 6 * HOUR  # every session past midnight has ended by then


class Block(NamedTuple):
    """Some days of the release, and their number in the order of blocks."""

    number: int
    days: range


class Drawn(NamedTuple):
    """What a block adds to the release.

    Attributes:
        early: Rows of its first hours, to be merged with what the block before reaches into them.
        beyond: Rows after its last midnight.
        rows: Rows of each log in between; they are in files (``part_file``).
    """

    early: Logs
    beyond: Logs
    rows: list[int]


def blocks(users: int, days: int) -> list[Block]:
    """Split the period so that a block fits into memory, however many users there are.

    Example:
        >>> [block.days for block in blocks(users=100, days=30)]
        [range(0, 14), range(14, 28), range(28, 30)]
    """
    length = max(1, min(LONGEST, USER_DAYS // users))
    firsts = range(0, days, length)
    return [Block(number, range(first, min(first + length, days))) for number, first in enumerate(firsts)]


def part_file(folder: Path, block: Block, log: str) -> Path:
    """The file in which a block's rows of a log wait for their turn."""
    return folder / f"{log}-{block.number}.part"


def draw_block(world: World, block: Block, seed: int) -> Logs:
    """Ordinary rows of a block."""
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


def write_block(settings: Settings, folder: Path, block: Block) -> Drawn:
    """Draw a block, write most of its rows to part files, and return the few that touch other blocks."""
    story = draw_story(settings)
    drawn = draw_block(story.world, block, settings.seed)
    first, end = block.days.start * DAY, block.days.stop * DAY
    early, beyond, rows = [], [], []
    for log, planted, ordinary in zip(story.world.release.logs, story.planted, drawn, strict=True):
        both = [between(planted, first, end), ordinary.select(planted.columns)]
        table = pl.concat(both).sort("t", maintain_order=True)
        late = between(table, first + EARLY, end)
        with part_file(folder, block, log.name).open("wb") as file:
            write_rows(file, log, late, story.date_text)
        early.append(between(table, first, first + EARLY))
        beyond.append(between(table, end, end + EARLY))
        rows.append(late.height)
    return Drawn(Logs(*early), Logs(*beyond), rows)
