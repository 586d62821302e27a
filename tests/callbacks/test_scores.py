"""What the score writer promises."""

from pathlib import Path

import polars as pl

from itd_lightning.contracts.scores import SCORES
from itd_lightning.scores.table import read_scores


def test_the_table_holds_validation_and_test_units_once_and_no_label(run: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    assert scores.schema == SCORES
    assert set(scores["part"]) == {"val", "test"}
    assert not scores.select("user", "start").is_duplicated().any()
    assert (about.method, about.view, about.grain) == ("MaskValueAutoencoder", "windows", "window")
    assert about.checkpoint == "best.ckpt"


def test_explanations_are_those_of_the_highest_test_scores_and_sum_to_them(run: Path) -> None:
    scores, _ = read_scores(run / "scores.parquet")
    cells = pl.read_parquet(run / "explanations.parquet")
    explained = cells.group_by("user", "start").agg(pl.col("part").sum(), pl.col("score").first())
    assert (explained["part"] - explained["score"]).abs().max() < 1e-5  # type: ignore[operator]  # a float
    tested = scores.filter(part="test").top_k(100, by="score")
    assert set(explained.select("user", "start").rows()) == set(tested.select("user", "start").rows())
