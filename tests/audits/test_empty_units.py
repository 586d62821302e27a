"""What the audit of empty units promises."""

import numpy as np
import polars as pl

from itd_lightning.audits.empty_units import judge_empty
from tests.audits.handmade_days import days_of_ten_users


def test_mostly_empty_negatives_fail() -> None:
    unit = days_of_ten_users(200)
    events = np.where(unit["malicious"].to_numpy(), 5.0, 0.0)
    assert judge_empty(unit, events, 1.0, by_hours=True).passed is None
    events[:50] = 5
    assert judge_empty(unit, events, 1.0, by_hours=True).passed is False
    assert judge_empty(unit, np.full(200, 5.0), 1.0, by_hours=True).passed is True


def test_windows_off_the_hour_are_counted_as_empty_by_construction() -> None:
    unit, events = pl.concat([days_of_ten_users(200), days_of_ten_users(100, minute=17)]), np.full(300, 5.0)
    audit = judge_empty(unit, events, 1.0, by_hours=True)
    assert audit.passed is False
    assert "off the hour" in audit.verdict
    assert judge_empty(unit, events, 1.0, by_hours=False).passed is True  # days that begin with an event
