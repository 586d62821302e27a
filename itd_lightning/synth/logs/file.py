"""file.csv of ordinary days: copies to a drive in r4, all acts on files since r5."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.synth.company import words
from itd_lightning.synth.company.folders import EXTENSION_SHARE, EXTENSIONS, FILES
from itd_lightning.synth.company.people import Ints, People
from itd_lightning.synth.company.texts import file_stems
from itd_lightning.synth.layout import has_column
from itd_lightning.synth.logs.presence import Uses
from itd_lightning.synth.logs.rows import frame
from itd_lightning.synth.logs.sessions import Sessions, WorkDays
from itd_lightning.synth.world import World

_COPY_DAYS = 0.72  # share of days with a drive on which files are copied: r4.2 .291 / .403
_RECORDED_SHARE = 0.55  # share of those acts since r5, where acts without a drive come beside them
_AT_DESK = 0.5  # acts on files of the PC, a working day
_AT_OTHER_PC = 1.2  # the same, in a session on another PC
_DECOY = 0.02  # share of the acts at a PC with a decoy file that touch it
_FILES_PER_USER = 300  # files of a user

# First bytes by file type, public facts; text files get the bytes of a byte-order mark.
HEADERS = pl.Series(
    [
        "D0-CF-11-E0-A1-B1-1A-E1",
        "25-50-44-46-2D",
        "EF-BB-BF-20-20",
        "FF-D8-FF-E0-00-10",
        "50-4B-03-04-14",
        "4D-5A-90-00-03",
    ]
)


class Act(NamedTuple):
    """An act on a file.

    Attributes:
        activity: As the log names it.
        drive: Whether the file lies on a drive.
        to: Whether a drive is changed.
        source: Whether a drive is read.
    """

    activity: str
    drive: bool
    to: bool
    source: bool

    def columns(self) -> dict[str, str]:
        """Return its columns of the log."""
        return {
            "activity": self.activity,
            "to_removable_media": str(self.to),
            "from_removable_media": str(self.source),
        }


COPY_TO_DRIVE = Act("File Copy", drive=True, to=True, source=False)
OPEN_ON_DRIVE = Act("File Open", drive=True, to=False, source=True)
_WRITE_ON_DRIVE = Act("File Write", drive=True, to=True, source=False)
_DELETE_ON_DRIVE = Act("File Delete", drive=True, to=True, source=False)
COPY_FROM_DRIVE = Act("File Copy", drive=False, to=False, source=True)
OPEN = Act("File Open", drive=False, to=False, source=False)
_WRITE = Act("File Write", drive=False, to=False, source=False)
_COPY = Act("File Copy", drive=False, to=False, source=False)
_DELETE = Act("File Delete", drive=False, to=False, source=False)

_ACTS = (
    COPY_TO_DRIVE,
    OPEN_ON_DRIVE,
    _WRITE_ON_DRIVE,
    COPY_FROM_DRIVE,
    _DELETE_ON_DRIVE,
    OPEN,
    _WRITE,
    _COPY,
    _DELETE,
)
_WITH_DRIVE = (0.48, 0.24, 0.14, 0.10, 0.04, 0, 0, 0, 0)
_WITHOUT_DRIVE = (0, 0, 0, 0, 0, 0.62, 0.26, 0.06, 0.06)


def _drive_times(people: People, uses: Uses, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return group and time of each act on most days with a drive, spread over that day's connections."""
    groups = np.arange(len(uses.user))
    first = np.searchsorted(uses.group, groups)
    count = np.searchsorted(uses.group, groups, side="right") - first
    copies = 1 + rng.poisson(np.maximum(people.media.copies[uses.user] - 1.0, 0.0))
    at = np.repeat(groups, np.where(rng.random(len(groups)) < _COPY_DAYS, copies, 0))
    use = first[at] + np.floor(rng.random(len(at)) * count[at]).astype(np.int64)
    return at, uses.start[use] + np.rint(rng.random(len(at)) * (uses.end - uses.start)[use]).astype(np.int64)


def _contents(world: World, kind: Ints, rng: np.random.Generator) -> pl.Series:
    """Return a header by the type of the file, and words."""
    topic = rng.integers(0, len(words.TOPICS), len(kind))
    parts = [pl.lit(HEADERS.gather(kind)), pl.lit(world.file_texts.pick(topic, rng))]
    return pl.select(pl.concat_str(parts, separator=" ")).to_series()


def file_rows(
    world: World, work: WorkDays, other: Sessions, uses: Uses, rng: np.random.Generator
) -> pl.DataFrame:
    """Return the rows of the working days and sessions, in the form of the release."""
    at, t = _drive_times(world.people, uses, rng)
    if has_column(world.release, "file", "activity"):
        mask = rng.random(len(at)) < _RECORDED_SHARE
        at, t = at[mask], t[mask]
        return _acts(world, work, other, (uses.user[at], uses.pc[at], t), rng)
    kind = rng.choice(len(EXTENSIONS), len(at), p=EXTENSION_SHARE)
    content = _contents(world, kind, rng)
    parts = [pl.lit(part) for part in file_stems(len(at), rng)]
    ending = pl.lit(pl.Series([f".{name}" for name in EXTENSIONS]).gather(kind))
    filename = pl.select(pl.concat_str(*parts, ending)).to_series()
    return frame(world.people, t, uses.user[at], uses.pc[at], rng, filename=filename, content=content)


def _spread(start: Ints, end: Ints, rate: float, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return session and time of ``rate`` acts a session."""
    at = np.repeat(np.arange(len(start)), rng.poisson(rate, len(start)))
    return at, start[at] + np.floor(rng.random(len(at)) * (end - start)[at]).astype(np.int64)


def _acts(
    world: World,
    work: WorkDays,
    other: Sessions,
    on_drive: tuple[Ints, Ints, Ints],
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return acts with a drive, at the own desk and on other PCs; ``on_drive`` is user, PC and time."""
    desk, desk_t = _spread(work.start, work.end, _AT_DESK, rng)
    away_at, away_t = _spread(other.start, other.end, _AT_OTHER_PC, rng)
    places = (
        on_drive,
        (work.user[desk], work.user[desk], desk_t),
        (other.user[away_at], other.pc[away_at], away_t),
    )
    user, pc, t = (np.concatenate(part) for part in zip(*places, strict=True))
    drive_count = len(on_drive[0])
    act = np.concatenate(
        [
            rng.choice(len(_ACTS), drive_count, p=_WITH_DRIVE),
            rng.choice(len(_ACTS), len(t) - drive_count, p=_WITHOUT_DRIVE),
        ]
    )
    file_number = np.floor(_FILES_PER_USER * rng.random(len(t)) ** 2).astype(np.int64)
    file = (user * 61 + file_number) % FILES + FILES * np.array([kind.drive for kind in _ACTS])[act]
    decoy = world.folders.decoy_at[pc]
    is_decoy = (np.arange(len(t)) >= drive_count) & (decoy >= 0) & (rng.random(len(t)) < _DECOY)
    file = np.where(is_decoy, decoy, file)
    table = pl.DataFrame([kind.columns() for kind in _ACTS])[act]
    return frame(
        world.people,
        t,
        user,
        pc,
        rng,
        filename=world.folders.path.gather(file),
        **{name: table[name] for name in table.columns},
        content=_contents(world, world.folders.kind[file], rng),
    )
