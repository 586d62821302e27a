"""The page holds the numbers, needs nothing else, and says why a number is missing."""

import json
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from markupsafe import Markup

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import Evaluation
from itd_lightning.report.page import write_report
from itd_lightning.report.parts.numbers import number
from itd_lightning.report.runs import Run
from itd_lightning.report.sections import SECTIONS, Page, Section

MakeRun = Callable[..., Path]


class Outline(HTMLParser):
    """The text of a page, its tags and whatever they refer to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.policy = ""
        self.inside = ""
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        """Return the visible text of the page, with single spaces."""
        return re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and what it refers to."""
        self.tags.append(tag)
        self.inside = tag if tag in ("script", "style") else ""
        attributes = dict(attrs)
        self.references += [
            attributes[name] or "" for name in ("src", "href", "srcset", "data") if name in attributes
        ]
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        """Leave the script or style."""
        self.inside = ""

    def handle_data(self, data: str) -> None:
        """Keep what a reader sees."""
        if not self.inside:
            self.words.append(data)


def outline(runs: list[Path], out: Path) -> Outline:
    """Write and read a page."""
    return Outline(write_report(runs, out).read_text("utf-8"))


def test_the_page_holds_every_headline_number(
    make_run: MakeRun, tmp_path: Path, evaluation: dict[str, Any]
) -> None:
    intervals = evaluation["intervals"] | {"pr_auc": [0.51234, 0.93456]}
    text = outline([make_run(changes={"intervals": intervals})], tmp_path / "out").text
    assert f"PR-AUC {number(evaluation['pr_auc'])} (95 % interval 0.512\N{EN DASH}0.935)" in text
    for name in (
        "roc_auc",
        "base_rate",
        "clean_recall",
        "precision",
        "recall",
        "fpr",
        "f1",
        "accuracy",
        "threshold",
    ):
        assert re.search(rf"\b{number(evaluation[name])}\b", text), name
    assert number(evaluation["baselines"]["random"]["pr_auc"]) in text
    assert "nothing but the calendar" in text


def test_the_verdict_names_the_ceiling_of_the_labels_and_never_as_a_count(
    make_run: MakeRun, tmp_path: Path, evaluation: dict[str, Any]
) -> None:
    oracle = {**evaluation["baselines"]["events"], "pr_auc": 0.999}
    text = outline(
        [make_run(changes={"baselines": {**evaluation["baselines"], "oracle": oracle}})], tmp_path
    ).text
    assert "An oracle that knows every malicious event has 0.999 by these labels." in text
    assert "counting oracle" not in text


def test_warm_up_is_shown_beside_the_headline_and_on_top_days(
    make_run: MakeRun, tmp_path: Path, evaluation: Evaluation
) -> None:
    text = outline([make_run()], tmp_path / "out").text
    without = evaluation["warm_up"]["without"]["pr_auc"]
    assert without is not None
    assert without != evaluation["pr_auc"]
    assert re.search(rf"without units in warm-up\s+{number(without)}\b", text)
    assert "run: 30 of 60 test windows are in warm-up: their users had fewer than 20 active days" in text
    assert re.search(r"u2\s+Tue, 19 Jan 2010\s+warm-up", text)
    assert not re.search(r"u1\s+Mon, 25 Jan 2010\s+warm-up", text)


