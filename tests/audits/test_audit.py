"""What the audits promise: an artefact fails, an honest result passes, no answer stays open."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from itd_lightning.audits.audit import audit_empty, audit_null, audit_volume
from itd_lightning.evaluation.baselines import counts_within
from itd_lightning.metrics.ranking import rank


def result(pr_auc: float | None, low: float = 0.0, high: float = 1.0, base: float = 0.1) -> dict[str, Any]:
    """Return as much of an evaluation as the null attack reads."""
    return {
        "pr_auc": pr_auc,
        "base_rate": base,
        "intervals": {"pr_auc": (low, high)},
        "undefined": {"pr_auc": "no unit is malicious"},
    }


@pytest.mark.parametrize(
    ("null", "passed", "words"),
    [
        (result(0.54, 0.40, 0.70), False, "Does NOT fall to chance"),
        (result(0.12, 0.08, 0.20), True, "Falls to chance"),
        (result(0.30, 0.05, 0.60), None, "Not settled"),
        (result(None), None, "Not answered: no unit is malicious"),
        (None, None, "Not answered: left out"),
    ],
)
def test_the_null_attack_fails_what_finds_an_attack_where_there_is_none(
    null: dict[str, Any] | None, passed: bool | None, words: str
) -> None:
    audit = audit_null(result(0.7), null, "left out")
    assert audit.passed is passed
    assert words in audit.verdict


def units(count: int, minute: int = 0) -> pl.DataFrame:
    """Return as many user-days of ten users, every tenth malicious, the score equal to the label."""
    start = pl.datetime(2010, 3, 1, 0, minute) + pl.duration(days=pl.col("row"))
    frame = pl.DataFrame({"row": range(count)}).with_columns(
        user=pl.format("u{}", pl.col("row") % 10),
        start=start,
        end=start + pl.duration(days=1),
        malicious=pl.col("row") // 10 % 10 == pl.col("row") % 10,
    )
    return frame.with_columns(score=pl.col("malicious").cast(pl.Float64))


def test_mostly_empty_negatives_fail() -> None:
    unit = units(200)
    events = np.where(unit["malicious"].to_numpy(), 5.0, 0.0)
    assert audit_empty(unit, events, 1.0, by_hours=True).passed is None
    events[:50] = 5
    assert audit_empty(unit, events, 1.0, by_hours=True).passed is False
    assert audit_empty(unit, np.full(200, 5.0), 1.0, by_hours=True).passed is True


def test_windows_off_the_hour_are_counted_as_empty_by_construction() -> None:
    unit, events = pl.concat([units(200), units(100, minute=17)]), np.full(300, 5.0)
    audit = audit_empty(unit, events, 1.0, by_hours=True)
    assert audit.passed is False
    assert "off the hour" in audit.verdict
    assert audit_empty(unit, events, 1.0, by_hours=False).passed is True  # days that begin with an event


def test_a_method_that_only_counts_is_not_better_than_counting() -> None:
    unit = units(400)
    malicious, user = unit["malicious"].to_numpy(), unit["user"].to_numpy()
    ours = rank(unit["score"].to_numpy(), malicious, user)
    plain = rank(np.random.default_rng(0).random(400), malicious, user)
    assert audit_volume(ours, plain, "active_hours", seed=0).passed is True
    assert audit_volume(plain, plain, "events", seed=0).passed is False


def test_events_are_counted_from_the_start_of_a_unit_and_up_to_its_end() -> None:
    unit = units(3).with_columns(user=pl.lit("u"))
    times = pl.DataFrame(
        {
            "user": ["u", "u", "u", "v"],
            "time": [*unit["start"].to_list()[:2], unit["end"][1], unit["start"][0]],
        }
    )
    assert counts_within(unit, times).tolist() == [1, 1, 1]
