"""Rows of mails at the PCs of their readers in the company, during their working hours."""

import numpy as np
import polars as pl

from itd_lightning.synth.company.calendar import DAY
from itd_lightning.synth.company.people import Ints
from itd_lightning.synth.company.texts import event_ids
from itd_lightning.synth.layout import read_activity
from itd_lightning.synth.logs.sessions import WorkDays
from itd_lightning.synth.world import World

_DELAY = 20 * 60.0  # seconds until a mail is read, mean
_BEFORE_LEAVING = 60  # seconds


def _mail_readers(world: World, table: Ints, mass: dict[int, Ints]) -> tuple[Ints, Ints]:
    """Return the mail's row and the reader of each copy; mail to a private address is read there, too."""
    n = len(world.people.roster)
    ordinary = table.copy()
    ordinary[list(mass)] = len(world.contacts.address) - 1
    mail, slot = np.nonzero(ordinary < 2 * n)
    reader = ordinary[mail, slot] % n
    mass_mail = np.repeat(np.array([*mass], dtype=np.int64), [len(readers) for readers in mass.values()])
    return np.concatenate([mail, mass_mail]), np.concatenate([reader, *mass.values()])


def read_rows(
    world: World,
    sent: pl.DataFrame,
    table: Ints,
    mass: dict[int, Ints],
    work: WorkDays,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return the read copies of sent mails; a reader with no later working day in the block has none.

    Args:
        world: Where it happens.
        sent: The mails.
        table: (m, 7) their recipients, as indices into ``Contacts.address``.
        mass: Readers of the mails to many, by row.
        work: Working days of the block, by user and day.
        rng: Source of randomness.
    """
    mail, reader = _mail_readers(world, table, mass)
    t = sent["t"].to_numpy()[mail]
    user_span = (world.calendar.days + 2) * DAY  # apart: the days of one user and the next
    latest = work.end - _BEFORE_LEAVING
    at = np.searchsorted(work.user * user_span + latest, reader * user_span + t, side="right")
    at_work = at < len(latest)
    at_work[at_work] = work.user[at[at_work]] == reader[at_work]
    mail, reader, t, at = mail[at_work], reader[at_work], t[at_work], at[at_work]
    delay = np.ceil(rng.exponential(_DELAY, len(t))).astype(np.int64)
    t = np.minimum(np.maximum(t, work.start[at] + _BEFORE_LEAVING) + delay, latest[at])
    copies: pl.DataFrame = sent[mail]
    return copies.with_columns(
        t=pl.Series(t),
        id=event_ids(len(t), rng),
        user=world.people.user.gather(reader),
        pc=world.people.places.pcs.gather(reader),
        activity=pl.lit(read_activity(world.release)),
    )
