"""Trimming: early events are gone, the rest stays as it was, and newer logs can still be appended."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from itd_lightning.ingest import build_store
from itd_lightning.store.read import Store
from itd_lightning.store.trim import trim_store
from itd_lightning.store.truncate import derive_store
from tests.test_file_modes import open_to_others

SINCE = datetime(2010, 3, 1)


def events(store: Path) -> pl.DataFrame:
    """Return all events of a store."""
    return Store(store).scan().collect()


def copied(store: Path, folder: Path) -> Path:
    """Copy a store, without the views that others built."""
    shutil.copytree(store, folder, ignore=shutil.ignore_patterns("views"))
    return folder


def test_early_events_are_gone_and_the_rest_stays(store: Path, tmp_path: Path) -> None:
    small = copied(store, tmp_path / "small")
    (small / "views" / "days-x").mkdir(parents=True)
    removed = trim_store(small, SINCE)
    assert_frame_equal(events(small), events(store).filter(pl.col("time") >= SINCE))
    assert removed == len(events(store)) - len(events(small)) > 0
    assert Store(small).fingerprint != Store(store).fingerprint
    assert not (small / "views").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    assert Store(small).people() is not None
    assert open_to_others(small) == []


def test_logs_can_be_appended_to_a_trimmed_store_and_trimmed_again(
    release: Path, store: Path, tmp_path: Path
) -> None:
    small = copied(store, tmp_path / "small")
    first = trim_store(small, SINCE)
    build_store([release], small, append=True)
    assert len(events(small)) == len(events(store))
    assert Store(small).manifest["trimmed"] == first
    trim_store(small, SINCE)
    assert_frame_equal(events(small), events(store).filter(pl.col("time") >= SINCE))


def test_a_killed_trimming_leaves_nothing_that_the_next_one_minds(store: Path, tmp_path: Path) -> None:
    small = copied(store, tmp_path / "small")
    (tmp_path / ".small.trimmed" / "events").mkdir(parents=True)
    (tmp_path / ".small.trimmed" / "events" / "junk").write_text("half")
    trim_store(small, SINCE)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_a_derived_store_may_begin_later(store: Path, tmp_path: Path) -> None:
    until = SINCE + timedelta(days=10)
    derive_store(store, tmp_path / "cut", until, since=SINCE)
    expected = events(store).filter(pl.col("time").is_between(SINCE, until, closed="left"))
    assert_frame_equal(events(tmp_path / "cut"), expected)
    derive_store(store, tmp_path / "later", until, since=SINCE + timedelta(days=1))
    assert Store(tmp_path / "cut").fingerprint != Store(tmp_path / "later").fingerprint
