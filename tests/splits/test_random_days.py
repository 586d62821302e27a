"""Tests of the split at random."""

from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.splits import RandomDays
from itd_lightning.store.key import read_key


def shares(parted: pl.DataFrame) -> dict[str, float]:
    """Return the share of the units in each part."""
    return {part: count / len(parted) for part, count in parted["part"].value_counts().iter_rows()}


def test_a_random_split_takes_its_shares(units: pl.DataFrame, store: Path) -> None:
    by_part = shares(RandomDays(0.2, 0.1).assign(units, store))
    assert by_part["test"] == pytest.approx(0.2, abs=0.03)
    assert by_part["val"] == pytest.approx(0.08, abs=0.02)
    other = RandomDays(0.2, 0.1, seed=1).assign(units, store)["part"]
    assert not other.equals(RandomDays(0.2, 0.1).assign(units, store)["part"])


def test_a_scenario_leaves_all_others_out(units: pl.DataFrame, store: Path) -> None:
    parted = RandomDays(scenario=2).assign(units, store)
    insiders = read_key(store).campaigns.filter(scenario=2)["user"]
    assert set(parted.filter(pl.col("part") != "unused")["user"]) == set(insiders)
    assert "every user is an insider" in RandomDays(scenario=2).leaks
    with pytest.raises(InputError, match="no insider of scenario 9"):
        RandomDays(scenario=9).assign(units, store)
