"""What can be named on the command line is listed, with a line on each."""

import pytest

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
