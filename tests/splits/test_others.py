"""What the splits by chance, by user and by each user's own time promise."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits import Chronological, RandomDays, Split, Users
from itd_lightning.store.key import read_key
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


def shares(parted: pl.DataFrame) -> dict[str, float]:
    """Share of the units in each part."""
    return {part: count / len(parted) for part, count in parted["part"].value_counts().iter_rows()}


@pytest.mark.parametrize("split", [RandomDays(0.2, 0.1), Users(0.5, 0.3), Chronological(0.2, 0.1)])
def test_rows_keep_their_order_and_each_has_a_part(split: Split, units: pl.DataFrame, store: Path) -> None:
    parted = split.assign(units, store)
    assert parted.schema == UNITS
    assert parted.select("user", "start").equals(units.select("user", "start"))
    assert set(parted["part"]) == {"train", "val", "test"}
    shuffled = units.sample(fraction=1.0, shuffle=True, seed=3)
    again = split.assign(shuffled, store).sort("user", "start")
    assert again.equals(parted.sort("user", "start"))


def test_a_random_split_takes_its_shares(units: pl.DataFrame, store: Path) -> None:
    found = shares(RandomDays(0.2, 0.1).assign(units, store))
    assert found["test"] == pytest.approx(0.2, abs=0.03)
    assert found["val"] == pytest.approx(0.08, abs=0.02)
    other = RandomDays(0.2, 0.1, seed=1).assign(units, store)["part"]
    assert not other.equals(RandomDays(0.2, 0.1).assign(units, store)["part"])


def test_a_scenario_leaves_all_others_out(units: pl.DataFrame, store: Path) -> None:
    parted = RandomDays(scenario=2).assign(units, store)
    insiders = read_key(store).campaigns.filter(scenario=2)["user"]
    assert set(parted.filter(pl.col("part") != "unused")["user"]) == set(insiders)
    assert "every user is an insider" in RandomDays(scenario=2).leaks
    with pytest.raises(InputError, match="no insider of scenario 9"):
        RandomDays(scenario=9).assign(units, store)


def test_a_user_is_in_one_part_whoever_else_there_is(units: pl.DataFrame, store: Path) -> None:
    parted = Users(0.5, 0.3).assign(units, store)
    assert parted.group_by("user").agg(pl.col("part").n_unique())["part"].max() == 1
    few = pl.col("user").is_in(units["user"].unique().sort().head(5).implode())
    assert Users(0.5, 0.3).assign(units.filter(few), store).equals(parted.filter(few))


def test_each_users_own_time_runs_from_training_to_test(units: pl.DataFrame, store: Path) -> None:
    parted = Chronological(0.2, 0.1).assign(units, store)
    for _, mine in parted.group_by("user"):
        assert mine["part"].to_list() == ["train"] * 65 + ["val"] * 7 + ["test"] * 18


@pytest.mark.parametrize("split", [RandomDays, Users, Chronological])
def test_shares_out_of_range_are_refused(split: type[RandomDays]) -> None:
    with pytest.raises(ValueError, match=r"0 .. 1"):
        split(test_share=1.5)
