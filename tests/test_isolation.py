"""What lies in the current folder is data, and never run."""

import subprocess
import sys
from pathlib import Path

import pytest

from itd_lightning.runs.queue import run_process

NAMES = ("polars", "csv", "email", "pickle", "socket", "torch", "xgboost")


@pytest.fixture
def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which holds modules that leave a mark where they are run."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in NAMES:
        mark = f"import os; os.mkdir({str(folder / 'ran')!r})"
        (folder / f"{name}.py").write_text(mark)
    monkeypatch.chdir(folder)
    return folder


def test_the_program_started_as_a_module_runs_nothing_of_the_current_folder(trapped: Path) -> None:
    command = [sys.executable, "-m", "itd_lightning", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not (trapped / "ran").exists()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "program", [["-m", "itd_lightning"], [str(Path(sys.executable).parent / "itd")]], ids=["module", "itd"]
)
def test_worker_processes_run_nothing_of_the_current_folder(
    program: list[str], trapped: Path, release: Path
) -> None:
    command = [sys.executable, *program, "prepare", str(release), "--store=store", "--workers=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not (trapped / "ran").exists()
    assert done.returncode == 0, done.stderr


def test_a_cell_runs_nothing_of_the_current_folder(trapped: Path) -> None:
    assert run_process(["--help"]) is None
    assert not (trapped / "ran").exists()


def test_a_folder_that_was_removed_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    program = (
        "import os; os.rmdir(os.getcwd()); from itd_lightning import isolation as i; i.leave_current_folder()"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True, cwd=folder)
