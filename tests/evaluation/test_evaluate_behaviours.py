"""What the evaluation of single behaviours promises: the plain definitions, in any number of pieces."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from itd_lightning.audits import AuditedRun, run_audits
from itd_lightning.audits.truncated_run import OPTION
from itd_lightning.cli.terminal import result_table
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import Evaluation
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.evaluation.score_table import label_test_units
from itd_lightning.metrics.ranking import rank
from itd_lightning.store.key import read_key
from tests.evaluation.handmade_scores import behaviour_scores, write_behaviours
from tests.metrics.test_ranking import literal


@pytest.fixture(scope="module")
def scores(store: Path) -> pl.DataFrame:
    """Return a score a behaviour of the slice."""
    return behaviour_scores(store)


@pytest.fixture(scope="module")
def path(store: Path, scores: pl.DataFrame) -> Path:
    """Return the same on disk."""
    return write_behaviours(store.parent / "behaviours", store, scores)


@pytest.fixture(scope="module")
def result(path: Path) -> Evaluation:
    """Return its evaluation."""
    return evaluate(path)


@pytest.fixture(scope="module")
def tested(store: Path, scores: pl.DataFrame) -> pl.DataFrame:
    """Return the test behaviours with the key's events marked, and the scenario of each."""
    known = {(row["user"], row["event_id"]): row["scenario"] for row in read_key(store).events.to_dicts()}
    test = scores.filter(part="test")
    scenario = [known.get(key) for key in test.select("user", "event_id").iter_rows()]
    marked = test.with_columns(pl.Series("scenario", scenario, dtype=pl.Int64))
    return marked.with_columns(malicious=pl.col("scenario").is_not_null())


def areas(score: np.ndarray, malicious: np.ndarray) -> tuple[float, float, float]:
    """The threshold-free numbers by their definitions."""
    return literal(score, malicious, np.ones(len(score)))


def test_the_areas_are_those_of_sorting_all_behaviours(result: Evaluation, tested: pl.DataFrame) -> None:
    found = (result["pr_auc"], result["roc_auc"], result["clean_recall"])
    score, malicious = tested["score"].to_numpy(), tested["malicious"].to_numpy()
    assert found == pytest.approx(areas(score, malicious), abs=1e-12)
    assert result["base_rate"] == pytest.approx(malicious.mean())
    for scenario, entry in result["scenarios"].items():
        one = tested.filter(~pl.col("malicious") | (pl.col("scenario") == int(scenario)))
        literally = areas(one["score"].to_numpy(), one["malicious"].to_numpy())
        assert (entry["pr_auc"], entry["roc_auc"]) == pytest.approx(literally[:2], abs=1e-12)
        assert entry["malicious"] == one["malicious"].sum()


def test_the_intervals_draw_users(result: Evaluation, tested: pl.DataFrame) -> None:
    _, user = np.unique(tested["user"].to_numpy(), return_inverse=True)
    score, malicious = tested["score"].to_numpy(), tested["malicious"].to_numpy()
    users, above = int(user.max()) + 1, score > result["threshold"]
    hits = np.bincount(user[above & malicious], minlength=users)
    owned = np.bincount(user[malicious], minlength=users)
    draw, drawn = np.random.default_rng(3), []
    for _ in range(1000):
        weight = np.bincount(draw.integers(users, size=users), minlength=users)
        if owned @ weight:
            drawn.append((hits @ weight) / (owned @ weight))
    expected = np.quantile(drawn, [0.025, 0.975])
    assert result["intervals"]["recall"] == pytest.approx(tuple(expected), abs=1e-9)


def test_the_threshold_lets_one_harmless_validation_behaviour_of_a_hundred_pass(
    result: Evaluation, scores: pl.DataFrame, tested: pl.DataFrame
) -> None:
    val = np.sort(scores.filter(part="val")["score"].to_numpy())
    threshold = val[len(val) - 1 - int(0.01 * len(val))]
    assert result["threshold"] == threshold
    above, malicious = tested["score"].to_numpy() > threshold, tested["malicious"].to_numpy()
    assert result["precision"] == pytest.approx(malicious[above].mean())
    assert result["recall"] == pytest.approx(above[malicious].mean())
    assert result["fpr"] == pytest.approx(above[~malicious].mean())
    assert result["accuracy"] == pytest.approx((above == malicious).mean())


