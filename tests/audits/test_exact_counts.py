"""What the audit of exact counts promises."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.audits.exact_counts import ExactCounts, usual_counts
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store
from itd_lightning.store.thin import thin_store
from tests.evaluation.handmade_scores import behaviour_scores, write_behaviours

VISITS = 4  # a user-day, in the store of exact counts


@pytest.fixture(scope="module")
def exact(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the slice with exact counts: as many harmless visits on each day, then planted ones on top."""
    folder = tmp_path_factory.mktemp("exact") / "store"
    shutil.copytree(store, folder)
    planted = read_key(store).events["event_id"].implode()
    harmless = ~pl.col("event_id").is_in(planted)
    visit = pl.col("kind") == "http_visit"
    ordinal = pl.int_range(pl.len()).over("user", pl.col("time").dt.date(), "kind", harmless)
    for shard in Store(folder).shards:
        events = pl.read_parquet(shard, glob=False)
        full = (visit & harmless).sum().over("user", pl.col("time").dt.date()) >= VISITS
        events.filter(~visit | ~harmless | (full & (ordinal < VISITS))).write_parquet(shard)
    return folder


def table(store: Path, folder: Path) -> ScoreTable:
    """Return a score table on a store."""
    folder.mkdir(exist_ok=True)
    return ScoreTable(write_behaviours(folder, store, behaviour_scores(store)))


def test_a_surplus_over_an_exact_count_is_found(exact: Path, tmp_path: Path) -> None:
    found = {count.kind: count for count in usual_counts(table(exact, tmp_path))}
    visits = found["http_visit"]
    assert visits.share == 1.0
    assert visits.pr_auc > 3 * visits.base_rate
    assert visits.without_malicious < 2 * visits.base_rate


def test_the_verdict_says_what_it_means_and_leaves_the_method_open(exact: Path, tmp_path: Path) -> None:
    audit = ExactCounts().judge(table(exact, tmp_path))
    assert audit.passed is None
    assert "exactly their usual number of http_visit on 100.0% of working days" in audit.verdict
    assert "itd thin" in audit.verdict


def test_a_thinned_store_has_no_exact_number_of_visits(exact: Path, tmp_path: Path) -> None:
    thinned = thin_store(exact, tmp_path / "thinned", share=0.3).path
    assert "http_visit" not in {count.kind for count in usual_counts(table(thinned, tmp_path / "run"))}
