"""What the view of signals promises."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
import torch

from itd_lightning.contracts.errors import InputError
from itd_lightning.numerics.mvmd import mvmd
from itd_lightning.splits import Dates
from itd_lightning.views import Signals
from itd_lightning.views.resampling import smote_tomek
from itd_lightning.views.signals import features
from itd_lightning.views.signals.features import (
    CHANNELS,
    Counts,
    daily_counts,
    decompose_days,
    every_day,
    fit_usual,
    scale_counts,
)

DATES = (date(2010, 3, 1), date(2010, 3, 15))
MONDAY = datetime(2010, 3, 1, 10)


def view(store: Path, stage: str = "fit", **settings: object) -> Signals:
    """Return the view of the slice, set up, with short windows."""
    made = Signals(store, Dates(*DATES, shown=["train", "val"]), **{"days": 14, **settings})  # type: ignore[arg-type]
    made.prepare_data()
    made.setup(stage)
    return made


@pytest.fixture(scope="module")
def days(store: Path) -> Signals:
    """Return the user-days of the slice."""
    return view(store)


def test_kinds_are_counted_together() -> None:
    kinds = ["logon", "file_copy", "file_open", "email_send", "http_visit", "http_upload", "process"]
    rows = pl.DataFrame({"user": "ann", "time": MONDAY, "kind": kinds})
    expected = {
        "logon": 1,
        "file": 2,
        "email": 1,
        "http": 2,
        "other": 1,
        "logoff": 0,
        "connect": 0,
        "disconnect": 0,
    }
    assert daily_counts(rows).select(CHANNELS).row(0, named=True) == expected


def test_silent_days_hold_zeros_between_a_users_first_and_last() -> None:
    times = [MONDAY, MONDAY + timedelta(days=3), MONDAY + timedelta(days=9)]
    rows = pl.DataFrame({"user": ["ann", "ann", "bob"], "time": times, "kind": "logon"})
    result = every_day(daily_counts(rows))
    assert result["user"].to_list() == ["ann"] * 4 + ["bob"]
    assert result["logon"].to_list() == [1, 0, 0, 1, 1]


def made_up_counts(days: int = 120, users: Sequence[str] = ("ann", "bob")) -> pl.DataFrame:
    """Return daily counts of some users; on weekends nearly nothing happens."""
    draw = np.random.default_rng(3)
    first = date(2010, 3, 1)
    rows = [(user, first + timedelta(days=day)) for user in users for day in range(days)]
    mean = np.array([1.0 if day.weekday() < 5 else 0.05 for _, day in rows])[:, None]
    counts = draw.poisson(mean * np.arange(1, len(CHANNELS) + 1), (len(rows), len(CHANNELS)))
    keys = pl.DataFrame(rows, schema={"user": pl.String, "day": pl.Date}, orient="row")
    return keys.hstack(pl.DataFrame(counts.astype(float), schema=list(CHANNELS)))


@pytest.mark.parametrize("horizon", [0, 30])
def test_counts_are_deviations_from_the_users_earlier_working_days(horizon: int) -> None:
    counts = made_up_counts()
    usual = fit_usual(counts)
    result = scale_counts(counts, usual, "own_median", horizon)
    values, days = counts.select(CHANNELS).to_numpy()[:120], counts["day"].to_list()[:120]
    working = [place for place in range(120) if days[place].weekday() < 5 and values[place].any()]
    everyone = usual.select(f"{name}_median" for name in CHANNELS).to_numpy()[0]
    middle, spread = np.tile(everyone, (120, 1)), np.zeros((120, len(CHANNELS)))
    for place in range(120):
        earlier = [one for one in working if one < place][-horizon:]
        if len(earlier) >= 10:
            middle[place] = np.median(values[earlier], axis=0)
    for place in range(120):
        earlier = [one for one in working if one < place][-horizon:]
        spread[place] = usual.select(f"{name}_spread" for name in CHANNELS).to_numpy()[0]
        if len(earlier) >= 10:
            spread[place] = np.abs(values[earlier] - middle[earlier]).mean(axis=0)
    np.testing.assert_allclose(result[:120], np.clip((values - middle) / (spread + 1), -10, 10), atol=1e-9)


@pytest.mark.parametrize("kind", get_args(Counts))
def test_later_days_and_other_users_change_no_deviation(kind: Counts) -> None:
    counts = made_up_counts()
    usual = fit_usual(counts)
    before = scale_counts(counts, usual, kind, 60)
    changed = counts.with_columns(
        pl.when((pl.col("user") == "ann") & (pl.col("day") >= date(2010, 6, 1))).then(99.0)
        .otherwise(pl.col(name)).alias(name)
        for name in CHANNELS
    )  # fmt: skip
    after = scale_counts(changed, usual, kind, 60)
    is_later = ((counts["user"] == "ann") & (counts["day"] >= date(2010, 6, 1))).to_numpy()
    np.testing.assert_array_equal(before[~is_later], after[~is_later])
    assert (before[is_later] != after[is_later]).any()
    np.testing.assert_array_equal(scale_counts(counts[:50], usual, kind, 60), before[:50])


def test_a_users_first_days_are_measured_by_everybody() -> None:
    counts = made_up_counts(users=["eve"], days=3)
    usual = fit_usual(made_up_counts())
    logs = np.log1p(counts.select(CHANNELS).to_numpy())[:1]
    mean, std = (usual.select(f"{name}_{one}" for name in CHANNELS).to_numpy() for one in ("mean", "std"))
    first = scale_counts(counts, usual, "log_z", 60)[:1]
    np.testing.assert_allclose(first, (logs - mean) / (1.1 * std), rtol=1e-6)


def test_scaled_counts_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that happen to lie side by side, as one alone always does, are not copied by themselves."""
    monkeypatch.setattr(features, "CHANNELS", ("logon",))
    counts = pl.DataFrame(
        {"user": ["ann"] * 2, "day": [date(2010, 3, 1), date(2010, 3, 2)], "logon": [0.0, 3.0]}
    )
    assert scale_counts(counts, fit_usual(counts), "own_median", 60).flags.writeable


