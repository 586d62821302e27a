"""Tests of every split without dates of its own."""

from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits import Chronological, RandomDays, Split, Users


@pytest.mark.parametrize("split", [RandomDays(0.2, 0.1), Users(0.5, 0.3), Chronological(0.2, 0.1)])
def test_rows_keep_their_order_and_each_has_a_part(split: Split, units: pl.DataFrame, store: Path) -> None:
    parted = split.assign(units, store)
    assert parted.schema == UNITS
    assert parted.select("user", "start").equals(units.select("user", "start"))
    assert set(parted["part"]) == {"train", "val", "test"}
    shuffled = units.sample(fraction=1.0, shuffle=True, seed=3)
    shuffled_parts = split.assign(shuffled, store).sort("user", "start")
    assert shuffled_parts.equals(parted.sort("user", "start"))


@pytest.mark.parametrize("split", [RandomDays, Users, Chronological])
def test_shares_out_of_range_are_refused(split: type[RandomDays]) -> None:
    with pytest.raises(ValueError, match=r"0 .. 1"):
        split(test_share=1.5)
