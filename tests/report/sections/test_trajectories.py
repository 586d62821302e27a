"""What the pictures of a trajectory promise."""

import gzip
import json
import re
import shutil
from base64 import b64decode
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import load

from itd_lightning.alerts.lists import top_days
from itd_lightning.cli.parser import main
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.pictures import PATH_FILE, PATHS, TRAJECTORIES, TRAJECTORY_FILE
from itd_lightning.methods.chronos.signals import SIGNALS
from itd_lightning.report.page import write_report
from itd_lightning.report.runs import read_runs
from itd_lightning.report.sections.trajectories import Trajectory, pictures
from itd_lightning.scores.table import read_scores
from itd_lightning.splits import Dates
from itd_lightning.views import Trajectories
from itd_lightning.views.trajectories.features import SETS

USERS = 20  # whose pictures are written
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
            "--model.window=10",
            "--data.features=notebook",
            "--data.scaling=plain",
            *DATES,
        ]
    )
    main(["test", f"--ckpt_path={folder / 'checkpoints' / 'best.ckpt'}"])
    return folder


def test_the_highest_scorer_has_five_pictures(chronos: Path) -> None:
    (run,) = read_runs([chronos])
    found = pictures(run)
    best = run.test_units.sort("score", descending=True)["user"][0]
    assert best in found.caption
    assert [panel.title for panel in found.panels] == [
        "Trajectory",
        "Distance to the baseline",
        "Hours of activity",
        "Regimes",
        "Paths of campaigns",
    ]
    assert not found.reason


def test_an_insiders_campaign_is_shaded_and_its_path_drawn(chronos: Path) -> None:
    (run,) = read_runs([chronos])
    users = set(pl.read_parquet(chronos / TRAJECTORY_FILE)["user"])
    insider, scenario = next(
        (row["user"], row["scenario"]) for row in run.evaluation["campaigns"] if row["user"] in users
    )
    found = {panel.title: panel.figure for panel in pictures(run, insider).panels}
    assert len(found["Distance to the baseline"].layout.shapes) >= 2  # the baseline and a campaign
    names = {trace.name for trace in found["Paths of campaigns"].data}
    assert {"other times", f"scenario {scenario}"} <= names


def test_another_user_can_be_chosen_and_an_unknown_one_is_said(chronos: Path, tmp_path: Path) -> None:
    user = pl.read_parquet(chronos / TRAJECTORY_FILE)["user"][-1]
    main(["report", str(chronos), "--out", str(tmp_path), "--user", user])
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f"The trajectory of {user}" in page
    page = write_report([chronos], tmp_path, "<b>").read_text("utf-8")
    assert f"nothing to draw was written of &lt;b&gt;, but of {USERS} others: " in page


def test_pictures_are_of_the_users_with_the_highest_scores(chronos: Path) -> None:
    scores = read_scores(chronos / "scores.parquet")[0].filter(part="test")
    best = scores.group_by("user").agg(pl.col("score").max()).sort("score", "user", descending=[True, False])
    written = pl.read_parquet(chronos / TRAJECTORY_FILE)
    assert set(written["user"]) == set(best["user"].head(USERS))
    assert len(best) > USERS
    assert written.schema == TRAJECTORIES
    assert pl.read_parquet_schema(chronos / PATH_FILE) == PATHS


def test_pictures_follow_the_settings_of_the_run(chronos: Path) -> None:
    days = pl.read_parquet(chronos / TRAJECTORY_FILE).group_by("user").agg(pl.len(), pl.col("baseline").sum())
    assert days.filter(pl.col("baseline") != pl.col("len").clip(upper_bound=20)).is_empty()
    (run,) = read_runs([chronos])
    notes = {panel.title: panel.note for panel in pictures(run).panels}
    assert notes["Distance to the baseline"] == "mean of the first 20 active days"
    assert notes["Paths of campaigns"] == "signatures of 10 active days, in two components"


def test_a_picture_uses_the_features_and_the_scale_of_the_run(chronos: Path, store: Path) -> None:
    written = pl.read_parquet(chronos / TRAJECTORY_FILE)
    user = written["user"][0]
    fitted = load(chronos / "checkpoints" / "best.ckpt", weights_only=True)["Trajectories"]
    view = Trajectories(store, Dates(date(2010, 2, 20), date(2010, 3, 1)), "notebook", "plain")
    days = pl.read_parquet(view.path).filter(user=user).select(SETS["notebook"].names).to_numpy()
    values = (torch.from_numpy(days) - fitted["centre"]) / fitted["scale"]
    distances = (values - values[:20].mean(dim=0)).norm(dim=1).numpy()
    assert written.filter(user=user)["distance"].to_numpy() == pytest.approx(distances, abs=1e-4)


