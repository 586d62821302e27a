"""What the view of signals promises."""

from datetime import date, datetime, timedelta
from pathlib import Path

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
    daily_counts,
    decompose_days,
    every_day,
    moments_of,
    standardise,
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


def test_counts_are_deviations_from_what_is_usual_for_the_user() -> None:
    rows = {"user": ["ann"] * 3 + ["bob"] * 2, "day": [date(2010, 3, day) for day in (1, 2, 3, 1, 2)]}
    counts = pl.DataFrame(rows).with_columns(pl.lit(0.0).alias(name) for name in CHANNELS)
    counts = counts.with_columns(logon=pl.Series([0.0, 3.0, 0.0, 7.0, 7.0]))
    result = standardise(counts, moments_of(counts[:3]))
    logs = np.log1p([0.0, 3.0, 0.0])
    np.testing.assert_allclose(result[:3, 0], (logs - logs.mean()) / logs.std())
    np.testing.assert_allclose(result[3:, 0], (np.log1p(7.0) - logs.mean()) / logs.std())  # bob is unknown
    assert (result[:, 1:] == 0).all()


def test_standardised_counts_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that happen to lie side by side, as one alone always does, are not copied by themselves."""
    monkeypatch.setattr(features, "CHANNELS", ("logon",))
    counts = pl.DataFrame(
        {"user": ["ann"] * 2, "day": [date(2010, 3, 1), date(2010, 3, 2)], "logon": [0.0, 3.0]}
    )
    assert standardise(counts, moments_of(counts)).flags.writeable


def test_modes_of_the_whole_history_are_those_of_each_user_alone() -> None:
    values = np.random.default_rng(0).normal(size=(95, 3))
    lengths = np.array([40, 5, 40, 10])
    result = decompose_days(values, lengths, 3, None, 500.0, 1e-3)
    reference = mvmd(torch.from_numpy(values[:40].T.copy())[None], 3, tol=1e-3).modes[0]
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
    assert days.moments is not None
    values = standardise(days.counts, days.moments)
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


def test_moments_come_from_training_days_alone(store: Path, days: Signals) -> None:
    later = Signals(store, Dates(DATES[0], date(2010, 3, 22), shown=["train", "val"]), days=14)
    later.setup("fit")
    assert days.moments is not None
    assert later.moments is not None
    assert later.moments.equals(days.moments)


def test_what_was_fitted_travels(store: Path, days: Signals) -> None:
    other = Signals(store, Dates(*DATES), days=14)
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
    hidden.setup("fit")
    with pytest.raises(InputError, match="that the split shows"):
        hidden.train_dataloader()


@pytest.mark.parametrize("settings", [{"modes": -1}, {"behaviours": 0}, {"modes": 5, "days": 9}])
def test_numbers_out_of_range_are_refused(store: Path, settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="modes must be"):
        Signals(store, Dates(*DATES), **settings)  # type: ignore[arg-type]
