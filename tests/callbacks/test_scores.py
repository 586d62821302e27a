"""Tests of the score writer."""

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import torch

from itd_lightning.callbacks import ScoreWriter
from itd_lightning.contracts.scores import SCORES
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.scores.table import read_scores
from itd_lightning.store.read import Store


def test_the_table_holds_validation_and_test_units_once_and_no_label(run: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    assert scores.schema == SCORES
    assert set(scores["part"]) == {"val", "test"}
    assert not scores.select("user", "start").is_duplicated().any()
    assert (about.method, about.view, about.grain) == ("MaskValueAutoencoder", "windows", "window")
    assert about.checkpoint == "best.ckpt"


def test_a_unit_is_marked_by_the_active_days_of_its_user_before_it(run: Path) -> None:
    scores, about = read_scores(run / "scores.parquet")
    days: dict[str, list[date]] = {}
    for user, day in Store(Path(about.store)).presence().select("user", "day").iter_rows():
        days.setdefault(user, []).append(day)
    expected = [
        sum(day < start.date() for day in days.get(user, [])) < 20
        for user, start in scores.select("user", "start").iter_rows()
    ]
    assert scores["warm_up"].to_list() == expected


def test_explanations_are_those_of_the_highest_test_scores_and_sum_to_them(run: Path) -> None:
    scores, _ = read_scores(run / "scores.parquet")
    cells = pl.read_parquet(run / "explanations.parquet")
    explained = cells.group_by("user", "start").agg(pl.col("part").sum(), pl.col("score").first())
    assert (explained["part"] - explained["score"]).abs().max() < 1e-5  # type: ignore[operator]  # a float
    tested = scores.filter(part="test").top_k(100, by="score")
    assert set(explained.select("user", "start").rows()) == set(tested.select("user", "start").rows())


def writer(units: list[int], scores: list[float]) -> ScoreWriter:
    """Return a writer that gathered these scores, and explained the two highest."""
    made = ScoreWriter(explained=2, explained_daily=0)
    made.units, made.scores = [torch.tensor(units)], [torch.tensor(scores)]
    starts = UNITS[units]["start"]
    made.best = made.highest_scores(pl.DataFrame({"unit": units, "start": starts, "score": scores}))
    cells = {unit: Explanation(torch.full((2,), float(unit)), torch.zeros(2)) for unit in made.best["unit"]}
    made.cells = cells
    return made


DAYS = [datetime(2010, 1, 2) + timedelta(days=day) for day in range(6)]
UNITS = pl.DataFrame({"start": DAYS}, {"start": pl.Datetime("us")})


def test_the_first_rank_takes_all_scores_and_explains_the_highest_of_all() -> None:
    one = writer([0, 1, 2, 3, 4, 5], [0.1, 0.9, 0.2, 0.8, 0.7, 0.3])
    first, second = writer([0, 2, 4], [0.1, 0.2, 0.7]), writer([1, 3, 5], [0.9, 0.8, 0.3])
    first.merge_ranks(UNITS, [first.rank_scores(), second.rank_scores()])
    assert torch.cat(first.units).tolist() == [0, 2, 4, 1, 3, 5]
    assert first.best.equals(one.best)
    assert list(first.cells) == list(one.cells) == [1, 3]
    assert all(first.cells[unit].parts.equal(one.cells[unit].parts) for unit in one.cells)


def test_what_a_rank_shares_can_be_read_without_running_code(tmp_path: Path) -> None:
    share = writer([0, 1], [0.5, 0.6]).rank_scores()
    torch.save(share, tmp_path / "0.pt")
    read = torch.load(tmp_path / "0.pt", weights_only=True)
    assert read["best"] == share["best"]


@pytest.mark.parametrize(
    ("units", "expected", "message"),
    [
        ([0, 1, 2], 3, ""),
        ([0, 1], None, ""),
        ([0, 1], 3, "there are 2 scores of 3 units: score again with --trainer.devices 1"),
        ([0, 1, 1], 3, "there are 3 scores of 3 units, 1 of them more than once"),
        ([0, 0], None, "there are 2 scores, 1 of them more than once"),
    ],
)
def test_a_unit_has_exactly_one_score(units: list[int], expected: int | None, message: str) -> None:
    made = ScoreWriter()
    made.units = [torch.tensor(units)]
    assert made.find_problem(expected).startswith(message)
    assert bool(made.find_problem(expected)) == bool(message)
