"""What the pictures of a trajectory promise."""

import json
import re
from pathlib import Path

import pytest

from itd_lightning.alerts.lists import top_days
from itd_lightning.cli.parser import main
from itd_lightning.methods.chronos.signals import SIGNALS
from itd_lightning.report.page import write_report
from itd_lightning.report.runs import read_runs
from itd_lightning.report.sections.trajectories import pictures

CONFIG = Path(__file__).parents[3] / "configs" / "chronos.yaml"
DATES = ["--data.split.val_from=2010-02-20", "--data.split.test_from=2010-03-01"]


@pytest.fixture(scope="module")
def chronos(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of Chronos on the small slice, tested."""
    folder = tmp_path_factory.mktemp("chronos") / "run"
    main(
        [
            "fit",
            f"--config={CONFIG}",
            f"--data.store={store}",
            f"--trainer.default_root_dir={folder}",
            "--model.baseline=20",
            *DATES,
        ]
    )
    main(["test", f"--ckpt_path={folder / 'checkpoints' / 'best.ckpt'}"])
    return folder


def test_the_highest_scorer_has_five_pictures(chronos: Path) -> None:
    (run,) = read_runs([chronos])
    found = pictures(run)
    best = run.tested.sort("score", descending=True)["user"][0]
    assert best in found.caption
    assert [panel.title for panel in found.panels] == [
        "Trajectory",
        "Distance to the baseline",
        "Hours of activity",
        "Regimes",
        "Paths of campaigns",
    ]
    assert not found.missing


def test_an_insiders_campaign_is_shaded_and_its_path_drawn(chronos: Path) -> None:
    (run,) = read_runs([chronos])
    insider = run.evaluation["campaigns"][0]["user"]
    found = {panel.title: panel.figure for panel in pictures(run, insider).panels}
    assert len(found["Distance to the baseline"].layout.shapes) >= 2  # the baseline and a campaign
    names = {trace.name for trace in found["Paths of campaigns"].data}
    assert {"other times", f"scenario {run.evaluation['campaigns'][0]['scenario']}"} <= names


def test_another_user_can_be_chosen_and_an_unknown_one_is_said(chronos: Path, tmp_path: Path) -> None:
    (run,) = read_runs([chronos])
    user = run.tested.sort("score")["user"][0]
    main(["report", str(chronos), "--out", str(tmp_path), "--user", user])
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f"The trajectory of {user}" in page
    assert "no trajectory of &lt;b&gt;" in write_report([chronos], tmp_path, "<b>").read_text("utf-8")


def test_pictures_hold_numbers_only(chronos: Path, tmp_path: Path) -> None:
    page = write_report([chronos], tmp_path).read_text("utf-8")
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    kinds = {trace["type"] for figure in json.loads(found[1]) for trace in figure["data"]}
    assert {"scatter3d", "heatmap"} <= kinds


def test_other_views_have_no_trajectory(run: Path) -> None:
    (other,) = read_runs([run])
    assert not pictures(other).panels
    assert not pictures(other).missing


def test_alerts_of_chronos_name_signals(chronos: Path) -> None:
    first = top_days(chronos, count=1).row(0, named=True)
    assert first["reasons"]
    assert {text.rsplit(" ", 1)[0] for text in first["reasons"]} <= {*SIGNALS, "department"}
