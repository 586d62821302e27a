"""What the audits of user-days promise: a score rises with behaviour, not with who it is or who leaves."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.audits.identity import Identity, area_within, between_share
from itd_lightning.audits.label_shuffle import LabelShuffle, labels_by_day
from itd_lightning.audits.leavers import Leavers
from itd_lightning.audits.prevalence import Prevalence
from itd_lightning.audits.user_days import label_quiet_days
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.store.key import read_key
from tests.evaluation.handmade_scores import behaviour_scores, write_behaviours

SEED = 0


def behaviour_days(
    store: Path, folder: Path, score: pl.Expr | None = None
) -> tuple[ScoreTable, pl.DataFrame]:
    """Return the slice's behaviours, with another score, as a table and as user-days."""
    rows = behaviour_scores(store)
    rows = rows if score is None else rows.with_columns(score=score.cast(pl.Float64))
    folder.mkdir(exist_ok=True)
    table = ScoreTable(write_behaviours(folder, store, rows))
    return table, label_quiet_days(table)


@pytest.fixture
def insiders(store: Path) -> pl.Series:
    """Return the insiders of the slice."""
    return read_key(store).campaigns["user"].implode()


def test_a_score_of_behaviour_knows_the_behaviour(store: Path, tmp_path: Path) -> None:
    malicious = pl.col("event_id").is_in(read_key(store).events["event_id"].implode())
    table, days = behaviour_days(store, tmp_path, pl.col("score") + 5 * malicious.cast(pl.Float64))
    audit = Identity().judge(days, SEED)
    assert audit.passed is True
    assert audit.number is not None
    assert audit.number > 0.9
    assert LabelShuffle().judge(days, SEED).passed is True
    assert Prevalence().judge(table, days).passed is True


def test_a_score_that_knows_the_insiders_fails(store: Path, tmp_path: Path, insiders: pl.Series) -> None:
    _, days = behaviour_days(
        store, tmp_path, pl.col("user").is_in(insiders).cast(pl.Float64) + pl.col("score") / 1e6
    )
    assert Identity().judge(days, SEED).passed is False
    assert between_share(days) > between_share(behaviour_days(store, tmp_path / "plain")[1])


def test_a_score_that_is_the_user_alone_fails(store: Path, tmp_path: Path, insiders: pl.Series) -> None:
    _, days = behaviour_days(store, tmp_path, pl.col("user").is_in(insiders))
    audit = Identity().judge(days, SEED)
    assert audit.passed is False
    assert "Knows the USER" in audit.verdict
    assert audit.number == 0.5


def test_a_constant_score_has_nothing_to_explain(store: Path, tmp_path: Path) -> None:
    _, days = behaviour_days(store, tmp_path, pl.lit(1.0))
    assert Identity().judge(days, SEED).passed is None
    assert LabelShuffle(50).judge(days, SEED).passed is False


def test_few_innocent_leavers_leave_the_question_open(store: Path, tmp_path: Path) -> None:
    assert Leavers().judge(*behaviour_days(store, tmp_path)).passed is None


def test_a_score_that_rises_at_the_end_of_a_history_fails(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, insiders: pl.Series
) -> None:
    table, days = behaviour_days(store, tmp_path)
    presence = table.store.presence()
    leavers = presence.filter(~pl.col("user").is_in(insiders))["user"].unique().sort()[:12]
    last = days["start"].max() - timedelta(days=30)  # type: ignore[operator]
    leaves = pl.col("user").is_in(leavers.implode())
    gone = presence.filter(~leaves | (pl.col("day") <= last))
    monkeypatch.setattr(table.store, "presence", lambda: gone)
    days = days.filter(~leaves | (pl.col("start") <= last))
    assert Leavers().judge(table, days).passed is True
    ending = leaves & (pl.col("start") > last - timedelta(days=7))
    risen = days.with_columns(score=pl.col("score") + 100 * ending.cast(pl.Float64))
    audit = Leavers().judge(table, risen)
    assert audit.passed is False
    assert "RISES because a history ends" in audit.verdict


def test_a_test_part_full_of_attacks_is_warned_of(store: Path, tmp_path: Path) -> None:
    table, days = behaviour_days(store, tmp_path)
    kept = days.filter(pl.col("malicious") | (pl.col("start").dt.day() == 1))
    audit = Prevalence().judge(table, kept)
    assert audit.passed is None
    assert "WARNING" in audit.verdict


def test_the_area_within_a_user_counts_ties_by_half() -> None:
    rows = {"score": [1.0, 1.0, 0.0], "malicious": [True, False, False], "quiet": [False, True, True]}
    assert area_within(pl.DataFrame(rows)) == 0.75
    assert area_within(pl.DataFrame(rows).filter("malicious")) is None


def test_labels_lie_on_the_calendar_days_of_their_users() -> None:
    first, second = datetime(2010, 3, 1), datetime(2010, 3, 2)
    test = pl.DataFrame({"user": ["a", "a", "b"], "start": [first, second, first]})
    hits = test.with_row_index("row").filter(pl.col("row") != 1)
    grid, pattern, owner = labels_by_day(test, hits)
    assert grid.tolist() == [[0], [2]]
    assert pattern.tolist() == [0, 0]
    assert owner.tolist() == [0, 1]
