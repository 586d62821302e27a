"""What a thinned store promises."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.ingest import build_store
from itd_lightning.splits import Dates
from itd_lightning.store.read import Store
from itd_lightning.store.thin import PAIRED, thin_store
from itd_lightning.views import Days


@pytest.fixture(scope="module")
def thinned(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return the small slice without a third of its events."""
    return thin_store(store, tmp_path_factory.mktemp("thin") / "store", share=0.3, seed=1)


def test_a_share_of_the_events_is_gone_but_pairs_stay(store: Path, thinned: Store) -> None:
    before, after = Store(store).scan().collect(), thinned.scan().collect()
    assert after.join(before, on=["user", "kind", "event_id", "time"], how="anti").is_empty()
    counts = [events.group_by("kind").len().to_dict(as_series=False) for events in (before, after)]
    was, held = (dict(zip(found["kind"], found["len"], strict=True)) for found in counts)
    assert {kind: held[kind] for kind in PAIRED} == {kind: was[kind] for kind in PAIRED}
    assert held["http_visit"] == pytest.approx(0.7 * was["http_visit"], rel=0.05)
    assert thinned.manifest["events"] == len(after)


def test_the_key_loses_what_the_logs_lost(store: Path, thinned: Store) -> None:
    key = pl.read_parquet(thinned.path / "answers" / "malicious.parquet")
    was = pl.read_parquet(Store(store).path / "answers" / "malicious.parquet")
    assert 0 < len(key) < len(was)
    found = key.filter(pl.col("found_by").is_not_null())
    held = thinned.scan().collect().join(found, on=["user", "kind", "event_id"], how="semi")
    assert len(held) == len(found)
    counts = thinned.manifest["answers"]
    assert (counts["rows"], counts["found_by_id"] + counts["found_by_time"]) == (len(key), len(found))


def test_it_says_what_it_is_and_has_a_fingerprint_of_its_own(store: Path, thinned: Store) -> None:
    assert thinned.data == f"{Store(store).data} less 30% of its events at random"
    assert thinned.fingerprint != Store(store).fingerprint


def test_equal_seeds_lose_the_same_events(store: Path, thinned: Store, tmp_path: Path) -> None:
    again = thin_store(store, tmp_path / "again", share=0.3, seed=1)
    other = thin_store(store, tmp_path / "other", share=0.3, seed=2)
    assert again.scan().collect().equals(thinned.scan().collect())
    assert again.fingerprint == thinned.fingerprint != other.fingerprint
    assert not other.scan().collect().equals(thinned.scan().collect())


def test_a_view_reads_it_as_any_store(thinned: Store) -> None:
    view = Days(thinned.path, Dates(date(2010, 2, 20), date(2010, 3, 1)))
    view.prepare_data()
    view.setup("predict")
    assert len(view.units)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_out_of_range_is_refused(share: float, store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must lie between 0 and 1"):
        thin_store(store, tmp_path / "x", share=share)


def test_nothing_that_is_there_is_written_over(store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        thin_store(store, tmp_path)


def test_a_negative_seed_and_a_place_within_the_store_are_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must not be negative"):
        thin_store(store, tmp_path / "x", seed=-1)
    with pytest.raises(InputError, match="lies within the store"):
        thin_store(store, store / "x")


def test_a_thinned_store_cannot_be_added_to(thinned: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was thinned"):
        build_store([tmp_path], thinned.path, append=True)