def test_a_share_is_of_all_test_behaviours_and_ties_at_the_cut_do_not_count(
    result: Evaluation, tested: pl.DataFrame
) -> None:
    score, malicious = tested["score"].to_numpy(), tested["malicious"].to_numpy()
    for share in (0.05, 0.10, 0.15):
        cut = np.sort(score)[::-1][int(np.ceil(share * len(score)))]
        assert result["budgets"]["share"][f"{share:.2f}"] == pytest.approx((score[malicious] > cut).mean())


def test_sessions_and_user_days_pool_their_behaviours(result: Evaluation, tested: pl.DataFrame) -> None:
    sessions: dict[int, list[float]] = defaultdict(list)
    guilty: set[int] = set()
    for row in tested.iter_rows(named=True):
        sessions[row["sequence"]].append(row["score"])
        guilty |= {row["sequence"]} if row["malicious"] else set()
    malicious = np.array([sequence in guilty for sequence in sessions])
    ordered = [sorted(values) for values in sessions.values()]
    pools = {
        "max": [values[-1] for values in ordered],
        "sum": [sum(values) for values in ordered],
        "top2": [float(np.mean(values[-2:])) for values in ordered],
        "top3": [float(np.mean(values[-3:])) for values in ordered],
    }
    for pool, score in pools.items():
        entry = result["pooled"]["sessions"][pool]
        assert (entry["pr_auc"], entry["roc_auc"]) == pytest.approx(
            areas(np.array(score), malicious)[:2], abs=1e-9
        )
        assert entry["units"] == len(sessions)
    days = result["pooled"]["user_days"]  # a sequence is a user-day here
    assert days["pr_auc"] == pytest.approx(result["pooled"]["sessions"]["max"]["pr_auc"])


def test_baselines_count_what_happened_around_a_behaviour(result: Evaluation, tested: pl.DataFrame) -> None:
    assert set(result["baselines"]) == {"random", "events", "day_events"}
    size = tested.select(pl.len().over("sequence").cast(pl.Float64)).to_series().to_numpy()
    malicious = tested["malicious"].to_numpy()
    assert result["baselines"]["events"]["pr_auc"] == pytest.approx(areas(size, malicious)[0], abs=1e-12)
    chance = np.random.default_rng(3).random(len(tested))
    assert result["baselines"]["random"]["pr_auc"] == pytest.approx(areas(chance, malicious)[0], abs=1e-12)


def test_each_campaign_has_the_rank_of_its_highest_behaviour(
    result: Evaluation, tested: pl.DataFrame
) -> None:
    score = tested["score"].to_numpy()
    for campaign in result["campaigns"]:
        mine = tested.filter(pl.col("user") == campaign["user"], "malicious")
        assert campaign["units"] == (len(mine) or None)
        if len(mine):
            assert campaign["rank"] == (score >= mine["score"].max()).sum()


def test_interval_labels_take_all_behaviours_of_a_campaign(
    result: Evaluation, store: Path, tested: pl.DataFrame
) -> None:
    spans = {row["user"]: (row["start"], row["end"]) for row in read_key(store).campaigns.to_dicts()}
    inside = [
        user in spans and spans[user][0] <= time <= spans[user][1]
        for user, time in tested.select("user", "start").iter_rows()
    ]
    assert result["labels"]["interval"]["base_rate"] == pytest.approx(np.mean(inside))
    assert result["labels"]["event"]["pr_auc"] == result["pr_auc"]


