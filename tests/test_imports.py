"""What does not train starts without the libraries that only training needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "lightning", "torchmetrics", "plotly", "scipy", "sklearn", "jsonargparse")
COMMAND = "from itd_lightning.cli import main; main({args!r})"


def loaded(code: str) -> set[str]:
    """Return which heavy packages a fresh interpreter holds after it ran some code."""
    ask = f"import sys\ntry:\n    {code}\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
    ask += f"sys.stderr.write(' '.join(name for name in {HEAVY} if name in sys.modules))"
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", ask],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": root},
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "module",
    ["alerts.lists", "alerts.behaviours", "evaluation.evaluate", "evaluation.alarm_days", "runs.folder"],
)
def test_reading_a_run_loads_nothing_heavy(module: str) -> None:
    assert loaded(f"import itd_lightning.{module}") == set()


def test_the_help_loads_the_parser_and_nothing_else_that_is_heavy() -> None:
    assert loaded(COMMAND.format(args=["--help"])) == {"jsonargparse"}


@pytest.mark.parametrize("command", ["alerts", "evaluate", "threshold"])
def test_commands_about_a_run_load_neither_torch_nor_plotly(run: Path, tmp_path: Path, command: str) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    options = ["--budget", "3/day"] if command == "threshold" else []
    assert loaded(COMMAND.format(args=[command, str(copy), *options])) == {"jsonargparse"}
