"""The doctor: a line for each check, and status 1 if one fails."""

from pathlib import Path

import pytest

from itd_lightning.cli.parser import main
from tests.daily.company import deliver_logs, write_deployment


def lines(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], int]:
    """Return the line of each check, and the exit status."""
    status = 0
    try:
        main(["doctor", str(file)])
    except SystemExit as stop:
        status = int(str(stop.code))
    rows = [line.split(": ", 1) for line in capsys.readouterr().out.splitlines()]
    return {name.split(maxsplit=1)[1]: f"{name.split()[0]}: {words}" for name, words in rows}, status


def test_a_deployment_is_well_before_and_after_its_first_morning(
    split: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_deployment(tmp_path, checkpoint)
    deliver_logs(split, tmp_path, range(20, 61))
    before, status = lines(file, capsys)
    assert status == 0
    assert before["store"] == "ok: not made yet; the first morning does"
    assert before["checkpoints"] == "ok: days"
    main(["daily", str(file)])
    capsys.readouterr()
    after, status = lines(file, capsys)
    assert status == 0, after
    assert after["logs"] == "ok: 0 files or folders are new"
    assert "done, 1 days scored" in after["last run"]
    assert "last scored day 2010-03-03" in after["up to date"]
    assert list(after) == list(before)


def test_what_is_wrong_is_named_and_the_status_is_1(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_deployment(tmp_path, checkpoint.with_name("missing.ckpt"), pseudonyms={"key_file": "none"})
    found, status = lines(file, capsys)
    assert status == 1
    failed = [name for name, words in found.items() if words.startswith("FAIL")]
    assert failed == ["logs", "checkpoints", "pseudonyms"]
