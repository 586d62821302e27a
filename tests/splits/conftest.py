"""User-days that several splits are tested on."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.scores import UNITS
from itd_lightning.store.read import Store

MONDAY = datetime(2010, 1, 4)


@pytest.fixture(scope="module")
def units(store: Path) -> pl.DataFrame:
    """Return all user-days of the slice from January on."""
    users = Store(store).presence().select(pl.col("user").unique()).sort("user")
    days = pl.DataFrame({"start": [MONDAY + timedelta(days=day) for day in range(90)]})
    return users.join(days, how="cross").with_columns(
        pl.col("start").cast(UNITS["start"]), end=(pl.col("start") + timedelta(days=1)).cast(UNITS["end"])
    )
