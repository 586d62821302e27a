"""What a store of an earlier moment promises: nothing later is in it, all else is as it was."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.store_files import MALICIOUS_FILE
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store
from itd_lightning.store.truncate import derive_store

UNTIL = datetime(2010, 3, 10)


@pytest.fixture(scope="module")
def cut(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return the slice as it was on 10 March 2010, without that month's answers."""
    return derive_store(store, tmp_path_factory.mktemp("cut") / "store", UNTIL, datetime(2010, 3, 1))


def test_it_holds_all_earlier_events_and_no_others(store: Path, cut: Store) -> None:
    whole = Store(store).scan().filter(pl.col("time") < UNTIL).collect()
    assert cut.scan().collect().equals(whole)
    assert cut.presence()["day"].max() < UNTIL.date()  # type: ignore[operator]
    assert cut.fingerprint != Store(store).fingerprint


def test_its_manifest_counts_what_it_holds(store: Path, cut: Store) -> None:
    events, key = cut.scan().collect(), pl.read_parquet(cut.path / MALICIOUS_FILE)
    manifest, people = cut.manifest, cut.people()
    assert people is not None
    assert manifest["events"] == len(events) < Store(store).manifest["events"]
    assert [manifest["users"], manifest["people"]] == [events["user"].n_unique(), people["user"].n_unique()]
    assert [manifest["first"], manifest["last"]] == [str(events["time"].min()), str(events["time"].max())]
    assert [shard["events"] for shard in manifest["shards"]] == [
        len(pl.read_parquet(shard)) for shard in cut.shards
    ]
    campaigns = len(read_key(cut.path).campaigns)
    assert (manifest["answers"]["campaigns"], manifest["answers"]["rows"]) == (campaigns, len(key))


def test_later_answers_are_hidden_and_earlier_ones_stay(store: Path, cut: Store) -> None:
    true, known = read_key(store), read_key(cut.path)
    hidden = datetime(2010, 3, 1)
    assert known.events.equals(true.events.filter(pl.col("time") < hidden))
    assert (
        known.campaigns["user"].to_list() == true.campaigns.filter(pl.col("start") < hidden)["user"].to_list()
    )
    assert known.campaigns["end"].max() <= hidden  # type: ignore[operator]
    assert len(known.campaigns) < len(true.campaigns)


def test_the_key_stays_whole_where_nothing_is_hidden(store: Path, tmp_path: Path) -> None:
    known = read_key(derive_store(store, tmp_path / "cut", UNTIL).path)
    assert known.campaigns.equals(read_key(store).campaigns)


def test_nobody_has_left_after_the_moment(cut: Store) -> None:
    people = pl.read_parquet(cut.path / "people.parquet")
    assert people["valid_from"].max() < UNTIL.date()  # type: ignore[operator]
    month = timedelta(days=31)
    assert people.filter(pl.col("left_on") > UNTIL + month).is_empty()
