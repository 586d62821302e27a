"""What pooling promises."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from itd_lightning.contracts.scores import SCORES
from itd_lightning.scores.pool import Pool, pool_days, pool_sequences, pool_sessions

MONDAY = datetime(2010, 3, 1)


def scored(
    values: list[float], user: str = "ann", part: str = "test", hours: int = 24, first: datetime = MONDAY
) -> pl.DataFrame:
    """Consecutive units with these scores."""
    starts = [first + number * timedelta(hours=hours) for number in range(len(values))]
    long = timedelta(hours=hours)
    rows = [(user, s, s + long, None, None, v, part, False) for s, v in zip(starts, values, strict=True)]
    return pl.DataFrame(rows, schema=SCORES, orient="row")


@pytest.mark.parametrize(
    ("pool", "pooled"), [("sum", [24, 39]), ("max", [9, 10]), ("top2", [7.5, 9.5]), ("top3", [6.0, 9.0])]
)
def test_nine_units_give_two_sequences_of_six_three_apart(pool: Pool, pooled: list[float]) -> None:
    found = pool_sequences(scored([1, 2, 3, 9, 3, 6, 8, 3, 10]))
    assert found[pool].to_list() == pooled
    assert found.select("user", "start", "end", "part").rows() == [
        ("ann", MONDAY, MONDAY + timedelta(days=6), "test"),
        ("ann", MONDAY + timedelta(days=3), MONDAY + timedelta(days=9), "test"),
    ]


@pytest.mark.parametrize(("units", "sequences"), [(0, 0), (1, 0), (5, 0), (6, 1), (8, 1), (9, 2), (12, 3)])
def test_a_user_with_fewer_units_than_a_sequence_gives_none(units: int, sequences: int) -> None:
    assert len(pool_sequences(scored([1.0] * units))) == sequences


@pytest.mark.parametrize(
    ("length", "stride", "sums"),
    [(2, 1, [3, 5, 7]), (2, 2, [3, 7]), (3, 2, [6]), (1, 1, [1, 2, 3, 4]), (4, 9, [10])],
)
def test_length_and_stride_are_what_they_say(length: int, stride: int, sums: list[float]) -> None:
    assert pool_sequences(scored([1, 2, 3, 4]), length, stride)["sum"].to_list() == sums


def test_the_order_of_rows_does_not_matter() -> None:
    whole = scored([1, 2, 3, 9, 3, 6, 8, 3, 10])
    assert pool_sequences(whole.reverse()).equals(pool_sequences(whole))


def test_users_are_pooled_apart() -> None:
    both = pl.concat([scored([1.0] * 6), scored([2.0] * 6, user="bob"), scored([9.0] * 5, user="eve")])
    found = pool_sequences(both)
    assert found.select("user", "sum").rows() == [("ann", 6.0), ("bob", 12.0)]


def test_parts_are_pooled_apart_even_where_they_alternate_in_time() -> None:
    part = pl.Series("part", ["val", "test"] * 6, dtype=SCORES["part"])
    found = pool_sequences(scored([float(n) for n in range(12)]).with_columns(part))
    assert sorted(found.select("part", "sum").rows()) == [("test", 36.0), ("val", 30.0)]
    assert pool_sequences(scored([1.0] * 6).with_columns(part[:6])).is_empty()


@pytest.mark.parametrize(
    ("pool", "by_day"), [("max", [5, 4]), ("sum", [6, 6]), ("top2", [3, 3]), ("top3", [3, 3])]
)
def test_half_days_are_pooled_to_their_day(pool: Pool, by_day: list[float]) -> None:
    found = pool_days(scored([1, 5, 4, 2], hours=12), pool)
    assert found["score"].to_list() == by_day
    assert found.select("start", "end").rows() == [
        (MONDAY, MONDAY + timedelta(days=1)),
        (MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)),
    ]


def test_days_stay_as_they_are() -> None:
    whole = scored([1, 5, 4, 2])
    assert pool_days(whole).equals(whole)


def test_two_days_count_on_both() -> None:
    found = pool_days(scored([1, 5], hours=48))
    assert found["score"].to_list() == [1, 1, 5, 5]
    assert found["start"].to_list() == [MONDAY + timedelta(days=day) for day in range(4)]
    assert (found["end"] - found["start"]).unique().to_list() == [timedelta(days=1)]


def test_a_unit_off_midnight_counts_on_each_day_that_it_reaches_into() -> None:
    found = pool_days(scored([1, 5], first=MONDAY + timedelta(hours=10)))
    assert found["score"].to_list() == [1, 5, 5]


def test_days_of_parts_and_users_are_pooled_apart() -> None:
    halves = scored([1, 5], hours=12)
    part = pl.Series("part", ["val", "test"], dtype=SCORES["part"])
    found = pool_days(pl.concat([halves.with_columns(part), halves.with_columns(user=pl.lit("bob"))]))
    assert sorted(found.select("user", "part", "score").rows()) == [
        ("ann", "test", 5.0),
        ("ann", "val", 1.0),
        ("bob", "test", 5.0),
    ]


@pytest.mark.parametrize(
    ("halves", "day"),
    [
        ([False, False], False),
        ([True, True], True),
        ([True, False], True),
        ([None, None], None),
        ([None, False], None),
    ],
)
def test_a_day_is_in_warm_up_if_one_of_its_units_is(halves: list[bool | None], day: bool | None) -> None:
    marks = pl.Series("warm_up", halves, dtype=pl.Boolean())
    assert pool_days(scored([1, 5], hours=12).with_columns(marks))["warm_up"].to_list() == [day]


def test_behaviours_are_pooled_by_their_sequence() -> None:
    sequence = pl.Series("sequence", [1, 2, 1, 2, None], dtype=pl.Int64)
    found = pool_sessions(scored([1, 5, 4, 2, 9], hours=1).with_columns(sequence))
    assert found.select("sequence", "sum", "max", "top2", "top3").rows() == [
        (1, 5.0, 4.0, 2.5, 2.5),
        (2, 7.0, 5.0, 3.5, 3.5),
    ]
    assert found["start"].to_list() == [MONDAY, MONDAY + timedelta(hours=1)]


def test_sequences_of_one_number_are_pooled_apart_by_user_and_part() -> None:
    ann, bob = (scored([1, 2], user=user).with_columns(sequence=pl.lit(7)) for user in ("ann", "bob"))
    assert pool_sessions(pl.concat([ann, bob]))["sum"].to_list() == [3.0, 3.0]
    part = pl.Series("part", ["val", "test"], dtype=SCORES["part"])
    assert pool_sessions(ann.with_columns(part))["sum"].to_list() == [1.0, 2.0]
