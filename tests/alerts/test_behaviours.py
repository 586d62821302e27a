"""The page and the list of a run that scores single behaviours."""

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.alerts.behaviours import shorten
from itd_lightning.alerts.lists import top_days
from itd_lightning.report.page import write_report
from itd_lightning.report.runs import read_runs
from tests.handmade_runs import FIRST, written_behaviours
from tests.report.test_hostile_text import PAYLOADS, figures, strings, tags
from tests.report.test_page import outline

MakeRun = Callable[..., Path]


def test_the_behaviours_to_look_at_first_are_told_from_the_store(
    make_behaviours: MakeRun, tmp_path: Path
) -> None:
    text = outline([make_behaviours()], tmp_path / "out").text
    assert "The behaviours to look at first, as the event store tells them." in text
    assert re.search(
        r"1 u1 \w+, 2\d Jan 2010, 11:00:00 file_copy PC-1 C:\\secret\\plans \d+.doc 2\.\d\d yes", text
    )
    assert len(re.findall(r"secret\\plans \d+\.doc (?:0|2)\.\d+ (?:yes|no)", text)) == 20
    assert "The run holds no explanations" not in text


def test_the_words_are_of_behaviours(make_behaviours: MakeRun, tmp_path: Path) -> None:
    text = outline([make_behaviours()], tmp_path / "out").text
    assert "How well malicious behaviours are ranked" in text
    assert "highest 5 % of behaviours" in text
    assert "sessions, highest" in text
    assert "number of events on the day" in text
    assert "grey dots: user-days, each as its highest behaviour" in text


def test_only_user_days_and_the_first_behaviours_are_kept_in_memory(make_behaviours: MakeRun) -> None:
    run = read_runs([make_behaviours()])[0]
    assert len(run.test_units) == 3 * 20
    assert run.behaviours is not None
    assert len(run.behaviours) == 20
    assert run.behaviours["score"].is_sorted(descending=True)


def test_runs_of_windows_and_of_behaviours_are_compared_at_the_user_day(
    make_run: MakeRun, make_behaviours: MakeRun, tmp_path: Path
) -> None:
    text = outline([make_run(), make_behaviours()], tmp_path / "out").text
    assert "How well malicious units are ranked" in text
    assert "so user-days are compared, each as its highest unit" in text
    assert "user-days, highest" in text
    assert "a circle marks the threshold" not in text


def test_a_run_of_behaviours_whose_store_is_gone_is_still_reported(
    make_behaviours: MakeRun, tmp_path: Path
) -> None:
    run = make_behaviours()
    (tmp_path / "runs" / "behaviour-store").rename(tmp_path / "elsewhere")
    text = outline([run], tmp_path / "out").text
    assert "the event store is not at hand" in text
    assert "The behaviours to look at first" in text


def test_reasons_of_a_day_are_its_three_highest_behaviours(make_behaviours: MakeRun) -> None:
    days = top_days(make_behaviours(), count=3)
    assert days["user"].to_list() == ["u1"] * 3
    reasons = days["reasons"][0].to_list()
    assert re.fullmatch(r"file_copy C:\\secret\\plans \d+\.doc at 11:00", reasons[0])
    assert len(reasons) == 3
    day = (days["day"][0] - FIRST.date()).days
    assert days["event_ids"][0].to_list()[0] == f"{{u1-{day}-2}}"


def test_reasons_do_not_depend_on_the_pieces_in_which_the_table_is_read(
    make_behaviours: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_behaviours()
    whole = top_days(run, count=2, daily=True)
    monkeypatch.setattr("itd_lightning.scores.chunks.ROWS_AT_ONCE", 7)
    assert top_days(run, count=2, daily=True).equals(whole)


def test_logs_without_a_key_give_a_list(make_behaviours: MakeRun, tmp_path: Path) -> None:
    run = make_behaviours()
    (tmp_path / "runs" / "behaviour-store" / "answers").rename(tmp_path / "key")
    assert len(top_days(run, count=5)) == 5


@pytest.fixture(scope="module")
def benign_tags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the tags of a page without any hostile text."""
    place = tmp_path_factory.mktemp("benign-behaviours")
    return tags(write_report([written_behaviours(place)], place / "out").read_text("utf-8"))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_hostile_names_of_files_stay_text(tmp_path: Path, benign_tags: list[str], payload: str) -> None:
    run = written_behaviours(tmp_path, text=payload)
    page = write_report([run], tmp_path / "out").read_text("utf-8")
    assert tags(page) == benign_tags
    for text in strings(figures(page)):
        assert payload in text or "%{" in text or not re.search(r"<(?!br>|extra>)", text), text


def test_a_long_name_is_cut_in_the_middle() -> None:
    name = "C:\\" + "x" * 200 + "\\payroll.xlsx"
    assert shorten(name, 40).startswith("C:\\xxx")
    assert shorten(name, 40).endswith("payroll.xlsx")
    assert len(shorten(name, 40)) == 40
    assert shorten("short", 40) == "short"


def test_stages_of_a_training_are_marked_where_they_begin(make_behaviours: MakeRun, tmp_path: Path) -> None:
    page = write_report([make_behaviours()], tmp_path / "out").read_text("utf-8")
    losses = figures(page)[-1]
    assert isinstance(losses, dict)
    assert [note["text"] for note in losses["layout"]["annotations"]] == ["stage 0", "stage 1"]
    assert [line["x0"] for line in losses["layout"]["shapes"]] == [2.5]


def test_a_training_of_one_stage_has_no_marks(make_behaviours: MakeRun, tmp_path: Path) -> None:
    run = make_behaviours()
    lines = pl.read_csv(run / "metrics.csv").with_columns(stage=pl.lit(0))
    lines.write_csv(run / "metrics.csv")
    page = write_report([run], tmp_path / "out").read_text("utf-8")
    losses = figures(page)[-1]
    assert isinstance(losses, dict)
    assert "annotations" not in losses["layout"]
