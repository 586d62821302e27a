"""What a report of several runs promises."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from itd_lightning.contracts.scores import SCORES
from itd_lightning.evaluation.evaluate import evaluate, write_json
from itd_lightning.report.page import write_report
from itd_lightning.report.runs import read_runs
from itd_lightning.report.sections.comparison import SideBySide, comparison, ranked_share
from tests.evaluation.handmade_scores import user_day_scores, write_behaviours


@pytest.fixture(scope="module")
def folders(store: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two runs that were tested: one sees malice, one sees nothing."""
    folders: list[Path] = []
    for name, raised in (("sees", 20.0), ("blind", 0.0)):
        folder = tmp_path_factory.mktemp("runs") / name
        folder.mkdir()
        scores = write_behaviours(
            folder, store, user_day_scores(store, len(folders), raised), grain="user-day"
        )
        write_json(folder / "evaluation.json", evaluate(scores))
        folders.append(folder)
    (folders[0] / "cost.json").write_text(json.dumps({"seconds": 12.0, "cpu_seconds": 11.0, "gib": 1.0}))
    return folders


def test_the_common_table_comes_first_and_the_blind_run_last(folders: list[Path], tmp_path: Path) -> None:
    page = write_report(folders, tmp_path).read_text("utf-8")
    assert page.index("Side by side") < page.index("What was run")
    compared = comparison(read_runs(folders))
    assert compared.table is not None
    assert [row.name for row in compared.table.rows][-1] == "blind"
    assert len(compared.rows) == len(compared.table.rows) + len(compared.table.references)


def test_every_figure_says_what_to_see(folders: list[Path]) -> None:
    compared = comparison(read_runs(folders))
    assert list(compared.figures) == [
        "What each scenario is found by",
        "Campaigns by method",
        "Agreement",
        "Cost against quality",
    ]
    assert all(figure.caption and figure.panels for figure in compared.figures.values())
    (agreed,) = compared.figures["Agreement"].panels
    correlation = np.array(agreed.figure.data[0].z)
    assert correlation.diagonal().tolist() == [1, 1]
    assert abs(correlation[0, 1]) < 0.5
    (cost,) = compared.figures["Cost against quality"].panels
    assert cost.figure.data[0].x == (12.0,)


def test_a_single_run_is_not_compared(folders: list[Path]) -> None:
    assert not SideBySide().applies(read_runs(folders[:1]))
    assert SideBySide().applies(read_runs(folders))


def test_runs_that_cannot_be_compared_are_shown_all_the_same(
    folders: list[Path], store: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    january = pl.when(pl.col("start").dt.month() == 1).then(pl.lit("val")).otherwise(pl.lit("test"))
    later = user_day_scores(store).with_columns(part=january.cast(SCORES["part"]))
    scores = write_behaviours(folder, store, later, grain="user-day")
    write_json(folder / "evaluation.json", evaluate(scores))
    compared = comparison(read_runs([folders[0], folder]))
    assert "different splits" in compared.reason
    page = write_report([folders[0], folder], tmp_path / "out").read_text("utf-8")
    assert "Not shown: a day validates in one run" in page


def test_ranks_are_shares_and_ties_are_halved() -> None:
    assert ranked_share(np.array([1.0, 1.0, 3.0])).tolist() == pytest.approx([1 / 3, 1 / 3, 5 / 6])
