"""What the windows view promises."""

import json
import pickle
import shutil
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.contracts.scores import UNITS
from itd_lightning.events.mail import CERT_DOMAINS
from itd_lightning.executors import Place
from itd_lightning.numerics.history import OwnHistory
from itd_lightning.sources.cert.logs import check_header, parse_rows, split_fields
from itd_lightning.sources.cert.releases import find_release
from itd_lightning.splits import Campaigns, Dates, Split
from itd_lightning.store.read import Store
from itd_lightning.views import Windows
from itd_lightning.views.base import EpochShuffle
from itd_lightning.views.windows import build as windows
from itd_lightning.views.windows.dataset import WindowDataset, own_moments
from itd_lightning.views.windows.features import FEATURES, build, calendar_starts, cut, moments

MONDAY = datetime(2010, 3, 1)
NAMES = list(FEATURES)
# Trains on 1-4 March, validates on the 5th and 6th.
SPLIT = Dates(val_from=date(2010, 3, 5), test_from=date(2010, 3, 7))


def event(
    kind: str, time: str = "03-01 09:00:00", user: str = "ann", **columns: str | None
) -> dict[str, object]:
    """Return one event of 2010; the rest is null."""
    moment = datetime.strptime(f"2010-{time}", "%Y-%m-%d %H:%M:%S")
    return {**dict.fromkeys(EVENTS), "user": user, "time": moment, "kind": kind, "pc": "PC-1", **columns}


def frame(events: Iterable[dict[str, object]]) -> pl.DataFrame:
    """Return the events as a shard holds them."""
    return pl.DataFrame(list(events), schema=EVENTS)


def hour(*events: dict[str, object]) -> dict[str, int]:
    """Return the features of one hour that are not zero."""
    row = build(frame(events), CERT_DOMAINS).drop("user", "hour").row(0, named=True)
    return {name: count for name, count in row.items() if count}


