"""What the trajectories view promises."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.splits import Dates
from itd_lightning.views import Trajectories
from itd_lightning.views.trajectories.dataset import moments
from itd_lightning.views.trajectories.features import HOURS, SETS, FeatureSet, build, count_received
from itd_lightning.views.trajectories.times import TIMES, build_times
from itd_lightning.views.trajectories.view import spans

SPLIT = Dates(val_from=date(2010, 2, 20), test_from=date(2010, 3, 1))  # of the small slice
FRIDAY = datetime(2010, 3, 12)


def event(kind: str, hours: float = 9.0, user: str = "ann", **columns: object) -> dict[str, object]:
    """Return one event, so many hours after the beginning of a Friday; the rest is null."""
    moment = FRIDAY + timedelta(hours=hours)
    return {**dict.fromkeys(EVENTS), "user": user, "time": moment, "kind": kind, "pc": "PC-1", **columns}


def frame(events: Iterable[dict[str, object]]) -> pl.DataFrame:
    """Return the events as a shard holds them."""
    return pl.DataFrame(list(events), schema=EVENTS)


def day(*events: dict[str, object], features: FeatureSet = "docs") -> dict[str, float]:
    """Return the features of one day that are not zero."""
    row = build(frame(events), features, ("dtaa.com", "x.dtaa.com")).drop("user", "day", *HOURS)
    return {name: round(value, 4) for name, value in row.row(0, named=True).items() if value}


def test_docs_features_are_counted_as_the_page_says() -> None:
    assert day(event("logon", 6.9), event("logon", 18.9), event("logon", 19), event("logoff", 20)) == {
        "logon_count": 4,
        "after_hours_logon": 2,
    }
    assert day(event("logon", 24 + 9)) == {"logon_count": 1, "weekend_logon": 1}
    files = [event("file_copy", object=name) for name in ("A.EXE", "b.zip", "c.doc")]
    assert day(*files) == {"file_access_count": 3, "file_exe_count": 1, "file_zip_count": 1}
    assert day(event("connect"), event("disconnect")) == {"device_connect": 1}
    assert day(event("http_visit"), event("http_upload", size=2_000_000), event("http_upload")) == {
        "http_requests": 3,
        "http_upload_volume": 3,
    }


def test_times_of_events_are_six_features_of_the_day() -> None:
    hours = (9.0, 9.5, 9.75, 17.0)
    busy = [event("http_visit", at) for at in reversed(hours)]
    times = build_times(frame([*busy, event("logon", 30.0), event("logon", 9.0, user="bob")]))
    assert times.select("user", pl.col("day").dt.day()).rows() == [("ann", 12), ("ann", 13), ("bob", 12)]
    row = times.row(0, named=True)
    gaps = np.diff(hours)
    assert row["peak_hour"] == 9
    assert row["hour_spread"] == pytest.approx(np.std(hours))
    assert row["burstiness"] == pytest.approx((gaps.std() - gaps.mean()) / (gaps.std() + gaps.mean()))
    assert row["gap_entropy"] == pytest.approx(-(np.log(2 / 3) * 2 / 3 + np.log(1 / 3) / 3))
    dial = np.exp(2j * np.pi * np.array(hours) / 24)
    assert row["circadian_strength"] == pytest.approx(abs(dial.mean()))
    assert times.row(1, named=True)["hour_spread"] == 0


def test_times_follow_the_counted_features_and_take_no_logarithm(store: Path) -> None:
    view = Trajectories(store, SPLIT, times=True, log=True)
    view.prepare_data()
    view.setup("fit")
    days = pl.read_parquet(view.path)
    assert view.columns == (*SETS["docs"].names, *TIMES)
    assert view.company.values.isfinite().all()
    burstiness = view.company.values[..., view.columns.index("burstiness")][view.company.active]
    assert burstiness.numpy() == pytest.approx(days["burstiness"].to_numpy())
    assert Trajectories(store, SPLIT).settings == {"features": "docs"}


def test_mail_is_external_by_any_recipient_and_company_domain() -> None:
    inside = event("email_send", object="Bob@DTAA.com;eve@x.dtaa.com", size=500, attachments=0)
    copied = event("email_send", object="bob@dtaa.com;;eve@evil.com", size=1_500_000, attachments=2)
    fake = event("email_send", object="bob@dtaa.com.evil.net", size=100, attachments=0)
    assert day(inside, copied, fake) == {"email_sent": 3, "email_external": 2, "email_attachment_size": 1.5}


def test_notebook_features_are_counted_as_the_notebook_says() -> None:
    mail = event("email_send", 20, object="bob@dtaa.com;eve@evil.com;;joe@evil.com", pc="PC-9")
    result = day(event("logon"), event("logoff", pc="PC-2"), event("file_copy"), mail, features="notebook")
    assert result == {
        "n_logons": 1,
        "n_logoffs": 1,
        "n_files": 1,
        "n_emails_sent": 1,
        "after_hours_ratio": 0.25,
        "unique_pcs": 2,
        "email_external_ratio": 0.5,
    }


def test_mail_is_received_by_address_not_by_user_id() -> None:
    boxes = pl.DataFrame({"address": ["bob.b@dtaa.com", "ann.a@dtaa.com"], "user": ["bob", "ann"]})
    mails = [
        event("email_send", object="Bob.B@dtaa.com;bob.b@dtaa.com;;ann.a@dtaa.com"),
        event("email_send", object="bob@dtaa.com"),
    ]
    assert count_received(frame(mails), boxes).rows() == [
        ("ann", FRIDAY.date(), 1.0),
        ("bob", FRIDAY.date(), 1.0),
    ]


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    """In 2010 an hour after 2 of Sunday 14 March did not exist, and one after 1 of 7 November came twice."""
    spring = frame([event("logon", 48 + 1.5), event("logoff", 48 + 3.5)])
    row = build(spring, "docs", ["dtaa.com"]).row(0, named=True)
    assert (row["day"], row["h01"], row["h02"], row["h03"]) == (date(2010, 3, 14), 1, 0, 1)
    autumn = 24 * (date(2010, 11, 7) - FRIDAY.date()).days + 1.5
    assert build(frame([event("logon", autumn), event("logoff", autumn)]), "docs", ["dtaa.com"])[
        "h01"
    ].to_list() == [2]


def test_midnight_begins_a_day() -> None:
    days = build(frame([event("logon", 23.99), event("logoff", 24)]), "docs", ["dtaa.com"])
    assert days["day"].to_list() == [date(2010, 3, 12), date(2010, 3, 13)]


def test_every_day_from_the_first_to_the_last_is_a_unit() -> None:
    days = pl.DataFrame(
        {"user": ["b", "a", "a"], "day": [date(2010, 1, 5), date(2010, 1, 2), date(2010, 1, 4)]}
    )
    units = spans(days)
    assert units.select("user", pl.col("start").dt.day()).rows() == [("a", 2), ("a", 3), ("a", 4), ("b", 5)]
    assert (units["end"] - units["start"]).unique().to_list() == [timedelta(days=1)]


def test_a_feature_that_never_varies_has_scale_1() -> None:
    values = torch.zeros(2, 8, 3)
    values[..., 0] = torch.arange(16.0).view(2, 8)
    values[0, 0, 1] = 4.0
    mask = torch.ones(2, 8, dtype=torch.bool)
    centre, scale = moments(values, mask, "robust")
    assert centre.tolist() == [7.5, 0, 0]
    assert scale[0].item() == pytest.approx(7.5 / 1.349)
    assert scale[1].item() == pytest.approx(values[..., 1].std(correction=0).item())  # seldom: no range
    assert scale[2] == 1
    with pytest.raises(InputError, match="no activity"):
        moments(values, ~mask, "plain")


@pytest.fixture(scope="module")
def view(store: Path) -> Trajectories:
    """Return the view of the small slice, fitted."""
    result = Trajectories(store, SPLIT, scaling="robust", log=True)
    result.prepare_data()
    result.setup("fit")
    return result


def test_the_grid_holds_what_was_counted(view: Trajectories) -> None:
    batch = view.batch("val", "test", context=True)
    days = pl.read_parquet(view.path)
    unscaled = batch.values * view.fitted["scale"] + view.fitted["centre"]
    assert int(batch.active.sum()) == len(days)
    users = sorted(days["user"].unique())
    for row in days.sample(20, seed=0).iter_rows(named=True):
        at = users.index(row["user"]), (row["day"] - date(1970, 1, 1)).days - int(batch.day[0])
        expected = torch.tensor([row[name] for name in SETS["docs"].names]).log1p()
        torch.testing.assert_close(unscaled[at], expected, atol=1e-5, rtol=1e-4)
        assert batch.hours[at].tolist() == [row[name] for name in HOURS]


def test_counts_are_standardised_as_they_are(store: Path) -> None:
    view = Trajectories(store, SPLIT)
    view.prepare_data()
    view.setup("fit")
    batch, days = view.batch("train", context=False), pl.read_parquet(view.path)
    train = days.filter(pl.col("day") < date(2010, 2, 20)).select(SETS["docs"].names).to_numpy()
    assert view.fitted["centre"].numpy() == pytest.approx(train.mean(axis=0), rel=1e-4)
    assert batch.values[batch.active].mean(dim=0).abs().max() < 1e-4


def test_units_are_named_once_and_know_their_user_and_day(view: Trajectories) -> None:
    batch = view.batch("val", "test", context=True)
    result = view.units[batch.name_scores(torch.zeros_like(batch.label)).unit.numpy()]
    assert result.select("user", "start").is_unique().all()
    assert set(result["part"]) == {"val", "test"}
    assert len(result) == view.units["part"].is_in(["val", "test"]).sum()
    user, column = batch.is_scored.nonzero()[100].tolist()
    unit = view.units.row(int(batch.unit[user, column]), named=True)
    assert unit["user"] == sorted(view.units["user"].unique())[user]
    assert (unit["start"].date() - date(1970, 1, 1)).days == batch.day[column]


def test_training_sees_training_days_only(view: Trajectories) -> None:
    batch = view.batch("train", context=False)
    assert int(batch.day[-1]) < (date(2010, 2, 20) - date(1970, 1, 1)).days
    assert not (batch.active & ~batch.is_scored).any()
    active_values = batch.values[batch.active]
    assert active_values.median(dim=0).values.abs().max() < 1e-5


def test_moments_do_not_know_later_days(store: Path, view: Trajectories) -> None:
    split = Dates(val_from=date(2010, 2, 20), test_from=date(2010, 2, 22))
    shorter = Trajectories(store, split, scaling="robust", log=True)
    shorter.prepare_data()
    shorter.setup("fit")
    assert all((shorter.fitted[name] == view.fitted[name]).all() for name in ("centre", "scale"))


def test_labels_reach_a_batch_only_where_they_are_shown(store: Path, view: Trajectories) -> None:
    assert view.batch("val", context=True).label.isnan().all()
    labelled_view = Trajectories(store, Dates(date(2010, 2, 20), date(2010, 3, 1), shown=["val"]))
    labelled_view.prepare_data()
    labelled_view.setup("fit")
    batch = labelled_view.batch("val", context=True)
    assert not batch.label[batch.is_scored].isnan().any()
    assert batch.label[~batch.is_scored].isnan().all()
    assert labelled_view.batch("train", context=False).label.isnan().all()


def test_mail_received_is_there_with_people(store: Path) -> None:
    view = Trajectories(store, SPLIT, features="notebook", scaling="plain")
    view.prepare_data()
    days = pl.read_parquet(view.path)
    assert days["n_emails_received"].sum() > 0
    assert days.columns[3:15] == list(SETS["notebook"].names)
    assert len(SETS["notebook"].names) == len(SETS["docs"].names) == 12


@pytest.mark.slow  # each process imports all anew
def test_more_processes_build_the_same_view(store: Path, view: Trajectories, tmp_path: Path) -> None:
    before = view.path.read_bytes()
    view.folder.rename(tmp_path / "built")
    parallel = Trajectories(store, SPLIT, build_workers=2)
    parallel.prepare_data()
    assert parallel.path.read_bytes() == before
