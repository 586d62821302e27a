"""What the life cycle of all views promises: built once, and again when the code that builds it changes."""

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.splits import Dates
from itd_lightning.store import source_hash
from itd_lightning.store.source_hash import ROOT, reachable
from itd_lightning.views import Days, Narratives, Sequences, Trajectories, View, Windows

SPLIT = Dates(date(2010, 2, 20), date(2010, 3, 1))
BUILT: tuple[type[View], ...] = (Days, Narratives, Sequences, Trajectories, Windows)
VISITS = '            _Measure("visit", "count", _KIND == "http_visit", "page_actions"),\n'
# A count of http events beside the others, as somebody would add it.
SECURE = '            _Measure("secure", "count", pl.col("object").str.starts_with("https")),\n'


def copy_package(folder: Path) -> Path:
    """Copy the package, to be changed."""
    return Path(shutil.copytree(ROOT, folder / ROOT.name, ignore=shutil.ignore_patterns("__pycache__")))


@pytest.mark.parametrize("view", BUILT, ids=lambda view: view.name)
def test_the_source_that_keys_a_view_is_what_builds_it_and_not_the_world(view: type[View]) -> None:
    modules = reachable(frozenset({view.builder.__module__}), ROOT)
    # What sequences learn from events comes after the build.
    meaning = "events.annotate" if view is Sequences else f"views.{view.name}.features"
    assert f"itd_lightning.{meaning}" in modules
    heavy_modules = ("contracts.batches", "splits", "methods", "views.base", "executors", "numerics", "nn")
    builds = (
        {"itd_lightning.numerics", "itd_lightning.numerics.events_in_time"} if view is Trajectories else set()
    )
    assert not [
        name
        for name in modules - builds
        for other in heavy_modules
        if name.startswith(f"itd_lightning.{other}")
    ]


def test_changed_code_is_another_folder_and_a_comment_is_not(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days, windows = Days(store, SPLIT), Windows(store, SPLIT)
    before = days.folder, windows.folder
    features = Path("views", "days", "features.py")

    def folders(name: str, more: str) -> tuple[Path, Path]:
        package = copy_package(tmp_path / name)
        (package / features).write_text((ROOT / features).read_text() + more)
        monkeypatch.setattr(source_hash, "ROOT", package)
        return days.folder, windows.folder

    assert folders("comment", "\n# A remark.\n") == before
    changed_folder = folders("code", "\nANOTHER = 1\n")
    assert changed_folder[0] != before[0]
    assert changed_folder[1] == before[1]


@pytest.mark.slow
def test_a_day_feature_that_is_added_appears_in_a_store_whose_view_is_built(
    store: Path, tmp_path: Path
) -> None:
    package = copy_package(tmp_path)
    shutil.copytree(store, tmp_path / "store", ignore=shutil.ignore_patterns("views"))
    before = day_features(tmp_path)
    source = package / "views" / "days" / "features.py"
    text = source.read_text()
    assert text.count(VISITS) == 1
    source.write_text(text.replace(VISITS, VISITS + SECURE))
    assert day_features(tmp_path) - before == {
        f"http_{kind}secure_{hours}count"
        for kind in ("", "other_", "social_", "cloud_", "job_", "leak_", "hack_")
        for hours in ("", "work_hours_", "after_hours_")
    }


def day_features(folder: Path) -> set[str]:
    """Return the features that a copy of the program gives for a store, in a process of its own."""
    script = (
        "from datetime import date; from pathlib import Path; from itd_lightning.splits import Dates\n"
        "from itd_lightning.views import Days\n"
        "view = Days(Path('store'), Dates(date(2010, 2, 20), date(2010, 3, 1)))\n"
        "view.prepare_data(); view.setup('fit'); print(*view.table.columns)"
    )
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_dates_after_the_logs_are_refused_before_anything_is_trained(store: Path) -> None:
    view = Windows(store, Dates(date(2010, 3, 5), date(2031, 1, 1)))
    view.prepare_data()
    with pytest.raises(InputError, match=r"Dates leaves no test unit: .* has units from 2010-"):
        view.setup("fit")