def write_store(folder: Path, shards: list[list[dict[str, object]]], fingerprint: str = "abc") -> Path:
    """Write a store of these shards, without a key."""
    for number, events in enumerate(shards):
        target = folder / "events" / f"shard={number:03d}"
        target.mkdir(parents=True)
        frame(events).write_parquet(target / "events.parquet")
    manifest = {"schema": 3, "fingerprint": fingerprint, "options": {"shards": len(shards)}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def daily(user: str, days: Iterable[int], times: int = 1) -> list[dict[str, object]]:
    """Return a logon at nine and ``times`` visits at ten on these days of March."""
    return [
        made
        for day in days
        for made in [
            event("logon", f"03-{day:02d} 09:00:00", user),
            *[event("http_visit", f"03-{day:02d} 10:00:00", user, object="http://a.org/")] * times,
        ]
    ]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a store of two users in two shards, ten days of March each."""
    return write_store(tmp_path / "small", [daily("bob", range(1, 11)), daily("ann", range(1, 11), times=2)])


def ready(store: Path, split: Split, stage: str = "fit", hours: int = 24, batch_size: int = 32) -> Windows:
    """Return a view that is set up."""
    view = Windows(store, split, hours, batch_size=batch_size)
    view.prepare_data()
    view.setup(stage)
    return view


# Features


def test_the_features_are_the_twelve_of_the_paper_in_its_order() -> None:
    assert NAMES == [
        "logon_count",
        "logoff_count",
        "after_hours_logon",
        "unique_pcs",
        "device_connect",
        "device_disconnect",
        "http_count",
        "unique_urls",
        "email_sent",
        "email_internal",
        "email_external",
        "file_ops",
    ]


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        ("logon", {"logon_count": 1, "unique_pcs": 1}),
        ("logoff", {"logoff_count": 1, "unique_pcs": 1}),
        ("connect", {"device_connect": 1}),
        ("disconnect", {"device_disconnect": 1}),
        ("file_copy", {"file_ops": 1}),
        ("file_open", {}),
        ("email_view", {}),
        ("other", {}),
    ],
)
def test_each_kind_of_event_counts_in_its_features(kind: str, counted: dict[str, int]) -> None:
    assert hour(event(kind)) == counted


@pytest.mark.parametrize(
    ("time", "after_hours"),
    [("00:00:00", 1), ("07:59:59", 1), ("08:00:00", 0), ("16:59:59", 0), ("17:00:00", 1), ("23:59:59", 1)],
)
@pytest.mark.parametrize("day", ["03-01", "03-06"])  # a Monday and a Saturday: there is no weekend rule
def test_a_logon_before_eight_or_from_five_is_after_hours(day: str, time: str, after_hours: int) -> None:
    assert hour(event("logon", f"{day} {time}")).get("after_hours_logon", 0) == after_hours
    assert "after_hours_logon" not in hour(event("logoff", f"{day} {time}"))


def test_pcs_are_counted_once_and_only_those_of_logons_and_logoffs() -> None:
    events = [event("logon"), event("logoff"), event("logon", pc="PC-2"), event("connect", pc="PC-3")]
    assert hour(*events)["unique_pcs"] == 2


def test_a_visit_without_a_url_is_a_visit_to_no_url() -> None:
    assert hour(event("http_visit", object=None)) == {"http_count": 1}


def test_urls_are_counted_once_by_their_full_text() -> None:
    pages = ["http://a.org/x", "http://a.org/x", "http://a.org/y", "http://A.org/x"]
    result = hour(*(event("http_visit", object=page) for page in pages), event("file_copy", object="A.doc"))
    assert (result["http_count"], result["unique_urls"], result["file_ops"]) == (4, 3, 1)


@pytest.mark.parametrize(
    ("recipients", "internal", "external"),
    [
        ("ann.b.c@dtaa.com", 1, 0),
        ("x@gmail.com", 0, 1),
        ("ann.b.c@dtaa.com;x@gmail.com", 1, 1),
        ("x@gmail.com;ann.b.c@dtaa.com", 1, 1),
        ("ann.b.c@dtaa.com;bob.b.c@dtaa.com", 1, 0),
        ("ANN.B.C@DTAA.COM", 1, 0),
        ("ann@dta.com", 0, 1),
        (None, 0, 0),
    ],
)
def test_a_message_is_internal_external_or_both(recipients: str | None, internal: int, external: int) -> None:
    result = hour({**event("email_send"), "object": recipients})
    assert result["email_sent"] == 1
    assert (result.get("email_internal", 0), result.get("email_external", 0)) == (internal, external)


def test_an_address_outside_of_a_message_counts_as_no_mail() -> None:
    assert hour(event("http_visit", object="http://x@dtaa.com")) == {"http_count": 1, "unique_urls": 1}


def test_only_direct_recipients_make_a_message_internal_or_external(tmp_path: Path) -> None:
    (tmp_path / "email.csv").write_text(
        "id,date,user,pc,to,cc,bcc,from,size,attachments,content\n"
        "{1},03/01/2010 09:00:00,ann,PC-1,b@dtaa.com,,x@gmail.com,a@dtaa.com,1,0,w\n"
        "{2},03/01/2010 10:00:00,ann,PC-1,x@gmail.com,b@dtaa.com,,a@dtaa.com,1,0,w\n"
    )
    log = find_release("r4.2").logs[3]
    header, _, text = (tmp_path / "email.csv").read_bytes().partition(b"\n")
    names = check_header(header, tmp_path / "email.csv", log.columns)
    rows, _ = parse_rows(split_fields(text, names, log, 2).rows, log, datetime(2026, 1, 1))
    cells = build(rows.drop("line"), CERT_DOMAINS)
    assert cells.select("email_sent", "email_internal", "email_external").rows() == [(1, 1, 0), (1, 0, 1)]


def test_hours_are_counted_by_user_and_silent_ones_left_out() -> None:
    times = ["03-01 09:59:59", "03-01 10:00:00", "03-01 09:00:00", "03-02 09:00:00"]
    cells = build(
        frame([event("logon", "03-01 09:30:00", "bob"), *(event("logon", time) for time in times)]),
        CERT_DOMAINS,
    )
    assert cells.select("user", "hour", "logon_count").rows() == [
        ("ann", datetime(2010, 3, 1, 9), 2),
        ("ann", datetime(2010, 3, 1, 10), 1),
        ("ann", datetime(2010, 3, 2, 9), 1),
        ("bob", datetime(2010, 3, 1, 9), 1),
    ]


# Where windows start, and what they hold


@pytest.mark.parametrize(
    ("hours", "starts"),
    [
        (12, ["03-01 12", "03-02 00", "03-02 12", "03-03 00"]),
        (24, ["03-01 00", "03-02 00", "03-03 00"]),
        (48, ["02-28 00", "03-02 00"]),
    ],
)
def test_calendar_windows_start_at_midnight_or_noon_and_cover_all_active_hours(
    hours: int, starts: list[str]
) -> None:
    spans = pl.DataFrame(
        {
            "user": ["bob", "ann"],
            "first": [datetime(2010, 3, 1, 13), datetime(2010, 3, 1, 23)],
            "last": [datetime(2010, 3, 3), datetime(2010, 3, 3, 11)],
        }
    )
    result = calendar_starts(spans, hours)
    for user in ("ann", "bob"):
        user_starts = result.filter(pl.col("user") == user)["start"]
        assert user_starts.dt.strftime("%m-%d %H").to_list() == starts
    assert result["user"].is_sorted()


def test_a_window_holds_the_counts_of_its_own_hours_and_user() -> None:
    events = [
        event("logon", "02-28 23:59:59"),  # before the first window
        event("logon", "03-01 00:00:00"),
        event("logon", "03-01 23:59:59"),
        event("connect", "03-01 23:30:00"),
        event("logon", "03-02 05:00:00"),
        event("logon", "03-05 05:00:00"),  # in no window
        event("logoff", "03-02 07:00:00", "bob"),  # in a window of ann's, before his own
        event("logoff", "03-03 07:00:00", "bob"),
        event("logon", "03-01 07:00:00", "eve"),  # a user without windows
    ]
    starts = pl.DataFrame(
        {"user": ["ann", "ann", "bob"], "start": [MONDAY + timedelta(days=day) for day in range(3)]}
    )
    counts = cut(build(frame(events), CERT_DOMAINS), starts, hours=24)
    assert counts.shape == (3, 24, 12)
    assert {tuple(map(int, cell)): int(counts[tuple(cell)]) for cell in np.argwhere(counts)} == {
        (0, 0, NAMES.index("logon_count")): 1,
        (0, 0, NAMES.index("after_hours_logon")): 1,
        (0, 0, NAMES.index("unique_pcs")): 1,
        (0, 23, NAMES.index("logon_count")): 1,
        (0, 23, NAMES.index("after_hours_logon")): 1,
        (0, 23, NAMES.index("unique_pcs")): 1,
        (0, 23, NAMES.index("device_connect")): 1,
        (1, 5, NAMES.index("logon_count")): 1,
        (1, 5, NAMES.index("after_hours_logon")): 1,
        (1, 5, NAMES.index("unique_pcs")): 1,
        (2, 7, NAMES.index("logoff_count")): 1,
        (2, 7, NAMES.index("unique_pcs")): 1,
    }


@pytest.mark.parametrize(("day", "counted"), [(1, 2), (2, 0), (3, 0)])
def test_what_happens_before_the_first_window_or_after_the_last_is_left_out(day: int, counted: int) -> None:
    starts = pl.DataFrame({"user": ["ann"], "start": [datetime(2010, 3, day)]})
    events = [event("connect", "02-28 05:00:00"), *[event("connect", "03-01 05:00:00")] * 2]
    assert cut(build(frame(events), CERT_DOMAINS), starts, hours=24).sum() == counted


@pytest.mark.parametrize("minutes", [5, 30, 59])
def test_a_window_off_the_hour_is_empty(minutes: int) -> None:
    cells = build(frame(daily("ann", range(1, 5))), CERT_DOMAINS)
    starts = pl.DataFrame({"user": ["ann"], "start": [MONDAY + timedelta(minutes=minutes)]})
    assert not cut(cells, starts, hours=24).any()
    assert cut(cells, starts.with_columns(start=pl.lit(MONDAY)), hours=24).any()


@pytest.mark.parametrize("events", [[], daily("bob", [1])])
def test_windows_of_users_without_events_are_empty(events: list[dict[str, object]]) -> None:
    starts = pl.DataFrame({"user": ["ann"], "start": [MONDAY]})
    assert cut(build(frame(events), CERT_DOMAINS), starts, hours=12).shape == (1, 12, 12)
    assert not cut(build(frame(events), CERT_DOMAINS), starts, hours=12).any()


def test_no_event_is_lost_or_counted_twice_by_calendar_windows(store: Path) -> None:
    view = Windows(store, SPLIT)
    view.prepare_data()
    view.setup("predict")
    logs = Store(store).manifest["logs"]
    totals = dict(zip(NAMES, view.counts.sum(axis=(0, 1)).tolist(), strict=True))
    assert totals["logon_count"] + totals["logoff_count"] == logs["logon"]["kept"]
    assert totals["device_connect"] + totals["device_disconnect"] == logs["device"]["kept"]
    assert (totals["http_count"], totals["email_sent"], totals["file_ops"]) == (
        logs["http"]["kept"],
        logs["email"]["kept"],
        logs["file"]["kept"],
    )
    assert (view.units["start"].dt.time() == datetime.min.time()).all()


@pytest.mark.parametrize(("hours", "anchored", "after"), [(12, 19, 14), (24, 10, 7), (48, 5, 3)])
def test_published_windows_after_the_attack_are_all_empty_and_the_others_full(
    hours: int, anchored: int, after: int, tmp_path: Path
) -> None:
    events = [
        event("connect", f"03-{day:02d} {hour:02d}:30:00") for day in range(1, 32) for hour in range(24)
    ]
    write_store(tmp_path, [events])
    (tmp_path / "answers").mkdir()
    campaign = ("ann", 1, datetime(2010, 3, 15, 10, 20, 30), datetime(2010, 3, 17, 12, 5))
    pl.DataFrame([campaign], schema=["user", "scenario", "start", "end"], orient="row").write_parquet(
        tmp_path / "answers" / "campaigns.parquet"
    )
    names = ["insider", "user", "scenario", "time", "event_id", "found_by"]
    pl.DataFrame([("ann", "ann", 1, campaign[2], "x", "id")], schema=names, orient="row").write_parquet(
        tmp_path / "answers" / "malicious.parquet"
    )
    view = Windows(tmp_path, Campaigns(), hours, align="published")
    view.prepare_data()
    view.setup("fit")
    active = (view.counts > 0).sum(axis=(1, 2)).tolist()
    assert active == [hours] * anchored + [0] * after


# Moments


def test_moments_are_taken_over_all_cells_and_a_constant_feature_gets_deviation_one() -> None:
    counts = np.array([[[0, 3, 5], [4, 3, 5]], [[0, 3, 5], [4, 7, 5]]], dtype=np.int32)
    mean, std = moments(counts, np.arange(len(counts)))
    assert mean.tolist() == [2, 4, 5]
    assert std.tolist() == pytest.approx([2, 3**0.5, 1])


def test_own_moments_are_those_of_the_cells_of_the_users_earlier_windows() -> None:
    counts = np.random.default_rng(0).poisson(0.3, (60, 4, 12))
    user, weekend = np.repeat([0, 1], 30), np.zeros(60, dtype=bool)
    usual = (torch.full((12,), 0.5), torch.ones(12))
    mean, std = own_moments(counts, user, weekend, usual, OwnHistory(horizon=10, warm_up=5))
    assert mean[[0, 30]].tolist() == [[0.5] * 12] * 2  # nobody's first window has a history
    for window in (29, 45, 59):
        earlier = counts[max(window - 10, 30 * (window // 30)) : window].reshape(-1, 12)
        np.testing.assert_allclose(mean[window], earlier.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(std[window], np.maximum(earlier.std(axis=0), 0.1), rtol=1e-5)
    later = counts.copy()
    later[20:30] += 9
    for before, after in zip(
        (mean, std), own_moments(later, user, weekend, usual, OwnHistory(horizon=10, warm_up=5)), strict=True
    ):
        assert torch.equal(before[:21], after[:21])
        assert torch.equal(before[30:], after[30:])


def test_a_window_is_measured_by_the_users_own_earlier_ones_on_request(small: Path) -> None:
    view = Windows(small, SPLIT, history="own", own=OwnHistory(warm_up=1, weekends_apart=False))
    view.prepare_data()
    view.setup("fit")
    rows = view.rows("val", "test")
    assert rows.mean.shape == (len(view.units), 12)
    assert not torch.equal(rows.mean, ready(small, SPLIT).rows("val", "test").mean)


def test_a_training_part_without_activity_is_refused(small: Path) -> None:
    with pytest.raises(InputError, match="the training part holds no activity"):
        moments(np.zeros((3, 24, 12), dtype=np.int32), np.arange(3))
    with pytest.raises(InputError, match="leaves no training unit"):
        ready(small, Dates(val_from=date(2010, 2, 1), test_from=date(2010, 2, 2)))


@pytest.mark.parametrize(("day", "same"), [(1, False), (4, False), (5, True), (7, True), (10, True)])
def test_the_moments_come_from_training_windows_only(
    day: int, same: bool, small: Path, tmp_path: Path
) -> None:
    events = [*daily("ann", range(1, 11), times=2), *daily("ann", [day] * 50)]
    changed_store = write_store(tmp_path / "changed", [daily("bob", range(1, 11)), events])
    before, after = ready(small, SPLIT).fitted, ready(changed_store, SPLIT).fitted
    assert all(torch.equal(before[name], after[name]) for name in ("mean", "std")) == same


def test_the_moments_of_a_known_store_are_known(small: Path) -> None:
    fitted = ready(small, SPLIT).fitted
    # Eight user-days of 24 hours, one logon each; bob has one visit a day, ann two.
    assert fitted["mean"][NAMES.index("logon_count")] == pytest.approx(1 / 24)
    assert fitted["mean"][NAMES.index("http_count")] == pytest.approx(1.5 / 24)
    assert fitted["std"][NAMES.index("http_count")] == pytest.approx((2.5 / 24 - (1.5 / 24) ** 2) ** 0.5)
    assert fitted["std"][NAMES.index("file_ops")] == 1


def test_testing_keeps_the_moments_of_the_checkpoint(small: Path) -> None:
    view = Windows(small, SPLIT)
    view.load_state_dict({"mean": torch.full((12,), 3.0), "std": torch.full((12,), 2.0)})
    view.prepare_data()
    view.setup("test")
    batch = next(iter(view.test_dataloader()))
    torch.testing.assert_close(batch.values, (torch.from_numpy(view.counts[batch.unit]) - 3) / 2)
    assert view.state_dict()["mean"].tolist() == [3] * 12


def test_the_mask_says_what_happened_and_silent_hours_have_a_value_of_their_own(small: Path) -> None:
    view = ready(small, SPLIT)
    batch = val_batches(view)[0]
    assert torch.equal(batch.mask, torch.from_numpy(view.counts[batch.unit] > 0))
    mean, std = view.fitted["mean"], view.fitted["std"]
    torch.testing.assert_close(batch.values[0, 0], -mean / std)
    assert batch.mask.sum(dim=(1, 2)).tolist() == [4] * 4  # logon, its PC, visits, their URL


# Batches


def val_batches(view: Windows) -> list[WindowBatch]:
    """Return the validation batches of a view."""
    loader = view.val_dataloader()
    assert isinstance(loader, DataLoader)
    return list(loader)


def links(batches: Iterable[WindowBatch]) -> tuple[set[tuple[int, int]], set[int], int]:
    """Return the pairs of the batches, the windows in no pair, and the number of rows."""
    pairs, seen, rows = set(), set(), 0
    for batch in batches:
        seen |= set(batch.unit.tolist())
        rows += len(batch.unit)
        at = batch.following
        pairs |= {(int(batch.unit[row]), int(batch.unit[at[row]])) for row in range(len(at)) if at[row] >= 0}
    return pairs, seen - {unit for pair in pairs for unit in pair}, rows


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_training_links_consecutive_windows_of_a_user_and_isolated_ones_stand_alone(
    batch_size: int, small: Path
) -> None:
    parts = {
        "ann": {1: "train", 2: "train", 3: "train", 4: "val", 5: "train", 7: "train", 8: "train"},
        "bob": {9: "train", 10: "test", 11: "train"},  # the 9th begins where ann's 8th ends
    }
    rows = [
        (user, datetime(2010, 3, day), datetime(2010, 3, day + 1), part)
        for user, days in parts.items()
        for day, part in days.items()
    ]
    view = Windows(small, SPLIT, batch_size=batch_size)
    view.units = pl.DataFrame(rows, schema=UNITS, orient="row")
    view.counts = np.ones((10, 24, 12), dtype=np.int32)
    view.fitted = {"mean": torch.zeros(12), "std": torch.ones(12)}
    pairs, alone, drawn = links(view.train_dataloader())
    assert pairs == {(0, 1), (1, 2), (5, 6)}
    assert alone == {4, 7, 9}
    assert drawn == 2 * 3 + 3


def test_every_training_window_trains_and_none_of_another_part(store: Path) -> None:
    view = ready(store, Campaigns())
    pairs, alone, _ = links(view.train_dataloader())
    assert sorted({unit for pair in pairs for unit in pair} | alone) == view.part("train").tolist()
    units = view.units
    for first, second in pairs:
        assert units["user"][first] == units["user"][second]
        assert units["end"][first] == units["start"][second]
    assert len(pairs) > 100
    assert not units["part"].is_in(["unused"]).any()


def test_validation_and_test_windows_come_in_order(small: Path) -> None:
    view = ready(small, SPLIT, batch_size=3)
    first = torch.cat([batch.unit for batch in val_batches(view)]).tolist()
    tested = torch.cat([batch.unit for batch in view.test_dataloader()]).tolist()
    assert first == view.part("val").tolist()
    assert len(first) == 4
    assert tested == sorted(tested) == view.part("val", "test").tolist()
    assert all((batch.following == -1).all() for batch in view.test_dataloader())
    assert view.units.select("user", "start").equals(view.units.select("user", "start").sort("user", "start"))


def test_a_split_without_validation_gives_no_validation_batches(store: Path) -> None:
    assert ready(store, Campaigns(val_share=0.0)).val_dataloader() == []


def test_prediction_takes_every_window_and_needs_no_key(small: Path) -> None:
    view = ready(small, Campaigns(), stage="predict")
    view.load_state_dict({"mean": torch.zeros(12), "std": torch.ones(12)})
    batches = list(view.predict_dataloader())
    assert torch.cat([batch.unit for batch in batches]).tolist() == list(range(20))
    assert set(view.units["part"]) == {"predict"}
    assert torch.equal(batches[0].values, batches[0].mask * torch.from_numpy(view.counts))


def test_prediction_without_moments_is_refused(small: Path) -> None:
    view = ready(small, SPLIT, stage="predict")
    with pytest.raises(InputError, match=r"fit first, or give a checkpoint with --ckpt_path"):
        view.predict_dataloader()


def test_an_epoch_has_one_order_and_another_epoch_or_seed_another() -> None:
    order = list(EpochShuffle(50, seed=3))
    assert sorted(order) == list(range(50))
    assert list(EpochShuffle(50, seed=3)) == order
    assert list(EpochShuffle(50, seed=4)) != order
    sampler = EpochShuffle(50, seed=3)
    sampler.set_epoch(1)
    later = list(sampler)
    assert sorted(later) == list(range(50))
    assert later != order
    sampler.set_epoch(0)
    assert list(sampler) == order
    assert len(sampler) == 50


def test_the_seed_decides_the_order_of_training(small: Path) -> None:
    orders = []
    for seed in (1, 1, 2):
        view = Windows(small, SPLIT, batch_size=2, seed=seed)
        view.prepare_data()
        view.setup("fit")
        orders.append([batch.unit.tolist() for batch in view.train_dataloader()])
    assert orders[0] == orders[1] != orders[2]


def test_a_dataset_survives_the_way_to_a_worker(small: Path) -> None:
    rows = ready(small, SPLIT).rows("train", "val")
    copy = pickle.loads(pickle.dumps(rows))
    assert isinstance(copy, WindowDataset)
    assert len(copy) == len(rows) == 12
    for user_starts, theirs in zip(rows[3], copy[3], strict=True):
        assert torch.equal(user_starts, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["fit", "test"])
def test_workers_do_not_change_the_batches(stage: str, small: Path) -> None:
    batches = []
    for workers in (0, 2):
        view = Windows(small, SPLIT, batch_size=3, num_workers=workers)
        view.prepare_data()
        view.setup("fit")
        batches.append(list(view.train_dataloader() if stage == "fit" else view.test_dataloader()))
    assert len(batches[0]) == len(batches[1]) > 1
    for user_starts, theirs in zip(*batches, strict=True):
        assert all(torch.equal(*columns) for columns in zip(user_starts, theirs, strict=True))


# What does not fit


def test_published_windows_need_the_split_by_campaign(small: Path) -> None:
    view = Windows(small, SPLIT, align="published")
    view.prepare_data()
    with pytest.raises(
        InputError, match="published windows start at known attacks and need the split `Campaigns`"
    ):
        view.setup("fit")


def test_published_windows_cannot_be_predicted(store: Path) -> None:
    view = Windows(store, Campaigns(), align="published")
    view.prepare_data()
    with pytest.raises(InputError, match="published windows start at known attacks; predict with"):
        view.setup("predict")


@pytest.mark.parametrize("hours", [0, 6, 36])
def test_only_lengths_of_the_paper_are_taken(hours: int, small: Path) -> None:
    with pytest.raises(ValueError, match=f"hours must be 12, 24 or 48, got {hours}"):
        Windows(small, SPLIT, hours)


def test_an_empty_batch_is_refused(small: Path) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        Windows(small, SPLIT, batch_size=0)


def test_a_missing_store_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no event store at"):
        Windows(tmp_path / "nowhere", SPLIT).prepare_data()
    assert list(tmp_path.iterdir()) == []


# The file of the built view


def built(store: Path) -> Path:
    """Build the view and return its file."""
    view = Windows(store, SPLIT)
    view.prepare_data()
    return view.cells_path


def test_a_built_view_is_used_again(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = built(small)
    before = file.stat()

    def fail(_: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(windows, "build", fail)
    assert built(small) == file
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_another_split_or_length_uses_the_same_file(small: Path) -> None:
    view = Windows(small, Campaigns(), hours=48, align="published", batch_size=1, seed=9)
    assert view.cells_path == built(small)


def test_another_store_goes_elsewhere(small: Path, tmp_path: Path) -> None:
    other = write_store(tmp_path / "other", [daily("bob", range(1, 11))], fingerprint="abd")
    files = [built(small), built(other)]
    assert files[0].parent.name != files[1].parent.name
    assert all(file.is_file() for file in files)


def test_a_build_that_fails_in_the_middle_leaves_no_file_under_the_final_name(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(_: pl.DataFrame, file: Path) -> None:
        file.write_bytes(b"PAR1")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", cut_off)
        with pytest.raises(OSError, match="disk full"):
            built(small)
    assert list(small.glob("views/*/cells.parquet")) == []
    assert len(pl.read_parquet(built(small))) == 40


def test_shards_do_not_change_the_cells(small: Path, tmp_path: Path) -> None:
    events = [*daily("ann", range(1, 11), times=2), *daily("bob", range(1, 11))]
    one = write_store(tmp_path / "one", [events, []])
    assert pl.read_parquet(built(one)).equals(pl.read_parquet(built(small)))


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "ray"])
def test_two_processes_and_ray_build_the_same_view(executor: Place, store: Path, tmp_path: Path) -> None:
    if executor == "ray":
        pytest.importorskip("ray")
    shutil.copytree(store, tmp_path / "store", ignore=shutil.ignore_patterns("views"))
    one, several = (
        Windows(folder, SPLIT, build_workers=workers, executor=executor)
        for folder, workers in ((store, 1), (tmp_path / "store", 2))
    )
    for view in (one, several):
        view.prepare_data()
    user_starts, theirs = (view.cells_path for view in (one, several))
    assert user_starts != theirs
    assert user_starts.read_bytes() == theirs.read_bytes()


def test_a_checkpoint_of_another_kind_of_history_is_refused(small: Path) -> None:
    own = Windows(small, SPLIT, history="own")
    own.prepare_data()
    own.setup("fit")
    with pytest.raises(InputError, match=r"was fitted with --data\.history own, and this view has everybody"):
        Windows(small, SPLIT).load_state_dict(own.state_dict())
    earlier = {name: values for name, values in own.state_dict().items() if name != "history"}
    Windows(small, SPLIT).load_state_dict(earlier)  # before there was another kind
