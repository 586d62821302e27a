"""`itd check`: what a mapping makes of the first rows, before anything is written."""

from pathlib import Path

import pytest

from itd_lightning.cli.parser import main
from itd_lightning.sources.mapped.check import check_mapping
from tests.handmade_mappings import CSV, HEADER, open_logs

ROW = "2026-03-02T08:00:00,ann,pc1,in,x,5\n"


def test_it_counts_what_becomes_of_the_first_rows(tmp_path: Path) -> None:
    mapping = CSV.replace("    time: time", "    where: what = 'x'\n    time: time")
    text = HEADER + ROW * 3 + ROW.replace("ann", "") + ROW.replace("2026", "x") + ROW.replace(",x,", ",y,")
    text += ROW.replace("in", "zap") * 2 + ROW.replace("in", "zip") + "bad\n" + ROW * 100
    result = check_mapping(open_logs(tmp_path, mapping, {"a.csv": text}), rows=9)
    (part,) = result.inputs
    assert (len(part.rows), len(part.wanted), len(part.events)) == (9, 8, 3)
    assert (part.share("user"), part.share("time"), part.share("pc")) == (7 / 8, 7 / 8, 1.0)
    assert part.reasons == {
        "no rule gives a kind": 3,
        "no user": 1,
        "unparsable time": 1,
        "left out by where": 1,
        "expected 6 fields, got 1": 1,
    }
    assert part.unmapped.rows() == [("zap", 2), ("zip", 1)]
    assert result.kinds == ["logon", "logoff"]
    assert result.missing["sequences"] == []
    assert result.missing["windows"] == ["connect", "disconnect", "http_visit", "email_send", "file_copy"]
    assert [fault.split(": ")[-1] for fault in result.faults] == [
        "no user",
        "unparsable time",
        "expected 6 fields, got 1",
    ]


def test_the_last_line_says_ready_or_what_to_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_logs(tmp_path, CSV, {"a.csv": HEADER + ROW * 30})
    main(["check", str(tmp_path / "mapping.yaml"), "--rows", "10"])
    out = capsys.readouterr().out
    assert "10 rows, 10 become events" in out
    assert (
        "times: 2026-03-02 08:00:00 to 2026-03-02 08:00:00, in UTC; most events between 8:00 and 8:59" in out
    )
    assert "kinds: logon (10), logoff (0)" in out
    assert "view sequences: can be built" in out
    assert "methods that need no labels: mask_value, " in out
    assert "methods whose configs take labels: none of them yet, for the mapping has no `answers`: " in out
    assert "a user's peers: nobody: `identity` names no role or department" in out
    assert out.strip().splitlines()[-1] == "ready"
    (tmp_path / "a.csv").write_text(HEADER + ROW * 3 + ROW.replace("2026", "x"))
    main(["check", str(tmp_path / "mapping.yaml")])
    assert (
        capsys.readouterr().out.strip().endswith("to mend: logons: 1 of 4 rows are refused: unparsable time")
    )


def test_it_ends_with_status_2_if_nothing_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_logs(tmp_path, CSV, {"a.csv": HEADER + ROW.replace("2026", "x")})
    with pytest.raises(SystemExit) as stop:
        main(["check", str(tmp_path / "mapping.yaml")])
    assert stop.value.code == 2
    assert (
        capsys.readouterr().err
        == "itd: logons: 1 of 1 rows are refused: unparsable time; logons: no row becomes an event\n"
    )


def test_inputs_of_other_columns_are_looked_at_together(tmp_path: Path) -> None:
    web = "  web:\n    files: web.txt\n    format: csv\n    time: t\n"
    web += "    columns: {object: url, user: u}\n    kind: http_visit\n"
    files: dict[str, str | bytes] = {
        "a.csv": HEADER + ROW,
        "web.txt": "u,t,url\nann,2026-03-02T09:00:00,http://x\n",
    }
    result = check_mapping(open_logs(tmp_path, CSV + web, files), rows=5)
    assert result.events["kind"].to_list() == ["logon", "http_visit"]
    assert result.faults == []


def test_prepare_takes_a_mapping_and_adds_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_logs(tmp_path / "logs", CSV, {"1.csv": HEADER + ROW * 3})
    mapping = str(tmp_path / "logs" / "mapping.yaml")
    main(["prepare", mapping, "--store", str(tmp_path / "store")])
    (tmp_path / "logs" / "1.csv").unlink()
    (tmp_path / "logs" / "2.csv").write_text(HEADER + ROW.replace("03-02", "03-03"))
    main(["prepare", mapping, "--store", str(tmp_path / "store"), "--append"])
    assert "own logs, 4 events of 1 users, 2026-03-02 08:00:00 to 2026-03-03 08:00:00" in " ".join(
        capsys.readouterr().out.split()
    )
