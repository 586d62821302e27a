"""What an addition costs: files and lines in a copy of the tree, and that the addition then runs.

A feature is 1 line; a method 3 files and 1 line; an audit or a report section 1 file and 1 line; a source 1
file.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns("__pycache__", "*.so")

METHOD = '''"""Busy: a day is anomalous when its features are large."""

from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.methods.base import Method


class Busy(Method[DayBatch]):
    """Adds up the features of a day."""

    def __init__(self) -> None:
        super().__init__(None)
        self.save_hyperparameters()

    def training_step(self, batch: DayBatch, batch_idx: int) -> None:
        """Learn nothing."""

    def validation_step(self, batch: DayBatch, batch_idx: int) -> None:
        """Measure nothing."""

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Return the sum of a day's features."""
        return batch.features.sum(dim=1)
'''
METHOD_TEST = """from itd_lightning.methods import Busy


def test_busy() -> None:
    assert Busy().optimizer is None
"""
AUDIT = '''"""Are there test units at all?"""

from itd_lightning.audits.base import Audit, AuditedRun
from itd_lightning.contracts.results import AuditResult


class Units(Audit):
    """A result without units is none."""

    name = "units"
    meaning = "number of scored units; fails without any"

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Count the units."""
        units = len(run.days)
        return [AuditResult(self.name, float(units), None, 1.0, units > 0, f"{units} user-days.")]
'''
SECTION = '''"""Section "Greeting"."""

from collections.abc import Sequence

from markupsafe import Markup

from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class Greeting(Section):
    """Greets the reader."""

    anchor, link, title = "greeting", "Greeting", "Greeting"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the greeting."""
        return Markup("<p>Good morning.</p>")
'''


class Cost(NamedTuple):
    """Files that are new, and lines that are new in other files."""

    files: int
    lines: int


class Tree:
    """A copy of the package and its configs, into which something is added."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files, self.lines = folder, 0, 0
        for part in ("itd_lightning", "configs"):
            shutil.copytree(ROOT / part, folder / part, ignore=IGNORED)
        shutil.copy(ROOT / "pyproject.toml", folder)

    def add_file(self, path: str, text: str) -> None:
        """Write a new file."""
        target = self.folder / path
        assert not target.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        self.files += 1

    def add_line(self, path: str, after: str, line: str) -> None:
        """Insert a line behind the first one that begins with a text."""
        target = self.folder / path
        lines = target.read_text("utf-8").splitlines(keepends=True)
        place = next(n for n, text in enumerate(lines) if text.startswith(after))
        target.write_text("".join([*lines[: place + 1], line + "\n", *lines[place + 1 :]]), "utf-8")
        self.lines += 1

    def run(self, program: str) -> str:
        """Run a program on the copy; return what it prints last."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip().splitlines()[-1]

    @property
    def cost(self) -> Cost:
        """What was added."""
        return Cost(self.files, self.lines)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return a copy of the tree."""
    return Tree(tmp_path / "tree")


FEATURES = """
from datetime import date
from pathlib import Path
import polars as pl
from itd_lightning.splits import Dates
from itd_lightning.views import Days
days = Days(Path({store!r}), Dates(date(2010, 2, 20), date(2010, 3, 1)))
days.prepare_data()
names = pl.read_parquet_schema(next(days.folder.glob("shard=*.parquet"))).names()
print(len(names), "http_long_url_count" in names)
"""


@pytest.mark.slow
def test_a_feature_is_one_line_and_a_store_whose_view_is_built_has_it(
    tree: Tree, store: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "store"
    shutil.copytree(store, copy)
    program = FEATURES.format(store=str(copy))
    before = int(tree.run(program).split()[0])
    new = '            _Measure("long_url", "count", pl.col("object").str.len_chars() > 60),'
    tree.add_line("itd_lightning/views/days/features.py", '            _Measure("upload", "count"', new)
    after, there = tree.run(program).split()
    assert tree.cost == Cost(files=0, lines=1)
    assert int(after) > before
    assert there == "True"


@pytest.mark.slow
def test_a_method_is_three_files_and_one_line(tree: Tree, store: Path, tmp_path: Path) -> None:
    config = (tree.folder / "configs" / "own_history_z.yaml").read_text("utf-8")
    config = config.replace("class_path: OwnHistoryZ\n  init_args:\n    scored: sum", "class_path: Busy")
    tree.add_file("itd_lightning/methods/busy.py", METHOD)
    tree.add_file("configs/busy.yaml", config)
    tree.add_file("tests/methods/test_busy.py", METHOD_TEST)
    line = "from itd_lightning.methods.busy import Busy as Busy"
    tree.add_line("itd_lightning/methods/__init__.py", "from itd_lightning.methods.base", line)
    dates = {"data.split.val_from": "2010-02-20", "data.split.test_from": "2010-03-01"}
    program = (
        "import itd_lightning as itd\n"
        f"run = itd.fit('configs/busy.yaml', {str(store)!r}, {str(tmp_path / 'run')!r}, {dates!r})\n"
        "print(itd.test(run)['pr_auc'] > 0)"
    )
    assert tree.run(program) == "True"
    assert tree.cost == Cost(files=3, lines=1)


@pytest.mark.slow
def test_an_audit_is_one_file_and_one_line(tree: Tree, run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    tree.add_file("itd_lightning/audits/units.py", AUDIT)
    path = "itd_lightning/audits/__init__.py"
    line = "from itd_lightning.audits.units import Units as Units"
    tree.add_line(path, "# isort: off", line)
    program = (
        "import itd_lightning as itd\n"
        f"print([r.name for r in itd.audit({str(copy)!r}, null=False, future=False)][0])"
    )
    assert tree.run(program) == "units"
    assert tree.cost == Cost(files=1, lines=1)


@pytest.mark.slow
def test_a_report_section_is_one_file_and_one_line(tree: Tree, run: Path, tmp_path: Path) -> None:
    tree.add_file("itd_lightning/report/sections/greeting.py", SECTION)
    path = "itd_lightning/report/sections/__init__.py"
    line = "from itd_lightning.report.sections.greeting import Greeting as Greeting"
    tree.add_line(path, "from itd_lightning.report.sections.evaluation", line)
    program = (
        "import itd_lightning as itd\n"
        f"print('Good morning.' in itd.write_report({str(run)!r}, {str(tmp_path)!r}).read_text('utf-8'))"
    )
    assert tree.run(program) == "True"
    assert tree.cost == Cost(files=1, lines=1)
