"""What the table of all methods promises, and the fused row in it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.scores import SCORES
from itd_lightning.evaluation.comparison import FUSION, LEAVER, RANDOM, VOLUME, CommonTable, common_table
from itd_lightning.evaluation.comparison_days import common_days, fill_missing
from itd_lightning.numerics.weights import logistic_weights
from itd_lightning.scores.fuse import fusion, surprise
from itd_lightning.store.read import Store
from tests.evaluation.handmade_scores import user_day_scores, write_behaviours


def scored(folder: Path, store: Path, scores: pl.DataFrame) -> Path:
    """Write a run."""
    folder.mkdir(parents=True)
    return write_behaviours(folder, store, scores, grain="user-day")


@pytest.fixture(scope="module")
def runs(store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Return a method that sees malice, in two seeds, and one that sees nothing and skips every tenth day."""
    folder = tmp_path_factory.mktemp("runs")
    sees = [scored(folder / f"sees{seed}", store, user_day_scores(store, seed)) for seed in (0, 1)]
    blind = user_day_scores(store, 2, raised=0.0)
    skipped = blind.filter(pl.col("start").dt.day() % 10 != 0)
    return {"sees": sees, "blind": [scored(folder / "blind", store, skipped)]}


@pytest.fixture(scope="module")
def table(runs: dict[str, list[Path]]) -> CommonTable:
    """Return their table."""
    return common_table(runs)


def test_days_are_those_on_which_the_user_did_anything(store: Path, runs: dict[str, list[Path]]) -> None:
    days, scores = common_days(runs)
    active = Store(store).presence().select("user", start=pl.col("day").cast(pl.Datetime("us")))
    assert days.select("user", "start").sort("user", "start").equals(active.sort("user", "start"))
    skipped = (days["start"].dt.day() % 10 == 0).to_numpy()
    assert (scores["blind"][0].is_null().to_numpy() == skipped).all()
    assert scores["sees"][0].null_count() == 0


def test_the_best_comes_first_and_others_are_shown_behind_it(table: CommonTable) -> None:
    named = {row.name: row for row in table.rows}
    best, blind = named["sees"], named["blind"]
    assert [row.pr_auc for row in table.rows] == sorted((row.pr_auc for row in table.rows), reverse=True)
    assert table.rows[0].behind is None
    assert best.seeds == 2
    assert best.spread[0] <= best.pr_auc <= best.spread[1]
    assert best.pr_auc > 0.9
    assert blind.behind is not None
    assert blind.behind[0] > 0
    assert 0.05 < blind.missing < 0.2


def test_a_method_never_hides_by_silence(runs: dict[str, list[Path]]) -> None:
    """Days without a score are ranked below all others, not left out."""
    days, _ = common_days(runs)
    assert common_table({"blind": runs["blind"]}).user_days == int((days["part"] == "test").sum())
    assert fill_missing(pl.Series([0.5, None, -2.0, None])).tolist() == [0.5, -3.0, -2.0, -3.0]


def test_the_last_days_of_a_log_come_first_in_the_reference_of_leavers(
    runs: dict[str, list[Path]], store: Path, tmp_path: Path
) -> None:
    days, _ = common_days(runs)
    last = days.select("user", "start", score=-pl.col("left"))
    ends = user_day_scores(store).drop("score").join(last, on=["user", "start"]).select(SCORES.names())
    found = common_table({"ends": [scored(tmp_path / "ends", store, ends)]})
    leaver = next(row for row in found.references if row.name == LEAVER)
    assert leaver.pr_auc == pytest.approx(found.rows[0].pr_auc)


def test_references_need_no_method(table: CommonTable) -> None:
    assert [row.name for row in table.references] == [RANDOM, VOLUME, LEAVER]
    assert table.malicious / table.user_days == pytest.approx(
        next(row.pr_auc for row in table.references if row.name == RANDOM), abs=0.15
    )


def test_the_fused_row_weighs_by_validation_and_is_no_worse_than_the_blind(table: CommonTable) -> None:
    assert sum(table.weights.values()) == pytest.approx(1)
    fused = next(row for row in table.rows if row.name == FUSION)
    blind = next(row for row in table.rows if row.name == "blind")
    assert fused.pr_auc > blind.pr_auc


def test_a_budget_lists_at_most_so_many_days(table: CommonTable) -> None:
    best = table.rows[0]
    assert best.recall[1] <= best.recall[5] <= best.recall[10] <= best.recall[50] == 1.0
    assert best.insiders_found <= table.insiders
    assert sum(table.scenarios.values()) == table.malicious


def test_runs_of_other_splits_are_refused(store: Path, runs: dict[str, list[Path]], tmp_path: Path) -> None:
    january = pl.when(pl.col("start").dt.month() == 1).then(pl.lit("val")).otherwise(pl.lit("test"))
    later = user_day_scores(store).with_columns(part=january.cast(SCORES["part"]))
    with pytest.raises(InputError, match="different splits"):
        common_days({**runs, "later": [scored(tmp_path / "later", store, later)]})


def test_runs_without_test_units_or_of_strangers_are_refused(
    store: Path, runs: dict[str, list[Path]], tmp_path: Path
) -> None:
    rows = user_day_scores(store)
    nobody = rows.with_columns(user=pl.lit("X") + pl.col("user"))
    others = {
        "holds no test units": [rows.head(0), rows.filter(pl.col("part") == "val")],
        "other has no score": [nobody],
    }
    for words, tables in others.items():
        for number, table in enumerate(tables):
            run = scored(tmp_path / f"{words} {number}", store, table)
            with pytest.raises(InputError, match=words):
                common_days({**runs, "other": [run]})


def test_without_a_run_there_is_no_table() -> None:
    with pytest.raises(InputError, match="no run to compare"):
        common_table({})


def test_surprise_is_the_conformal_p_value() -> None:
    harmless = np.array([1.0, 2.0, 3.0])
    expected = -np.log([1 / 4, 2 / 4, 4 / 4])
    assert np.allclose(surprise(np.array([4.0, 3.0, 0.0]), harmless), expected)


def test_fusion_looks_at_no_label_of_the_test() -> None:
    draw = np.random.default_rng(0)
    scores = [draw.random(200), draw.random(200)]
    validated = np.arange(200) < 100
    malicious = draw.random(200) < 0.2
    other = np.where(validated, malicious, ~malicious)
    assert np.array_equal(fusion(scores, validated, malicious)[0], fusion(scores, validated, other)[0])


def test_fusion_without_a_malicious_validation_day_weighs_all_alike() -> None:
    scores = [np.arange(10.0), np.arange(10.0)[::-1].copy(), np.ones(10)]
    assert np.allclose(fusion(scores, np.arange(10) < 5, np.zeros(10, dtype=bool))[1], 1 / 3)


def test_weights_find_the_signal_that_tells_and_are_never_negative() -> None:
    draw = torch.Generator().manual_seed(0)
    label = (torch.rand(400, generator=draw) < 0.1).float()
    noise = torch.randn(400, 2, generator=draw)
    features = torch.stack([noise[:, 0] + 3 * label, noise[:, 1], -3 * label], dim=1)
    weights = logistic_weights(features, label)
    assert weights[0] > 0.9
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
