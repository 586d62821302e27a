"""Mails where they are seen: at the own PCs of their readers in the company, while these work."""

import numpy as np
import polars as pl

from itd_lightning.synth.company.calendar import DAY
from itd_lightning.synth.company.people import Ints
from itd_lightning.synth.company.texts import event_ids
from itd_lightning.synth.layout import seen
from itd_lightning.synth.logs.sessions import WorkDays
from itd_lightning.synth.world import World

DELAY = 20 * 60.0  # seconds until a mail is read, mean
BEFORE_LEAVING = 60  # seconds


def _who_reads(world: World, table: Ints, mass: dict[int, Ints]) -> tuple[Ints, Ints]:
    """Row of the mail and reader of each copy; everyone reads the mail to their private address, too."""
    n = len(world.people.roster)
    ordinary = table.copy()
    ordinary[list(mass)] = len(world.contacts.address) - 1
    mail, slot = np.nonzero(ordinary < 2 * n)
    reader = ordinary[mail, slot] % n
    many = np.repeat(np.array([*mass], dtype=np.int64), [len(readers) for readers in mass.values()])
    return np.concatenate([mail, many]), np.concatenate([reader, *mass.values()])


def seen_rows(
    world: World,
    sent: pl.DataFrame,
    table: Ints,
    mass: dict[int, Ints],
    work: WorkDays,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Copies of sent mails; whoever does not come to work any more in the block gets none.

    Args:
        world: Where it happens.
        sent: The mails.
        table: (m, 7) their recipients, as indices into ``Contacts.address``.
        mass: Readers of the mails to many, by row.
        work: Working days of the block, by user and day.
        rng: Source of randomness.
    """
    mail, reader = _who_reads(world, table, mass)
    t = sent["t"].to_numpy()[mail]
    far = (world.calendar.days + 2) * DAY  # apart: the days of one user and the next
    closes = work.end - BEFORE_LEAVING
    at = np.searchsorted(work.user * far + closes, reader * far + t, side="right")
    here = at < len(closes)
    here[here] = work.user[at[here]] == reader[here]
    mail, reader, t, at = mail[here], reader[here], t[here], at[here]
    delay = np.ceil(rng.exponential(DELAY, len(t))).astype(np.int64)
    t = np.minimum(np.maximum(t, work.start[at] + BEFORE_LEAVING) + delay, closes[at])
    copies: pl.DataFrame = sent[mail]
    return copies.with_columns(
        t=pl.Series(t),
        id=event_ids(len(t), rng),
        user=world.people.user.gather(reader),
        pc=world.people.places.pcs.gather(reader),
        activity=pl.lit(seen(world.release)),
    )