def test_the_report_needs_no_store_for_the_pictures(chronos: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(chronos, tmp_path / "copy")
    (run,) = read_runs([copy])
    before = [panel.figure.to_json() for panel in pictures(run).panels]
    (bare,) = [run._replace(store={}, about=run.about._replace(store=str(tmp_path / "gone")))]
    assert [panel.figure.to_json() for panel in pictures(bare).panels] == before
    (copy / TRAJECTORY_FILE).unlink()
    assert pictures(bare).reason == "the run's folder has no trajectories.parquet, which `itd test` writes"
    pl.DataFrame({"user": ["x"]}).write_parquet(copy / TRAJECTORY_FILE)
    with pytest.raises(InputError, match="lacks the columns baseline"):
        pictures(bare)


def test_pictures_hold_numbers_only(chronos: Path, tmp_path: Path) -> None:
    page = write_report([chronos], tmp_path).read_text("utf-8")
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    kinds = {trace["type"] for figure in json.loads(found[1]) for trace in figure["data"]}
    assert {"scatter3d", "heatmap"} <= kinds
    packed = re.search(r'id="plotly">(.*?)</script>', page, re.DOTALL)
    assert packed is not None
    assert b'name:"scatter3d"' in gzip.decompress(b64decode(packed[1]))  # the part for flat plots lacks it


def test_other_views_have_no_trajectory(run: Path) -> None:
    assert not Trajectory().applies(read_runs([run]))
    assert not list(run.glob("trajectories.parquet"))


def test_alerts_of_chronos_name_the_features_of_a_drift_with_what_is_usual(
    chronos: Path, store: Path
) -> None:
    first = top_days(chronos, count=1).row(0, named=True)
    assert first["reasons"]
    names = {*SETS["notebook"].names, *SIGNALS} - {"drift"}
    assert {text.split(" ")[0] for text in first["reasons"]} <= names
    cells = pl.read_parquet(chronos / "explanations.parquet").filter(
        user=first["user"], start=pl.lit(first["day"]).cast(pl.Datetime("us"))
    )
    counted = cells.filter(pl.col("feature").is_in(SETS["notebook"].names))
    assert len(counted) == 12
    assert not counted["usual"].has_nulls()
    view = Trajectories(store, Dates(date(2010, 2, 20), date(2010, 3, 1)), "notebook")
    days = pl.read_parquet(view.path)
    own = days.filter(user=first["user"]).sort("day").head(20).select(SETS["notebook"].names)
    for row in counted.iter_rows(named=True):
        assert row["usual"] == pytest.approx(own[row["feature"]].mean(), abs=1e-3)
    top = counted.sort("part", descending=True).row(0, named=True)
    assert top["feature"] in first["reasons"][0]
    assert cells["part"].sum() == pytest.approx(first["score"], rel=1e-4)


@pytest.mark.parametrize("anchor", ["calendar", "trailing"])
def test_a_picture_uses_the_anchor_of_the_run(anchor: str, chronos: Path, store: Path) -> None:
    view = Trajectories(store, Dates(date(2010, 2, 20), date(2010, 3, 1)), "notebook", "plain")
    view.prepare_data()
    view.setup("fit")
    user = pl.read_parquet(chronos / TRAJECTORY_FILE)["user"][0]
    drawn = view.pictures([user], {"baseline": 20, "window": 10, "anchor": anchor})[TRAJECTORY_FILE]
    row = view.users().index(user)
    batch = view.batch("train", "val", "test", context=True)
    values, day = batch.values[row][batch.active[row]], batch.day[batch.active[row]]
    first = day - day[0] < 20
    anchors = [values[max(at - 20, 0) : at].mean(dim=0) for at in range(1, len(values))]
    usual = values[first].mean(dim=0) if anchor == "calendar" else torch.stack([values[0] * 0, *anchors])
    assert drawn["distance"].to_numpy() == pytest.approx((values - usual).norm(dim=1).numpy(), abs=1e-4)
    assert drawn["baseline"].sum() == (int(first.sum()) if anchor == "calendar" else 20)
