"""What evaluation.json promises."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.evaluation.score_table import label_test_units
from itd_lightning.metrics.bootstrap import user_weights
from itd_lightning.metrics.ranking import rank
from itd_lightning.scores.table import read_scores, write_scores
from itd_lightning.store.read import Store
from tests.metrics.test_ranking import literal

AREAS = ("pr_auc", "roc_auc", "base_rate", "clean_recall", "intervals")
HEADLINE = ("pr_auc", "roc_auc", "base_rate", "precision", "recall", "fpr", "f1", "accuracy", "threshold")


def test_the_top_level_holds_every_number_the_design_names(run: Path) -> None:
    result = json.loads((run / "evaluation.json").read_text())
    for name in HEADLINE:
        assert result[name] is not None or result["undefined"][name]
    assert {"intervals", "scenarios", "budgets", "baselines", "pooled", "labels", "protocol"} <= set(result)
    assert result["protocol"]["leaks"]


def test_the_headline_is_the_ranking_of_the_labelled_test_units(run: Path) -> None:
    unit = label_test_units(run / "scores.parquet")
    result = json.loads((run / "evaluation.json").read_text())
    ranking = rank(unit["score"].to_numpy(), unit["malicious"].to_numpy())
    assert result["pr_auc"] == pytest.approx(ranking.pr_auc())
    assert result["counts"]["units"] == len(unit)
    assert result["base_rate"] == pytest.approx(unit["malicious"].mean())


def test_measures_of_drawn_users_are_those_of_sorting_their_units(run: Path) -> None:
    unit = label_test_units(run / "scores.parquet")
    score, malicious = unit["score"].to_numpy(), unit["malicious"].to_numpy()
    names, user = np.unique(unit["user"].to_numpy(), return_inverse=True)
    weights = user_weights(np.ones(len(names), dtype=bool), seed=0, replicates=20)
    found = np.array(rank(score, malicious, user).areas(weights)).T
    expected = [literal(score, malicious, weight[user]) for weight in weights]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_labels_of_the_store_decide_and_not_the_table(run: Path) -> None:
    event, interval = (evaluate(run / "scores.parquet", labels=name) for name in ("event", "interval"))
    assert event["pr_auc"] == event["labels"]["event"]["pr_auc"]
    assert interval["base_rate"] == event["labels"]["interval"]["base_rate"]


def test_a_split_without_validation_gives_no_threshold_and_says_why(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    write_scores(tmp_path / "scores.parquet", scores.filter(part="test"), about)
    result = evaluate(tmp_path / "scores.parquet")
    assert result["threshold"] is None
    assert result["precision"] is None
    assert "no validation units" in result["undefined"]["precision"]


def test_scores_without_a_malicious_unit_are_measured_as_far_as_they_go(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    unit = label_test_units(run / "scores.parquet").filter(~pl.col("malicious")).select(scores.columns)
    write_scores(tmp_path / "scores.parquet", pl.concat([unit, scores.filter(part="val")]), about)
    result = evaluate(tmp_path / "scores.parquet")
    assert result["pr_auc"] is None
    assert result["undefined"]["pr_auc"] == "no unit is malicious, so nothing can be found"
    json.dumps(result, allow_nan=False)


def test_scores_of_another_store_are_refused(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    write_scores(tmp_path / "scores.parquet", scores, about._replace(store_fingerprint="other"))
    with pytest.raises(InputError, match="scored on another store"):
        evaluate(tmp_path / "scores.parquet")


def test_scores_that_are_no_numbers_are_refused(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    write_scores(tmp_path / "scores.parquet", scores.with_columns(score=pl.lit(float("nan"))), about)
    with pytest.raises(InputError, match="test scores are no numbers; the training diverged"):
        evaluate(tmp_path / "scores.parquet")


def test_a_null_attack_leaves_the_true_campaigns_out_of_the_harmless_units(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    write_scores(tmp_path / "scores.parquet", scores, about._replace(moved_days=14))
    true = label_test_units(run / "scores.parquet", labels="interval")
    null = label_test_units(tmp_path / "scores.parquet", labels="interval")
    assert len(null) == len(true) - true["malicious"].sum()
    assert (
        evaluate(run / "scores.parquet", moved_days=14)["counts"]
        == evaluate(tmp_path / "scores.parquet")["counts"]
    )


def test_each_scenario_has_its_alarms_at_the_common_threshold(run: Path) -> None:
    result = evaluate(run / "scores.parquet")
    unit = label_test_units(run / "scores.parquet")
    for scenario, entry in result["scenarios"].items():
        mine = unit.filter(pl.col("scenario") == int(scenario))
        assert entry["recall"] == pytest.approx((mine["score"] > result["threshold"]).mean())


def test_the_numbers_without_warm_up_are_those_of_the_other_units_alone(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    marked = scores.with_columns(warm_up=pl.int_range(pl.len()) % 3 == 0)
    write_scores(tmp_path / "scores.parquet", marked, about)
    found = evaluate(tmp_path / "scores.parquet")
    others = pl.concat([marked.filter(part="val"), marked.filter(~pl.col("warm_up"), part="test")])
    write_scores(tmp_path / "scores.parquet", others, about)
    alone = evaluate(tmp_path / "scores.parquet")
    tested = marked.filter(part="test")["warm_up"]
    assert found["warm_up"]["active_days"] == 20
    assert found["warm_up"]["units"] == tested.sum() > 0
    assert found["warm_up"]["share"] == pytest.approx(tested.mean())
    for name in ("pr_auc", "roc_auc", "base_rate", "clean_recall"):
        assert found["warm_up"]["without"][name] == pytest.approx(alone[name])
    assert found["pr_auc"] == evaluate(run / "scores.parquet")["pr_auc"] != alone["pr_auc"]


def test_without_units_in_warm_up_the_numbers_are_equal(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    write_scores(tmp_path / "scores.parquet", scores.with_columns(warm_up=pl.lit(value=False)), about)
    result = evaluate(tmp_path / "scores.parquet")
    assert (result["warm_up"]["units"], result["warm_up"]["share"]) == (0, 0.0)
    without = result["warm_up"]["without"]
    assert all(without[name] == result[name] for name in AREAS if name != "intervals")  # type: ignore[literal-required]
    assert without["intervals"].items() <= result["intervals"].items()


def test_warm_up_of_all_malicious_units_leaves_nothing_to_find(run: Path, tmp_path: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    write_scores(tmp_path / "scores.parquet", scores.with_columns(warm_up=pl.lit(value=True)), about)
    warm_up = evaluate(tmp_path / "scores.parquet")["warm_up"]
    assert warm_up["share"] == 1.0
    assert warm_up["without"]["pr_auc"] is None
    assert warm_up["without"]["undefined"] == "no unit is malicious, so nothing can be found"


def test_scores_that_do_not_say_what_is_in_warm_up_are_measured_and_the_reason_is_given(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "scores.parquet"
    metadata = pl.read_parquet_metadata(run / "scores.parquet")
    pl.read_parquet(run / "scores.parquet").drop("warm_up").write_parquet(path, metadata=metadata)
    result = evaluate(path)
    assert result["pr_auc"] == evaluate(run / "scores.parquet")["pr_auc"]
    assert (result["warm_up"]["units"], result["warm_up"]["share"]) == (None, None)
    assert "write them again with `itd test" in result["warm_up"]["without"]["undefined"]
    json.dumps(result, allow_nan=False)


def test_users_with_enough_active_days_before_the_test_part_are_not_in_warm_up(run: Path) -> None:
    scores, _ = read_scores(run / "scores.parquet")
    presence = Store(Path(read_scores(run / "scores.parquet")[1].store)).presence()
    first = scores.filter(part="test").group_by("user").agg(first=pl.col("start").min().dt.date())
    before = presence.join(first, on="user").filter(pl.col("day") < pl.col("first"))
    settled = before.group_by("user").len().filter(pl.col("len") >= 20)
    tested = scores.filter(part="test").join(settled, on="user")
    assert len(tested)
    assert not tested["warm_up"].any()
