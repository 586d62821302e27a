"""What the written table of all methods promises."""

from pathlib import Path

import polars as pl

from itd_lightning import audits
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.comparison import CommonTable, MethodRow
from itd_lightning.tables.comparison import write_common
from itd_lightning.tables.comparison_audits import legend
from itd_lightning.tables.spec import TableSpec

SPEC: TableSpec = {
    "title": "All <b>methods</b>",
    "source": "Made up.",
    "config": "../configs/mask_value.yaml",
    "seeds": [0],
    "checkpoint": "best.ckpt",
    "fit": [],
    "columns": {"dates": []},
    "rows": {"Best": {}, "Near": {}, "Few users": {}, "Failed": {}},
}


def method_row(name: str, **fields: object) -> MethodRow:
    """Return a row."""
    row = MethodRow(
        name=name,
        seeds=1,
        pr_auc=0.5,
        spread=(0.5, 0.5),
        interval=(0.4, 0.6),
        behind=(0.1, 0.3),
        roc_auc=0.8,
        recall={1: 0.1, 5: 0.2, 10: 0.3, 50: 1.0},
        insiders_found=2,
        days_until_found=3.0,
        scenarios={"1": 0.25},
        missing=0.0,
    )
    return row._replace(**fields)  # type: ignore[arg-type]  # of a test


TABLE = CommonTable(
    rows=[
        method_row("Best", seeds=3, pr_auc=0.9, spread=(0.85, 0.95), behind=None),
        method_row("Near", behind=(-0.05, 0.2)),
        method_row("Few users", interval=None, behind=None, days_until_found=None),
    ],
    references=[method_row("random")],
    user_days=100,
    per_day=10.0,
    malicious=10,
    users=12,
    insiders=4,
    scenarios={"1": 10},
    weights={"Best": 0.8, "Near": 0.2, "Few users": 0.0},
)
AUDITS = {
    "Best": [AuditResult("null attack", 0.123, (0.1, 0.2), 0.1, passed=True, verdict="Falls to chance.")],
    "Near": [
        AuditResult("null attack", 0.5, None, 0.1, passed=False, verdict="Does NOT fall."),
        AuditResult("leavers", None, None, None, None, "Not answered."),
    ],
}


def test_a_reader_sees_what_is_real_and_what_is_not(tmp_path: Path) -> None:
    costs = {"Best": {"seconds": 12.3, "gib": 1.25}}
    text = write_common(tmp_path / "table.yaml", SPEC, TABLE, costs, AUDITS, "a store")
    numbers = text.partition("##")[0].splitlines()
    best, close, few = (line for line in numbers if line.startswith(("| Best", "| Near", "| Few")))
    assert "0.900 [0.850, 0.950] (0.40-0.60) | - |" in best
    assert best.endswith("| 12 | 1.2 |")
    assert "not shown (-0.05 to 0.20)" in close
    assert "0.500 | - |" in few
    assert "chance has PR-AUC 0.100" in text
    assert "Best 0.80, Near 0.20." in text
    assert "a run of it is missing: Failed." in text


def test_a_program_reads_every_row(tmp_path: Path) -> None:
    write_common(tmp_path / "table.yaml", SPEC, TABLE, {}, AUDITS, "a store")
    read = pl.read_csv(tmp_path / "table.csv")
    assert read["method"].to_list() == ["Best", "Near", "Few users", "random"]
    assert read["behind_low"].to_list() == [None, -0.05, None, 0.1]
    assert read["audit_null attack"].to_list() == ["pass", "FAIL", None, None]
    assert read["audit_null attack_number"].to_list() == [0.123, 0.5, None, None]
    assert read["audit_leavers"].to_list() == [None, "open", None, None]


def test_the_page_is_one_file_and_escapes_its_text(tmp_path: Path) -> None:
    write_common(tmp_path / "table.yaml", SPEC, TABLE, {}, AUDITS, "a store")
    page = (tmp_path / "table.html").read_text("utf-8")
    assert "All &lt;b&gt;methods&lt;/b&gt;" in page
    assert "What <code>itd audit</code> asked" in page
    assert "<script" not in page
    assert page.count("<circle") == 4
    assert page.count('class="reference"') == 1
    assert page.count('class="failed-mark"') == page.count('class="passed-mark"') == 1


def test_audits_stand_below_with_what_failed_in_words(tmp_path: Path) -> None:
    text = write_common(tmp_path / "table.yaml", SPEC, TABLE, {}, AUDITS, "a store")
    assert "| Best | pass 0.12 | - |\n| Near | FAIL 0.5 | open |" in text
    assert "- Near, null attack: Does NOT fall." in text
    assert "- null attack: PR-AUC with every campaign moved" in text
    assert "- Not audited: Few users." in text
    sound = write_common(
        tmp_path / "table.yaml",
        SPEC,
        TABLE,
        {},
        dict.fromkeys(("Best", "Near", "Few users"), AUDITS["Best"]),
        "a store",
    )
    assert "No audit failed." in sound
    assert "artefact" not in write_common(tmp_path / "table.yaml", SPEC, TABLE, {}, {}, "a store")


def test_an_audit_that_this_program_does_not_have_is_named_as_unknown(tmp_path: Path) -> None:
    old = [AuditResult(name, 0.5, None, None, None, "?") for name in ("leavers", "tea leaves: one", "omens")]
    text = write_common(tmp_path / "table.yaml", SPEC, TABLE, {}, {"Best": old}, "a store")
    assert "- leavers: mean rank" in text
    assert "\n- tea leaves, omens: unknown to this program, so the meaning is not given here\n" in text


def test_every_audit_of_this_program_has_its_meaning_in_the_legend() -> None:
    lines = legend([audit.name for audit in audits.AUDITS])
    assert lines == [f"{audit.name}: {audit.meaning}" for audit in audits.AUDITS]
