"""Own PCs that never change, for tests of what is derived from them."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from itd_lightning.events.pcs import OWN_PCS


def lasting(owners: Mapping[str, str]) -> pl.DataFrame:
    """Return own PCs, as ``own_pcs`` does, of users who always call the same PC their own."""
    rows = [(user, pc, date(2000, 1, 1), None) for user, pc in owners.items()]
    return pl.DataFrame(rows, schema=OWN_PCS, orient="row")


def own_pc_on(own: pl.DataFrame, day: date) -> dict[str, str]:
    """Return each user's own PC on a day, row by row."""
    return {
        user: pc
        for user, pc, from_day, until_day in own.iter_rows()
        if from_day <= day and (until_day is None or day < until_day)
    }
