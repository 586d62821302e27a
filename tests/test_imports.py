"""What does not train starts without the libraries that only training needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from itd_lightning.contracts.results import Evaluation
from tests.handmade_runs import evaluation, written_run

__all__ = ["evaluation"]

HEAVY = ("torch", "lightning", "torchmetrics", "plotly", "scipy", "sklearn", "jsonargparse")
READERS = ("alerts.lists", "alerts.behaviours", "evaluation.evaluate", "evaluation.alarm_days", "runs.folder")
RUN = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
seen = {}
for step in json.loads(sys.argv[1]):
    try:
        with redirect_stdout(StringIO()):
            exec(step)
    except SystemExit as end:
        assert not end.code, end.code
    seen[step] = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps(seen))
"""


def loaded(*steps: str) -> list[list[str]]:
    """Return which heavy packages a fresh interpreter holds after each of some steps."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(steps), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
    )
    assert not done.returncode, done.stderr
    seen: dict[str, list[str]] = json.loads(done.stdout)
    return list(seen.values())


def test_reading_a_run_loads_nothing_heavy() -> None:
    assert loaded(*(f"import itd_lightning.{module}" for module in READERS)) == [[]] * len(READERS)


def test_the_report_loads_what_draws_and_nothing_that_trains() -> None:
    assert loaded("import itd_lightning.report.page") == [["plotly"]]


def test_commands_about_a_run_load_the_parser_and_nothing_else_that_is_heavy(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    run = str(written_run(tmp_path, evaluation))
    manifest = tmp_path / "runs" / "store" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text("utf-8")) | {"answers": {}}), "utf-8")
    commands = (["--help"], ["alerts", run], ["evaluate", run], ["threshold", run, "--budget", "1/day"])
    steps = [f"from itd_lightning.cli import main; main({command!r})" for command in commands]
    assert loaded(*steps) == [["jsonargparse"]] * len(commands)


def test_looking_into_a_store_loads_nothing_heavy_but_the_parser(store: Path) -> None:
    step = f"from itd_lightning.cli import main; main({['inspect', str(store)]!r})"
    assert loaded(step) == [["jsonargparse"]]
