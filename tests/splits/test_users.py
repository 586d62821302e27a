"""Tests of the split by user."""

from pathlib import Path

import polars as pl

from itd_lightning.splits import Users


def test_a_user_is_in_one_part_whoever_else_there_is(units: pl.DataFrame, store: Path) -> None:
    parted = Users(0.5, 0.3).assign(units, store)
    assert parted.group_by("user").agg(pl.col("part").n_unique())["part"].max() == 1
    few = pl.col("user").is_in(units["user"].unique().sort().head(5).implode())
    assert Users(0.5, 0.3).assign(units.filter(few), store).equals(parted.filter(few))
