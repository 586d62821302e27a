"""The page about own logs: its mappings are mappings, its tables are complete, and its commands run."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from itd_lightning.cli.parser import main
from itd_lightning.contracts.events import KINDS
from itd_lightning.sources.mapped.mapping import read_mapping

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "own_logs.md").read_text("utf-8")
MAPPINGS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PLAIN = re.sub(r"^```yaml\n.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
BLOCKS = re.findall(r"^```\n(.*?)^```$", PLAIN, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]


def test_its_mappings_are_mappings(tmp_path: Path) -> None:
    for name in ("people", "hosts"):
        (tmp_path / f"{name}.csv").write_text("employee,sam,mail\n")
    for number, text in enumerate(MAPPINGS):
        (tmp_path / f"{number}.yaml").write_text(text)
        read_mapping(tmp_path / f"{number}.yaml")
    assert len(MAPPINGS) == 3


def test_it_names_every_kind_and_every_preset() -> None:
    presets = [
        path.stem for path in (ROOT / "itd_lightning" / "sources" / "mapped" / "presets").glob("*.yaml")
    ]
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)) >= set(presets)
    assert ", ".join(KINDS) in PAGE


@pytest.mark.slow
def test_its_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    said = ""
    for line in COMMANDS:
        program, *arguments = shlex.split(line)
        if program == "itd":
            main(arguments)
        else:
            subprocess.run([program, *arguments], check=True)
        if program == "cp":
            (tmp_path / "work" / "logs" / "company.yaml").write_text(
                next(text for text in MAPPINGS if "logons:" in text)
            )
        said = capsys.readouterr().out if program == "itd" else said
        if arguments[0] == "check":
            assert said.strip().endswith("ready")
        if arguments[:2] == ["alerts", "work/today"]:
            assert "look at these first: work/today" in " ".join(said.split())
    assert len(COMMANDS) > 10