def test_modes_of_the_whole_history_are_those_of_each_user_alone() -> None:
    values = np.random.default_rng(0).normal(size=(95, 3))
    lengths = np.array([40, 5, 40, 10])
    result = decompose_days(values, lengths, 3, None, 500.0, 1e-3)
    reference = mvmd(torch.from_numpy(values[:40].T.copy())[None], 3, tol=1e-3, init="zero").modes[0]
    np.testing.assert_allclose(result[:40], reference.permute(2, 0, 1).numpy())
    assert (result[40:45] == 0).all()  # five days are too few for three modes
    assert result[85:].any()


def test_modes_of_a_trailing_window_know_nothing_of_later_days_or_other_users() -> None:
    values = np.random.default_rng(0).normal(size=(80, 2))
    result = decompose_days(values, np.array([50, 30]), 2, 14, 500.0, 1e-3)
    later_change = values.copy()
    later_change[40:50] += 5.0
    second = decompose_days(later_change, np.array([50, 30]), 2, 14, 500.0, 1e-3)
    np.testing.assert_array_equal(result[:40], second[:40])
    np.testing.assert_array_equal(result[50:], second[50:])
    assert not np.allclose(result[40:50], second[40:50])
    np.testing.assert_allclose(decompose_days(values[:50], np.array([50]), 2, 14, 500.0, 1e-3), result[:50])


def test_each_unit_has_its_counts_then_its_modes(days: Signals) -> None:
    rows = days.rows(days.part("train", "val", "test"))
    batch = rows.__getitems__(list(range(20)))
    assert batch.signals.shape == (20, len(CHANNELS) * 4)
    assert days.usual is not None
    values = scale_counts(days.counts, days.usual, "own_median", 60)
    place = days.counts.with_row_index("row").join(
        days.units[batch.unit.numpy()].select("user", day=pl.col("start").dt.date()), on=["user", "day"]
    )
    np.testing.assert_allclose(
        np.sort(batch.signals[:, 0]), np.sort(values[place["row"].to_numpy(), 0]), atol=1e-5
    )


