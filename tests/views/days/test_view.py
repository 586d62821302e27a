"""What the days view promises."""

import pickle
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.numerics.history import OwnHistory
from itd_lightning.splits import Dates
from itd_lightning.store.presence import pc_use
from itd_lightning.store.read import Store
from itd_lightning.views import Days
from itd_lightning.views.days import build as days
from itd_lightning.views.days.dataset import DayDataset, History, moments
from tests.views.windows.test_view import SPLIT, daily, event, write_store

RICH = Dates(val_from=date(2010, 2, 20), test_from=date(2010, 3, 1), shown=["train", "val"])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a store: bob works on 1 to 10 March but the 3rd, ann on all these days, eve from the 8th on."""
    bob = daily("bob", [1, 2, 4, 5, 6, 7, 8, 9, 10])
    shards = [[*bob, *daily("eve", range(8, 11))], daily("ann", range(1, 11), times=2)]
    folder = write_store(tmp_path / "small", shards)
    for file in folder.glob("events/*/events.parquet"):
        pc_use(pl.read_parquet(file, glob=False)).write_parquet(file.with_name("pc_use.parquet"))
    return folder


def ready(store: Path, stage: str = "fit", history: History = "none", **settings: object) -> Days:
    """Return a view that is set up."""
    view = Days(store, SPLIT, history=history, **settings)  # type: ignore[arg-type]
    view.prepare_data()
    view.setup(stage)
    return view


def full_batch(view: Days, *parts: str) -> DayBatch:
    """Return all days of these parts."""
    rows = view.rows(*parts)
    return rows.__getitems__(list(range(len(rows))))


def column(view: Days, name: str) -> int:
    """Return the position of a feature."""
    assert view.fitted is not None
    return view.fitted.features.index(name)


def test_a_unit_is_a_calendar_day_with_any_event(small: Path) -> None:
    view = ready(small)
    bob = view.units.filter(pl.col("user") == "bob")
    assert bob["start"].dt.day().to_list() == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert ((view.units["end"] - view.units["start"]) == timedelta(days=1)).all()
    assert view.units.select("user", "start").equals(view.units.select("user", "start").sort("user", "start"))
    assert view.grain == "user-day"


def test_silent_days_are_units_on_request_but_none_after_the_last_event(small: Path) -> None:
    view = ready(small, silent=True)
    bob = view.units.filter(pl.col("user") == "bob")
    assert bob["start"].dt.day().to_list() == list(range(1, 11))
    assert view.units.filter(pl.col("user") == "eve").height == 3
    silent = int(np.flatnonzero((view.units["user"] == "bob").to_numpy())[2])
    assert view.fitted is not None
    assert not view.values_of(view.fitted.features)[silent].any()
    assert torch.isfinite(view.rows("train").features[silent]).all()


def test_features_are_standardised_by_training_days(small: Path) -> None:
    view = ready(small)
    batch = full_batch(view, "train")
    torch.testing.assert_close(batch.features.mean(dim=0), torch.zeros(336), atol=1e-5, rtol=0)
    varied = batch.features.std(dim=0, unbiased=False)
    assert all(round(float(std), 3) in (0.0, 1.0) for std in varied)


def test_later_days_change_no_moment(small: Path, tmp_path: Path) -> None:
    wild = [
        event("http_visit", f"03-08 10:{minute:02d}:00", "bob", object="http://b.org/")
        for minute in range(60)
    ]
    busy = tmp_path / "busy"
    shutil.copytree(small, busy, ignore=shutil.ignore_patterns("views"))
    file = busy / "events" / "shard=000" / "events.parquet"
    shard = pl.read_parquet(file, glob=False)
    pl.concat([shard, pl.DataFrame(wild, schema=shard.schema)]).write_parquet(file)
    calm, stormy = ready(small, history="frozen").fitted, ready(busy, history="frozen").fitted
    assert calm is not None
    assert stormy is not None
    assert torch.equal(calm.mean, stormy.mean)
    assert torch.equal(calm.std, stormy.std)


def test_a_frozen_history_compares_a_day_with_the_users_own_training_days(small: Path) -> None:
    view = ready(small, history="frozen", prior=1e-6)
    batch, place = full_batch(view, "train"), column(view, "http_count")
    torch.testing.assert_close(batch.features[:, place], torch.zeros(len(batch.unit)), atol=1e-2, rtol=0)
    assert full_batch(ready(small), "train").features[:, place].abs().min() > 0.5


def test_a_user_without_training_days_is_measured_by_everybody_where_history_is_frozen(small: Path) -> None:
    frozen, everybody = ready(small, history="frozen"), ready(small)
    eve = np.flatnonzero((frozen.units["user"] == "eve").to_numpy())
    assert len(eve) == 3
    assert torch.equal(frozen.rows("test").features[eve], everybody.rows("test").features[eve])


def test_own_history_compares_a_day_with_the_users_earlier_days_whoever_trained(small: Path) -> None:
    view = ready(small, history="own", own=OwnHistory(warm_up=2, weekends_apart=False))
    batch, place = full_batch(view, "train", "val", "test"), column(view, "http_count")
    days = view.units[batch.unit.numpy()]
    usual = batch.features[:, place]
    assert usual[(days["user"] == "ann").to_numpy()].tolist()[2:] == [0.0] * 8  # two pages on every day
    eve = usual[(days["user"] == "eve").to_numpy()]
    assert eve[0] != 0  # measured by everybody on her first day
    assert eve[2] == 0


def test_people_with_few_of_their_role_are_measured_by_everybody_at_first(store: Path) -> None:
    view = Days(store, RICH, history="own")
    view.prepare_data()
    view.setup("fit")
    assert view.fitted is not None
    roles = view.units.select("user").hstack([view.roles()]).drop_nulls().unique().group_by("role").len()
    assert set(view.fitted.groups) == set(roles.filter(pl.col("len") >= 5)["role"])
    assert len(view.fitted.groups) < len(roles)


def test_both_histories_stand_side_by_side(small: Path) -> None:
    both, none, own = (
        full_batch(ready(small, history=name), "test").features for name in ("both", "none", "own")
    )
    assert torch.equal(both, torch.cat([none, own], dim=1))


def test_own_moments_are_those_of_own_days_and_of_some_of_everybodys() -> None:
    values = np.array([[0.0], [2.0], [10.0]], dtype=np.float32)
    mean, std = moments(values, np.array([1, 1, 2]), groups=2, prior=2.0)
    assert mean.flatten().tolist() == pytest.approx([4.0, (2 + 8) / 4, (10 + 8) / 3])
    everybody = (16 + 4 + 36) / 3
    expected = [everybody, (2 * 1 + 2 * everybody) / 4, (0 + 2 * everybody) / 3]
    assert std.square().flatten().tolist() == pytest.approx(expected)


def test_a_feature_that_never_varies_gets_the_deviation_one() -> None:
    _, std = moments(np.full((3, 1), 7.0, dtype=np.float32), np.array([1, 1, 2]), groups=2, prior=1.0)
    assert std.flatten().tolist() == [1, 1, 1]


def test_moments_without_training_days_are_refused(small: Path) -> None:
    view = Days(small, Dates(date(2009, 1, 1), date(2009, 1, 2)))
    view.prepare_data()
    with pytest.raises(InputError, match=r"leaves no training unit: .* has units from 2010-03-01 to "):
        view.setup("fit")


def test_the_past_is_the_users_own_and_the_latest_comes_first(small: Path) -> None:
    view = ready(small, days=3)
    batch = full_batch(view, "train", "val", "test")
    first = np.flatnonzero((view.units["user"] == "bob").to_numpy())[0]
    assert batch.has_past[first].tolist() == [False, False, False]
    assert batch.has_past[first + 2].tolist() == [True, True, False]
    assert torch.equal(batch.past[first + 4], batch.features[[first + 3, first + 2, first + 1]])
    assert not batch.past[first].any()
    assert batch.past.shape == (len(batch.unit), 3, 336)


def test_labels_reach_batches_only_where_the_split_shows_them(store: Path) -> None:
    view = Days(store, RICH)
    view.prepare_data()
    view.setup("fit")
    assert set(full_batch(view, "train").label.tolist()) == {0.0, 1.0}
    assert full_batch(view, "test").label.isnan().all()
    view.setup("test")
    assert full_batch(view, "val", "test").label.isnan().all()
    hidden = Days(store, Dates(date(2010, 2, 20), date(2010, 3, 1)))
    hidden.setup("fit")
    assert full_batch(hidden, "train").label.isnan().all()


def test_patterns_choose_features(small: Path) -> None:
    view = ready(small, features=["http_*_count", "!*_pc_*", "!*_hours_*"])
    assert view.fitted is not None
    kinds = ("other", "social", "cloud", "job", "leak", "hack")
    assert view.fitted.features == [f"http_{kind}_count" for kind in kinds]
    with pytest.raises(InputError, match=r"no feature fits \['htp_\*'\]; their names are all_count"):
        ready(small, features=["htp_*"])


def test_prediction_knows_users_of_a_frozen_history(small: Path) -> None:
    fitted = ready(small, history="frozen")
    view = Days(small, SPLIT, history="frozen")
    view.setup("predict")
    state = fitted.state_dict()
    view.load_state_dict(state)
    assert len(full_batch(view, "predict").unit) == 22
    assert set(view.units["part"]) == {"predict"}
    assert view.groups(state["groups"]).tolist() == [1] * 10 + [2] * 9 + [0] * 3


def test_a_store_that_lacks_a_feature_of_the_checkpoint_or_has_another_is_refused_with_the_list(
    small: Path,
) -> None:
    fitted = ready(small)
    state = fitted.state_dict()
    state["features"] = [*state["features"][:-1], "file_depth_mean"]
    view = Days(small, SPLIT)
    view.setup("predict")
    view.load_state_dict(state)
    last = fitted.state_dict()["features"][-1]
    with pytest.raises(InputError, match=rf"lacks file_depth_mean and has, .*, {last}: fit on this store"):
        view.rows("predict")


def test_another_history_than_the_checkpoints_is_refused(small: Path) -> None:
    fitted = ready(small, history="frozen")
    with pytest.raises(InputError, match=r"fitted with --data\.history frozen, and this view has own"):
        Days(small, SPLIT, history="own").load_state_dict(fitted.state_dict())


def test_scoring_without_moments_is_refused(small: Path) -> None:
    view = ready(small, "predict")
    with pytest.raises(InputError, match="fit first, or give a checkpoint with --ckpt_path"):
        view.predict_dataloader()


def test_a_built_view_is_used_again_and_does_not_depend_on_settings(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ready(small).folder
    monkeypatch.setattr(days, "build", None)
    assert ready(small, history="both", days=2, silent=True).folder == folder


def test_a_day_is_the_same_in_one_shard_and_in_two(store: Path) -> None:
    view = Days(store, RICH)
    view.prepare_data()
    view.setup("predict")
    logons = (
        Store(store).scan().filter(pl.col("kind") == "logon").group_by("user", pl.col("time").dt.date()).len()
    )
    counted = logons.collect().sort("user", "time")
    found = view.table.filter(pl.col("logon_count") > 0)
    assert found["logon_count"].to_list() == counted["len"].to_list()


def test_a_dataset_survives_the_way_to_a_worker(small: Path) -> None:
    rows = ready(small, days=2).rows("train", "val")
    copy = pickle.loads(pickle.dumps(rows))
    assert isinstance(copy, DayDataset)
    for mine, theirs in zip(rows[3], copy[3], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.slow
def test_neither_workers_nor_processes_change_the_batches(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "store", ignore=shutil.ignore_patterns("views"))
    batches = []
    for folder, workers, processes in ((store, 0, 1), (tmp_path / "store", 2, 2)):
        view = Days(folder, RICH, days=2, batch_size=100, num_workers=workers, build_workers=processes)
        view.prepare_data()
        view.setup("fit")
        batches.append(list(view.train_dataloader()))
    assert len(batches[0]) == len(batches[1]) > 1
    for mine, theirs in zip(*batches, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("settings", [{"prior": 0.0}, {"days": -1}, {"days": 10**9}])
def test_numbers_out_of_range_are_refused(settings: dict[str, float], small: Path) -> None:
    with pytest.raises(ValueError, match="prior must be above 0 and days from 0"):
        Days(small, SPLIT, **settings)  # type: ignore[arg-type]


def test_a_day_starts_at_midnight(small: Path) -> None:
    assert ready(small).units["start"].min() == datetime(2010, 3, 1)


@pytest.mark.parametrize("weekends_apart", [True, False])
def test_a_day_is_explained_by_what_was_usual_before(weekends_apart: bool, store: Path) -> None:
    own = OwnHistory(horizon=10, warm_up=5, weekends_apart=weekends_apart)
    view = Days(store, RICH, history="both", own=own)
    view.prepare_data()
    view.setup("fit")
    assert view.fitted is not None
    features, values = view.fitted.features, view.values_of(view.fitted.features)
    unit = 50
    cells = view.cells(unit)
    assert cells["seen"].to_list() == [*values[unit], *values[unit]]
    usual = cells["usual"].to_numpy()
    np.testing.assert_allclose(usual[: len(features)], view.fitted.mean[0])
    rows = view.units.with_row_index("row").filter(user=view.units["user"][unit])[: unit + 1]
    days = rows.filter(pl.col("row") < unit)
    if weekends_apart:
        is_weekend = view.units["start"][unit].weekday() >= 5
        days = days.filter((pl.col("start").dt.weekday() >= 6) == is_weekend)
    expected = values[days["row"].to_list()[-10:]].mean(axis=0)
    np.testing.assert_allclose(usual[len(features) :], expected, rtol=1e-5)
