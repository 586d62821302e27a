"""What can be named is listed, with a line about each, and without loading any of it."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import itd_lightning.methods
import itd_lightning.splits
import itd_lightning.views
from itd_lightning.cli.listing import Kind
from itd_lightning.cli.parser import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_everything_that_can_be_named_is_listed(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "200")
    main(["list", kind])
    words = capsys.readouterr().out.split()
    names = {
        "configs": {path.stem for path in (ROOT / "configs").glob("*.yaml")},
        "overlays": {path.stem for path in (ROOT / "configs" / "overlays").glob("*.yaml")},
        "methods": {name for name in vars(itd_lightning.methods) if name[0].isupper()} - {"Method"},
        "views": {name for name in vars(itd_lightning.views) if name[0].isupper()} - {"View"},
        "splits": {name for name in vars(itd_lightning.splits) if name[0].isupper()} - {"Split"},
        "presets": {
            "windows",
            "zeek",
            "m365",
            "cloudtrail",
            "ocsf",
            "ecs",
            "squid",
            "sysmon",
            "lanl",
            "cert",
        },
    }[kind]
    assert names <= set(words)


def test_an_empty_folder_has_no_configs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["list", "configs"])
    assert "no configs in" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["list", "nonsense"])


def test_a_list_loads_no_torch() -> None:
    program = (
        "import sys; from itd_lightning.cli.parser import main; main(['list', 'methods']); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, capture_output=True)
