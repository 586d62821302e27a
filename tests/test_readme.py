"""Every command of the README runs, in its order, in one empty folder."""

import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from itd_lightning.cli.parser import COMMANDS, TRAINING, main

ROOT = Path(__file__).parents[1]
# They need a cluster, or a path of one; other commands show the same.
ELSEWHERE = re.compile(r"^(RAY_ADDRESS|pip|make|source|wandb|#|git)|/shared/|runs/dmfi|\$SLURM")
NAMES = {*COMMANDS, *TRAINING}


def commands() -> list[str]:
    """Return the command lines of the README's blocks, joined where a backslash continues them."""
    text = (ROOT / "README.md").read_text("utf-8").replace("\\\n", " ")
    text = re.sub(r"^```python\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(r"itd \w+ \S", line)]  # not the picture's


def test_readme_shows_every_command() -> None:
    shown = {line.split()[1] for line in commands()}
    shown |= set(re.findall(r"`itd ([a-z]+)", (ROOT / "README.md").read_text("utf-8")))
    assert shown >= NAMES - {"validate"}


@pytest.mark.slow
def test_the_readme_runs(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("configs", "experiments"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "r4.2").symlink_to(release)
    with tarfile.open(tmp_path / "r4.2.tar.bz2", "w:bz2") as archive:
        archive.add(release, "r4.2")
    for line in commands():
        if ELSEWHERE.search(line):
            continue
        main(shlex.split(line)[1:])


@pytest.mark.slow
def test_the_readmes_script_runs(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "release").symlink_to(release)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (script,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    assert len(script.splitlines()) <= 25
    subprocess.run([sys.executable, "-c", script], check=True)
    assert (tmp_path / "work" / "python_report" / "report.html").is_file()
