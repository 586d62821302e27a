"""The commands about cases: what they print and refuse."""

import json
from pathlib import Path

import pytest

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.cli.parser import main
from tests.alerts.cases.handmade_alerts import add_alerts, make_alert
from tests.cli.test_parser import refused


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Return a case store with two cases."""
    file = tmp_path / "cases.sqlite"
    with CaseStore.open(file) as store:
        add_alerts(store, make_alert("ann"), make_alert("b\x1b[31m[red]", rank=2, p_value=0.2))
    return str(file)


def test_a_case_is_listed_shown_acknowledged_and_closed(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["case", "list", place])
    assert "ann" in capsys.readouterr().out
    main(["case", "ack", place, "1", "--by", "eve"])
    main(["case", "close", place, "1", "--as", "benign", "--reason", "moved: see [ticket 12]", "--by", "eve"])
    main(["case", "show", place, "1"])
    text = capsys.readouterr().out
    assert "usb_copy_count 7" in text
    assert "eve: acknowledged\n" in text
    assert "eve: closed-benign: moved: see [ticket 12]\n" in text
    main(["case", "list", place, "--user", "ann"])
    assert capsys.readouterr().out == "no case is open\n"


def test_who_closes_is_the_login_name_by_default(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "zoe")
    main(["case", "close", place, "1", "--as", "true", "--reason", "admitted"])
    with CaseStore.open(place) as store:
        assert [(action.by, action.state) for action in store.case(1).actions] == [("zoe", "closed-true")]


def test_hostile_names_reach_the_terminal_as_text(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["case", "list", place])
    assert "b?[31m[red]" in capsys.readouterr().out


def test_what_does_not_fit_ends_in_one_line(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no case 9" in refused(["case", "show", place, "9"], capsys)
    assert "no case store at" in refused(["case", "list", f"{place}.missing"], capsys)
    assert "Literal" in refused(["case", "close", place, "1", "--as", "maybe", "--reason", "x"], capsys)
    assert "reason" in refused(["case", "close", place, "1", "--as", "true"], capsys)


def test_a_database_may_be_named_by_its_url(capsys: pytest.CaptureFixture[str]) -> None:
    place = "postgresql://nobody:secret@127.0.0.1:1/none"
    message = refused(["case", "list", place], capsys)
    assert "no case store at postgresql" in message
    assert "secret" not in message


def test_json_lists_cases_for_programs(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["case", "list", place, "--json"])
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["user"], first["state"], first["alerts"]) == ("ann", "new", 1)
