"""Which units are in warm-up."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from itd_lightning.contracts.history import WARM_UP_DAYS
from itd_lightning.numerics.history import OwnHistory
from itd_lightning.scores.warm_up import last_warm_up_days, mark_warm_up

FIRST = date(2010, 3, 1)


def active(user: str, *days: int) -> pl.DataFrame:
    """Return the active days of a user, counted from 1 March."""
    rows = [(user, FIRST + timedelta(days=day)) for day in days]
    return pl.DataFrame(rows, {"user": pl.String(), "day": pl.Date()}, orient="row")


def marks(presence: pl.DataFrame, user: str, *days: float) -> list[bool]:
    """Return the marks of units of a user that start on these days."""
    midnight = datetime(2010, 3, 1)
    units = pl.DataFrame({"user": user, "start": [midnight + timedelta(days=day) for day in days]})
    return mark_warm_up(units, last_warm_up_days(presence))["warm_up"].to_list()


def test_the_twentieth_active_day_is_the_last_in_warm_up() -> None:
    assert marks(active("ann", *range(30)), "ann", 0, 18, 19, 20, 29) == [True, True, True, False, False]


def test_only_active_days_count() -> None:
    every_second = active("ann", *range(0, 60, 2))
    assert marks(every_second, "ann", 20, 38, 39, 40) == [True, True, False, False]


def test_a_unit_counts_the_days_before_its_first_day_whatever_its_hour() -> None:
    assert marks(active("ann", *range(30)), "ann", 19.99, 20.0) == [True, False]


def test_users_do_not_share_days_and_one_who_was_never_there_is_in_warm_up() -> None:
    presence = pl.concat([active("ann", *range(30)), active("bob", *range(19))])
    assert marks(presence, "bob", 50) == [True]
    assert marks(presence, "eve", 50) == [True]


def test_the_order_of_active_days_does_not_matter() -> None:
    assert marks(active("ann", *reversed(range(30))), "ann", 19, 20) == [True, False]


@pytest.mark.parametrize("day", [5, 10, 25])
def test_what_comes_later_changes_no_mark(day: int) -> None:
    past = active("ann", *range(0, 2 * day, 2))
    earlier = past.filter(pl.col("day") < FIRST + timedelta(days=day))
    crowded = pl.concat([earlier, active("ann", *range(day, day + 40))])
    assert marks(crowded, "ann", *range(day + 1)) == marks(earlier, "ann", *range(day + 1))


def test_a_day_more_in_the_past_ends_warm_up_a_day_sooner() -> None:
    late = active("ann", *range(1, 30))
    assert marks(late, "ann", 20) == [True]
    assert marks(pl.concat([active("ann", 0), late]), "ann", 20) == [False]


def test_units_keep_their_order_and_their_columns() -> None:
    units = pl.DataFrame({"user": ["eve", "ann"], "start": datetime(2010, 3, 21), "score": [1.0, 2.0]})
    marked = mark_warm_up(units, last_warm_up_days(active("ann", *range(30))))
    assert marked.rows() == [
        ("eve", datetime(2010, 3, 21), 1.0, True),
        ("ann", datetime(2010, 3, 21), 2.0, False),
    ]


def test_a_score_is_in_warm_up_as_long_as_peers_count_beside_own_history() -> None:
    assert OwnHistory().warm_up == WARM_UP_DAYS == 20