@pytest.mark.parametrize("rows", [1, 1000])
def test_in_pieces_the_evaluation_is_that_of_the_whole_bit_for_bit(
    store: Path, scores: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    few = scores.filter(pl.col("user").is_in(scores["user"].unique(maintain_order=True).head(8).implode()))
    some = few.gather_every(100 if rows == 1 else 5)
    path = write_behaviours(tmp_path / "run", store, some)
    whole = evaluate(path)
    monkeypatch.setattr("itd_lightning.scores.chunks.ROWS_AT_ONCE", rows)
    assert json.dumps(evaluate(path)) == json.dumps(whole)


def test_the_users_of_a_long_table_must_be_together(
    store: Path, scores: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_behaviours(tmp_path / "run", store, scores.sample(5000, seed=0, shuffle=True))
    monkeypatch.setattr("itd_lightning.scores.chunks.ROWS_AT_ONCE", 1000)
    with pytest.raises(InputError, match="does not keep a user's rows together"):
        evaluate(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("score") * float("nan"), "test scores are no numbers; the training diverged"),
        (pl.lit(None, pl.Float64).alias("score"), "500 rows of the score table have no score"),
        (pl.lit("val").cast(pl.Enum(["train", "val", "test", "unused", "predict"])).alias("part"), "no test"),
    ],
    ids=["NaN", "null", "no test part"],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    store: Path, scores: pl.DataFrame, tmp_path: Path, change: pl.Expr, words: str
) -> None:
    path = write_behaviours(tmp_path / "run", store, scores.head(500).with_columns(change))
    with pytest.raises(InputError, match=words):
        evaluate(path)


def test_an_empty_table_is_refused(store: Path, scores: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no test units"):
        evaluate(write_behaviours(tmp_path / "run", store, scores.head(0)))


def test_equal_scores_have_the_area_of_chance(store: Path, scores: pl.DataFrame, tmp_path: Path) -> None:
    found = evaluate(write_behaviours(tmp_path / "run", store, scores.with_columns(score=pl.lit(1.0))))
    assert found["pr_auc"] == pytest.approx(found["base_rate"])
    assert found["roc_auc"] == 0.5
    assert set(found["budgets"]["share"].values()) == {0.0}
    assert found["recall"] == 0.0
    assert "no alarm" in found["undefined"]["precision"]


def test_one_user_without_malice_and_validation_gives_reasons(
    store: Path, scores: pl.DataFrame, tmp_path: Path
) -> None:
    insiders = read_key(store).campaigns["user"]
    harmless = scores.filter(~pl.col("user").is_in(insiders.implode()), part="test")
    one = harmless.filter(pl.col("user") == harmless["user"][0])
    found = evaluate(write_behaviours(tmp_path / "run", store, one))
    assert found["pr_auc"] is None
    assert found["undefined"]["pr_auc"] == "no unit is malicious, so nothing can be found"
    assert "no validation units" in found["undefined"]["threshold"]
    json.dumps(found, allow_nan=False)


def test_the_terminal_shows_sessions_and_shares(result: Evaluation) -> None:
    table = result_table("run", result)
    assert {"user-days", "sessions, max", "sessions, top2"} <= set(table.columns[0].cells)
    assert "recall within the highest 5% 0." in str(table.caption)


def test_the_terminal_shows_the_numbers_without_warm_up_where_there_is_any(result: Evaluation) -> None:
    units = result["warm_up"]["units"]
    assert f"without {units:,} warm-up units" in set(result_table("run", result).columns[0].cells)
    none = result | {"warm_up": result["warm_up"] | {"units": 0}}
    assert "warm-up" not in " ".join(map(str, result_table("run", none).columns[0].cells))


def test_behaviours_of_the_first_weeks_are_in_warm_up(path: Path, scores: pl.DataFrame) -> None:
    without = evaluate(path)["warm_up"]["without"]
    unit = label_test_units(path).filter(~pl.col("warm_up"))
    ranking = rank(unit["score"].to_numpy(), unit["malicious"].to_numpy())
    assert 0 < len(unit) < len(scores.filter(part="test"))
    assert without["pr_auc"] == pytest.approx(ranking.pr_auc())
    assert without["base_rate"] == ranking.base_rate


def test_a_null_attack_takes_the_behaviours_of_a_quiet_time_as_malicious(path: Path) -> None:
    true, null = evaluate(path), evaluate(path, moved_days=14)
    assert null["counts"]["malicious"] > 0
    assert null["roc_auc"] == pytest.approx(0.5, abs=0.15)
    with AuditedRun(path, true, options={OPTION.name: False}) as run:
        audits = {result.name: result for result in run_audits(run)}
    assert run.details["null"] == null
    assert {"null attack", "length: sequence", "volume: day", "identity", "label shuffle"} < set(audits)
    assert "empty units" not in audits
    ours, counting = true["pr_auc"], true["baselines"]["events"]["pr_auc"]
    assert ours is not None
    assert counting is not None
    gain = ours - counting
    assert audits["length: sequence"].number == pytest.approx(gain)
