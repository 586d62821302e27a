"""What `itd threshold` promises: a threshold of a run, kept beside its scores, and what it means."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.alarm_days import choose_run_threshold, count_alarms
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.evaluation.thresholds import Rule
from itd_lightning.store.read import Store
from tests.evaluation.handmade_scores import behaviour_scores, write_behaviours


@pytest.fixture
def scores(store: Path, tmp_path: Path) -> Path:
    """Return a table of the slice's behaviours; the days before 20 January validate."""
    (tmp_path / "run").mkdir()
    return write_behaviours(tmp_path / "run", store, behaviour_scores(store))


def test_a_budget_holds_on_validation_and_is_counted_on_test(scores: Path) -> None:
    found = choose_run_threshold(scores, Rule("budget", 2.0))
    assert found.validation.per_day <= 2 < found.validation.per_day + 0.2
    assert found.test.alarms > 0
    assert found.test.recall is not None


def test_a_false_alarm_rate_holds_on_validation(scores: Path) -> None:
    found = choose_run_threshold(scores, Rule("fpr", 0.05))
    assert found.validation.fpr is not None
    assert 0.03 < found.validation.fpr <= 0.05


def test_the_evaluation_takes_the_threshold_over(scores: Path) -> None:
    usual = evaluate(scores)
    found = choose_run_threshold(scores, Rule("budget", 2.0))
    told = evaluate(scores)
    assert told["threshold"] == found.threshold != usual["threshold"]
    assert told["protocol"]["threshold_rule"] == "at most 2 validation user-days a day above it"
    assert told["pr_auc"] == usual["pr_auc"]


def test_test_scores_that_moved_are_warned_of(store: Path, tmp_path: Path) -> None:
    rows = behaviour_scores(store)
    later = 9 * (pl.col("part") == "test").cast(pl.Float64)
    moved = write_behaviours(tmp_path, store, rows.with_columns(pl.col("score") + later))
    assert choose_run_threshold(moved, Rule("budget", 2.0)).has_drifted
    assert not choose_run_threshold(write_behaviours(tmp_path, store, rows), Rule("budget", 2.0)).has_drifted


def test_a_store_without_a_key_gives_rates_but_no_truth(store: Path, tmp_path: Path) -> None:
    bare = tmp_path / "store"
    shutil.copytree(store, bare)
    manifest = {**Store(store).manifest, "answers": None}
    (bare / "manifest.json").write_text(json.dumps(manifest))
    found = choose_run_threshold(write_behaviours(tmp_path, bare, behaviour_scores(store)), Rule("fpr", 0.05))
    assert (found.test.fpr, found.test.false_share, found.test.recall) == (None, None, None)
    assert found.test.alarms > 0


def test_scores_without_a_validation_part_are_refused(store: Path, tmp_path: Path) -> None:
    rows = behaviour_scores(store).filter(pl.col("part") == "test")
    with pytest.raises(InputError, match="no validation part"):
        choose_run_threshold(write_behaviours(tmp_path, store, rows), Rule("budget", 2.0))
    assert not (tmp_path / "threshold.json").exists()


def test_a_table_without_rows_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no test units"):
        choose_run_threshold(
            write_behaviours(tmp_path, store, behaviour_scores(store).head(0)), Rule("fpr", 0.1)
        )


@pytest.mark.parametrize("name", ["user", "start", "score"])
def test_a_row_that_lacks_something_is_refused_and_no_threshold_is_kept(
    name: str, store: Path, tmp_path: Path
) -> None:
    first = pl.int_range(pl.len()) == 0
    rows = behaviour_scores(store).with_columns(pl.when(~first).then(name).alias(name))
    with pytest.raises(InputError, match=f"1 rows of the score table have no {name}"):
        choose_run_threshold(write_behaviours(tmp_path, store, rows), Rule("budget", 2.0))
    assert not (tmp_path / "threshold.json").exists()


def test_what_is_not_above_the_threshold_is_no_alarm() -> None:
    rows = {"start": [1, 1, 2], "score": [1.0, 2.0, 3.0], "malicious": [False, False, True]}
    found = count_alarms(pl.DataFrame(rows), threshold=1.0)
    assert (found.alarms, found.per_day, found.worst_day) == (2, 1.0, 1)
    assert (found.fpr, found.false_share, found.recall) == (0.5, 0.5, 1.0)
