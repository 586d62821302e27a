"""What the comparison with a plain count promises."""

import numpy as np
import polars as pl

from itd_lightning.audits.counting import compare_with_count
from itd_lightning.evaluation.baselines import counts_within
from itd_lightning.metrics.ranking import rank
from tests.audits.handmade_days import days_of_ten_users


def test_a_method_that_only_counts_is_not_better_than_counting() -> None:
    unit = days_of_ten_users(400)
    malicious, user = unit["malicious"].to_numpy(), unit["user"].to_numpy()
    ours = rank(unit["score"].to_numpy(), malicious, user)
    plain = rank(np.random.default_rng(0).random(400), malicious, user)
    assert compare_with_count(ours, plain, "active_hours", seed=0).passed is True
    assert compare_with_count(plain, plain, "events", seed=0).passed is False


def test_events_are_counted_from_the_start_of_a_unit_and_up_to_its_end() -> None:
    unit = days_of_ten_users(3).with_columns(user=pl.lit("u"))
    times = pl.DataFrame(
        {
            "user": ["u", "u", "u", "v"],
            "time": [*unit["start"].to_list()[:2], unit["end"][1], unit["start"][0]],
        }
    )
    assert counts_within(unit, times).tolist() == [1, 1, 1]