def test_the_days_tokens_are_those_of_the_day(days: Signals) -> None:
    rows = days.rows(np.array([3, 8]))
    batch = rows.__getitems__([0, 1])
    for row, unit in enumerate((3, 8)):
        first, length = days.sequences.first[unit], days.sequences.length[unit]
        own_tokens = days.sequences.rows().tokens[first : first + length].long()
        assert torch.equal(batch.tokens[row, :length], own_tokens)


def test_a_day_of_20_000_behaviours_is_read_in_even_steps(days: Signals) -> None:
    rows = days.rows(np.array([0]))
    rows.tokens = torch.arange(20_000, dtype=torch.int16)
    rows.first, rows.length = np.array([0]), np.array([20_000])
    batch = rows.__getitems__([0])
    assert batch.lengths.tolist() == [256]
    assert batch.tokens[0, :3].tolist() == [0, 78, 156]
    assert batch.tokens[0, -1] == 19_921


def test_what_is_usual_for_everybody_comes_from_training_days_alone(store: Path, days: Signals) -> None:
    later = Signals(store, Dates(DATES[0], date(2010, 3, 22), shown=["train", "val"]), days=14)
    later.prepare_data()
    later.setup("fit")
    assert days.usual is not None
    assert later.usual is not None
    assert later.usual.equals(days.usual)


def test_what_was_fitted_travels(store: Path, days: Signals) -> None:
    other = Signals(store, Dates(*DATES), days=14)
    other.prepare_data()
    other.setup("test")
    other.load_state_dict(days.state_dict())
    units = other.part("test")
    here, there = (made.rows(units).__getitems__([0, 1, 2]) for made in (other, days))
    assert torch.equal(here.tokens, there.tokens)
    assert torch.equal(here.signals, there.signals)
    assert here.label.isnan().all()


def test_the_whole_window_says_what_it_leaks(store: Path) -> None:
    assert "later days" in Signals(store, Dates(*DATES), window="whole").leaks
    assert "later days" not in Signals(store, Dates(*DATES)).leaks
    assert "later days" not in Signals(store, Dates(*DATES), window="whole", modes=0).leaks


def test_made_up_days_lie_between_malicious_days_and_have_the_tokens_of_one() -> None:
    draw = np.random.default_rng(1)
    features, label = draw.normal(size=(200, 4)), np.zeros(200)
    label[:12] = 1
    features[:12] += 4.0
    result, kinds, source = smote_tomek(features, label, seed=0)
    assert (kinds == 1).sum() == pytest.approx(94, abs=3)
    assert (label[source] == kinds).all()
    second = smote_tomek(features, label, seed=0)
    np.testing.assert_array_equal(result, second[0])
    real = (result == features[source]).all(axis=1)
    assert real.sum() >= 190
    made = result[~real]
    low, high = features[:12].min(axis=0), features[:12].max(axis=0)
    assert ((made >= low) & (made <= high)).all()


def test_only_training_days_are_resampled_or_weighted(store: Path) -> None:
    made = view(store, imbalance="smote_tomek", modes=1)
    train = made.train_dataloader().dataset
    assert len(train) > len(made.part("train"))  # type: ignore[arg-type]
    assert len(made.val_dataloader().dataset) == len(made.part("val"))  # type: ignore[arg-type,union-attr]
    weighted = view(store, imbalance="weighted", modes=0).train_dataloader().dataset
    label, weight = weighted.label, weighted.weight  # type: ignore[attr-defined]
    assert weight[label == 1].sum() == pytest.approx((label == 0).sum())


def test_resampling_without_labels_is_refused(store: Path) -> None:
    hidden = Signals(store, Dates(*DATES), imbalance="weighted", modes=0)
    hidden.prepare_data()
    hidden.setup("fit")
    with pytest.raises(InputError, match="that the split shows"):
        hidden.train_dataloader()


@pytest.mark.parametrize(
    "settings", [{"modes": -1}, {"behaviours": 0}, {"modes": 5, "days": 9}, {"horizon": 10**9}]
)
def test_numbers_out_of_range_are_refused(store: Path, settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="modes must be at least 0, horizon from"):
        Signals(store, Dates(*DATES), **settings)  # type: ignore[arg-type]
