"""What can be named on the command line is listed, with a line on each, and without loading any of it."""

import subprocess
import sys

import pytest

import itd_lightning.methods
from itd_lightning.cli import main
from itd_lightning.contracts.shipped import shipped_names


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("configs", "xgboost_own_history", "XGBoost"),
        ("overlays", "overlays/slice", "slice"),
        ("experiments", "rmsl/table1", "RMSL"),
        ("presets", "zeek", "Zeek"),
        ("methods", "OwnHistoryZ", "baseline"),
        ("views", "Days", "features"),
        ("splits", "DatesAndUsers", "date"),
    ],
)
def test_each_kind_is_listed_with_what_it_is(
    kind: str, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["list", kind])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.split()[0] == name)
    assert words in line


def test_every_shipped_config_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "configs"])
    main(["list", "overlays"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {row[0] for row in rows if len(row) > 3} >= set(shipped_names("configs"))


def test_an_unknown_kind_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["list", "confgs"])
    assert "configs" in capsys.readouterr().err


def test_every_method_is_listed_and_none_is_loaded() -> None:
    program = (
        "import sys; from itd_lightning.cli.parser import main; main(['list', 'methods']); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith(" ") and line[1] != " "}
    assert listed == {name for name in vars(itd_lightning.methods) if name[0].isupper()} - {"Method"}
