"""What a written paper's table promises."""

from pathlib import Path

import pytest

from itd_lightning.tables.paper import Line, Measurement, bar_ends, compare, measure_words, write_table
from itd_lightning.tables.spec import TableSpec

SPEC: TableSpec = {
    "title": "Table <1>",
    "source": "Made up.",
    "config": "",
    "seeds": [0, 1],
    "checkpoint": "best.ckpt",
    "fit": [],
    "columns": {"dates": []},
    "rows": {},
}


def test_the_page_shows_the_papers_number_ours_and_a_dash_for_what_is_missing(tmp_path: Path) -> None:
    lines = [
        Line("Ours", "roc_auc", 0.9, {"dates": Measurement(0.7, 0.6, 0.8, 0.5, 0.9, 0.01)}),
        Line("A|B", "roc_auc", None, {"dates": Measurement()}),
        Line("Failed", "roc_auc", None, {"dates": Measurement()}),
    ]
    text = write_table(tmp_path / "table.yaml", SPEC, lines, "a store")
    page = (tmp_path / "table.html").read_text("utf-8")
    assert "| Ours | roc_auc | 0.900 | 0.700 [0.600, 0.800] (0.50-0.90) |" in text
    assert "| Failed | roc_auc | - | - |" in text
    assert r"| A\|B | roc_auc | - | - |" in text
    assert "Table &lt;1&gt;" in page
    assert page.count('class="point"') == page.count('class="paper"') == 1
    assert "<h3>ROC-AUC</h3>" in page


def test_the_bar_is_the_spread_of_seeds_or_the_interval_of_one() -> None:
    assert bar_ends(Measurement(0.7, 0.6, 0.8, 0.5, 0.9)) == (0.6, 0.8)
    assert bar_ends(Measurement(0.7, 0.7, 0.7, 0.5, 0.9)) == (0.5, 0.9)


def test_a_mean_is_over_the_seeds_and_the_interval_is_the_first_ones() -> None:
    results = [
        {"base_rate": 0.1, "roc_auc": value, "intervals": {"roc_auc": [value - 0.1, value + 0.1]}}
        for value in (0.6, 0.8)
    ]
    ours = compare("row", "roc_auc", None, {"dates": results}).ours["dates"]
    assert [round(number, 9) for number in ours if number is not None] == [0.7, 0.6, 0.8, 0.5, 0.7, 0.1]


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("budgets.per_day.5.recall", "alerts a day: 5 recall"),
        ("scenarios.3.roc_auc", "scenario 3 ROC-AUC"),
        ("budgets.share.0.10", "recall at a share of 0.10"),
        ("accuracy", "accuracy"),
        ("test_optimal.fpr", "test-optimal false positive rate"),
        ("at_prevalence.0.2.precision", "at a prevalence of 0.2 precision"),
    ],
)
def test_a_place_in_the_evaluation_has_words(measure: str, words: str) -> None:
    assert measure_words(measure) == words