def test_without_warm_up_nothing_is_said_of_it(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    path, content = run / "evaluation.json", json.loads((run / "evaluation.json").read_text("utf-8"))
    del content["warm_up"]  # as of an older version
    path.write_text(json.dumps(content), "utf-8")
    table, metadata = (
        pl.read_parquet(run / "scores.parquet"),
        pl.read_parquet_metadata(run / "scores.parquet"),
    )
    table.drop("warm_up").write_parquet(run / "scores.parquet", metadata=metadata)
    assert "warm-up" not in outline([run], tmp_path / "out").text.lower()


def test_the_worst_audit_comes_first(make_run: MakeRun, tmp_path: Path) -> None:
    text = outline([make_run()], tmp_path / "out").text
    assert "1 of 3 audits failed. volume: Counting events does as well." in text
    assert "✗ fail" in text
    assert "✓ pass" in text


def test_two_runs_stand_side_by_side(make_run: MakeRun, tmp_path: Path) -> None:
    page = outline([make_run("first"), make_run("second", changes={"pr_auc": 0.123456})], tmp_path / "out")
    assert "2 runs of Autoencoder" in page.text
    assert "0.123" in page.text
    assert re.search(r"PR-AUC\s+Base rate.*first\s+second\s+first\s+second", page.text)


def test_four_runs_split_the_ranking_into_two_tables(make_run: MakeRun, tmp_path: Path) -> None:
    text = outline([make_run(name) for name in "abcd"], tmp_path / "out").text
    assert re.search(r"PR-AUC\s+Base rate\s+a\s+b\s+c\s+d\s+a\s+b\s+c\s+d\s+This method", text)


def test_runs_of_one_name_are_told_apart(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("x"), make_run("again/x")]
    (tmp_path / "runs" / "again" / "store").symlink_to(tmp_path / "runs" / "store")
    assert str(runs[1]) in outline(runs, tmp_path / "out").text


def test_a_missing_number_shows_its_reason(make_run: MakeRun, tmp_path: Path) -> None:
    reason = "no unit is malicious, so nothing can be found"
    empty = {
        "pr_auc": None,
        "roc_auc": None,
        "clean_recall": None,
        "threshold": None,
        "undefined": {"pr_auc": reason, "threshold": "no validation units"},
        "scenarios": {},
        "budgets": {"share": {"0.05": None}, "per_day": {"1": None}},
    }
    path = write_report([make_run(changes=empty)], tmp_path / "out")
    page = Outline(path.read_text("utf-8"))
    assert f"PR-AUC is not defined: {reason}." in page.text
    assert "no validation units" in page.text
    assert not re.search(r"\bnan\b|\bNone\b", page.text, re.IGNORECASE)


def test_a_run_without_audits_explanations_and_losses_says_so(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    for name in ("audit.json", "explanations.parquet", "metrics.csv"):
        (run / name).unlink()
    text = outline([run], tmp_path / "out").text
    assert "No audit was run" in text
    assert "The run holds no explanations" in text
    assert "the run has no metrics.csv with losses" in text
    assert "no explanation was kept" in text


def test_a_run_whose_store_is_gone_is_still_reported(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (tmp_path / "runs" / "store").rename(tmp_path / "elsewhere")
    text = outline([run], tmp_path / "out").text
    assert "the event store is not at hand" in text
    assert "Scenario 1" not in text


@pytest.mark.parametrize(
    ("name", "remedy"), [("scores.parquet", "itd test"), ("evaluation.json", "itd test")]
)
def test_a_run_that_was_not_tested_is_refused_with_the_command(
    make_run: MakeRun, tmp_path: Path, name: str, remedy: str
) -> None:
    run = make_run()
    (run / name).unlink()
    with pytest.raises(InputError, match=remedy) as refused:
        write_report([run], tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["{", "[1]", "{}", "\x00"])
@pytest.mark.parametrize("name", ["evaluation.json", "audit.json"])
def test_a_damaged_file_is_refused_in_one_line(
    make_run: MakeRun, tmp_path: Path, name: str, text: str
) -> None:
    run = make_run()
    (run / name).write_text(text, "utf-8")
    with pytest.raises(InputError, match=name) as refused:
        write_report([run], tmp_path / "out")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("start", ["", "soon", None])
def test_a_campaign_without_dates_is_refused_in_one_line(
    make_run: MakeRun, tmp_path: Path, start: str | None
) -> None:
    run = make_run()
    evaluation = json.loads((run / "evaluation.json").read_text("utf-8"))
    evaluation["campaigns"][0]["start"] = start
    (run / "evaluation.json").write_text(json.dumps(evaluation), "utf-8")
    with pytest.raises(InputError, match=r"evaluation\.json holds a campaign without dates; .*`itd test"):
        write_report([run], tmp_path / "out")


def test_a_loss_that_diverged_is_left_out(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    lines = ["epoch,step,train/loss,val/loss", "0,1,0.5,", "1,2,nan,", "2,3,inf,", "0,1,,nan"]
    (run / "metrics.csv").write_text("\n".join(lines), "utf-8")
    text = outline([run], tmp_path / "out").text
    assert "the training loss is lowest at epoch 0 (0.500)." in text
    assert "validation loss" not in text


def test_no_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run"):
        write_report([], tmp_path)


def test_the_page_refers_to_nothing_outside_itself(make_run: MakeRun, tmp_path: Path) -> None:
    page = outline([make_run()], tmp_path / "out")
    assert page.references
    assert all(reference.startswith("#") for reference in page.references)


def test_the_policy_names_each_script_by_its_hash(make_run: MakeRun, tmp_path: Path) -> None:
    policy = outline([make_run()], tmp_path / "out").policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[\w+/=]{44}' ?){2}", rules["script-src"])


def test_an_old_page_is_replaced_whole(make_run: MakeRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("old")
    assert write_report([make_run()], out) == out / "report.html"
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert (out / "report.html").read_text("utf-8").rstrip().endswith("</html>")


def test_the_same_run_gives_the_same_page(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    first, second = (write_report([run], tmp_path / out).read_bytes() for out in ("a", "b"))
    assert first == second


def test_a_section_is_one_class_and_one_line(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Notes(Section):
        anchor, link, title = "notes", "Notes", "Notes on the run"

        def applies(self, runs: Sequence[Run]) -> bool:
            return len(runs) == 1

        def render(self, runs: Sequence[Run], page: Page) -> Markup:
            return Markup("<p>{}</p>").format(f"<{runs[0].name}>")

    monkeypatch.setattr("itd_lightning.report.page.SECTIONS", (*SECTIONS, Notes()))
    single = write_report([make_run("one")], tmp_path / "a").read_text("utf-8")
    assert '<a href="#notes">Notes</a>' in single
    assert re.search(r'<h2 id="notes">Notes on the run</h2>\s*<p>&lt;one&gt;</p>', single)
    two_runs = write_report([make_run("two"), make_run("three")], tmp_path / "b").read_text("utf-8")
    assert "Notes" not in two_runs


def test_no_two_sections_share_an_anchor() -> None:
    assert len({section.anchor for section in SECTIONS}) == len(SECTIONS)


def test_half_a_character_does_not_stop_the_page(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    audits = {"audits": [{"name": "\ud800", "verdict": "v", "passed": True}]}
    (run / "audit.json").write_text(json.dumps(audits), "utf-8")
    assert write_report([run], tmp_path / "out").is_file()


def test_a_run_without_an_answer_key_gives_the_analysts_page(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (run / "evaluation.json").unlink()
    (run / "audit.json").unlink()
    store = run.parent / "store"
    manifest = json.loads((store / "manifest.json").read_text("utf-8")) | {"answers": None}
    (store / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    text = outline([run], tmp_path / "out").text
    assert "there is no answer key to measure them by" in text
    assert "Look at these user-days first" in text
    for absent in ("PR-AUC", "In a campaign", "No audit was run", "Precision and recall"):
        assert absent not in text


def test_the_page_says_first_who_when_and_why_and_shows_the_raw_events(
    make_run: MakeRun, tmp_path: Path
) -> None:
    page = write_report([make_run()], tmp_path / "out").read_text("utf-8")
    headings = re.findall(r"<h2[^>]*>([^<]*)", page)
    assert headings[:2] == ["Look at these user-days first", "The people behind them"]
    assert headings.index("Evaluation") < headings.index("Audits") < headings.index("Training")
    assert set(re.findall(r'href="#(user-\d+)"', page)) == set(re.findall(r'id="(user-\d+)"', page))
    assert "<summary>09:00 to 09:00: 1 logon</summary>" in page


def test_several_runs_are_compared_and_not_told_user_by_user(make_run: MakeRun, tmp_path: Path) -> None:
    page = write_report([make_run(name="a"), make_run(name="b")], tmp_path / "out").read_text("utf-8")
    assert "The people behind them" not in page
    assert 'href="#user-' not in page


def test_the_page_is_small_unless_it_draws_in_space(make_run: MakeRun, tmp_path: Path) -> None:
    assert write_report([make_run()], tmp_path / "out").stat().st_size < 1_000_000
