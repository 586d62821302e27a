"""Tests of the split of each user's own time."""

from pathlib import Path

import polars as pl

from itd_lightning.splits import Chronological


def test_each_users_own_time_runs_from_training_to_test(units: pl.DataFrame, store: Path) -> None:
    parted = Chronological(0.2, 0.1).assign(units, store)
    for _, mine in parted.group_by("user"):
        assert mine["part"].to_list() == ["train"] * 65 + ["val"] * 7 + ["test"] * 18
