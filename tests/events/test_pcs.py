"""What is promised of users and their PCs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from itd_lightning.events.pcs import OWN_PCS, Relation, event_relations, own_pcs, pc_days, relation
from itd_lightning.store.presence import PC_USE, pc_use
from tests.handmade_pcs import lasting, own_pc_on

START = datetime(2010, 1, 4, 8)


def later(days: int, hours: float = 0) -> datetime:
    """Return a moment counted from the morning of the first day."""
    return START + timedelta(days=days, hours=hours)


def events(*rows: tuple[str, datetime, str, str | None]) -> pl.DataFrame:
    """Return the events in the columns that are read."""
    schema = {"user": pl.String(), "time": pl.Datetime("us"), "kind": pl.String(), "pc": pl.String()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def logons(user: str, pcs: dict[str, list[int]]) -> list[tuple[str, datetime, str, str | None]]:
    """Return the logons of a user: for each PC the days, as often as a day is named."""
    return [(user, later(day, n / 60), "logon", pc) for pc, days in pcs.items() for n, day in enumerate(days)]


def own_pcs_of(*rows: tuple[str, datetime, str, str | None]) -> list[tuple[str, str, int, int | None]]:
    """Return user, own PC, first day, and the day of the next own PC; days are counted from the first one."""
    own = own_pcs([pc_use(events(*rows))])
    days = [(pl.col(name) - START.date()).dt.total_days() for name in ("from_day", "until_day")]
    return own.select("user", "pc", *days).rows()


def last_own_pc(*rows: tuple[str, datetime, str, str | None]) -> str:
    """Return the last own PC of one user."""
    return own_pcs_of(*rows)[-1][1]


def relations_of(rows: Sequence[tuple[str, str | None, str | None]], pcs: dict[str, str]) -> list[str | None]:
    """Return the relation of rows of user, PC and supervisor."""
    columns = {"user": pl.String(), "pc": pl.String(), "supervisor": pl.String()}
    table = pl.DataFrame(rows, schema=columns, orient="row").with_columns(day=START.date())
    relations = relation(table, lasting(pcs))
    assert relations.dtype == Relation
    return relations.to_list()


def test_use_counts_logons_of_each_day_and_knows_the_first_event_of_any_kind() -> None:
    rows = events(
        ("ann", later(0), "connect", "PC-1"),
        ("ann", later(0), "email_send", None),
        *logons("ann", {"PC-1": [1, 1, 2], "PC-0": [1]}),
    )
    first, second, third = (later(day).date() for day in range(3))
    assert pc_use(rows).rows() == [
        ("ann", first, "PC-1", 0, later(0)),
        ("ann", second, "PC-0", 1, later(1)),
        ("ann", second, "PC-1", 2, later(1)),
        ("ann", third, "PC-1", 1, later(2, 2 / 60)),
    ]


def test_the_own_pc_is_that_of_the_most_days_not_of_the_most_logons() -> None:
    assert own_pcs_of(*logons("ann", {"PC-1": [0] * 9, "PC-2": [1, 2, 3]})) == [
        ("ann", "PC-1", 0, 2),
        ("ann", "PC-2", 2, None),
    ]


def test_equal_days_are_decided_by_logons_then_by_first_use_then_by_name() -> None:
    assert last_own_pc(*logons("ann", {"PC-1": [0, 1], "PC-2": [0, 1, 1]})) == "PC-2"
    assert last_own_pc(*logons("ann", {"PC-1": [2, 3], "PC-2": [0, 1], "PC-3": [3]})) == "PC-2"
    assert own_pcs_of(*logons("ann", {"PC-2": [0], "PC-1": [0]})) == [("ann", "PC-1", 0, None)]


def test_an_administrator_on_many_pcs_owns_the_one_that_is_used_daily() -> None:
    visits = {f"PC-{number}": [number % 10] for number in range(100, 130)}
    assert last_own_pc(*logons("root", {**visits, "PC-999": list(range(10))})) == "PC-999"


def test_without_logons_the_first_pc_used_is_the_own_one() -> None:
    rows = [("ann", later(1), "http_visit", "PC-1"), ("ann", later(0), "http_visit", "PC-2")]
    assert last_own_pc(*rows) == "PC-2"


def test_a_user_owns_no_pc_before_the_first_day_at_one() -> None:
    rows = [("ann", later(0), "email_send", None), ("ann", later(14), "logon", "PC-1")]
    assert own_pcs_of(*rows) == [("ann", "PC-1", 14, None)]


def test_fourteen_days_count_the_day_itself_among_them() -> None:
    rows = logons("ann", {"PC-1": [0, 1], "PC-2": [13, 14]})
    assert own_pcs_of(*rows) == [("ann", "PC-1", 0, 14), ("ann", "PC-2", 14, None)]
    assert own_pcs_of(*rows[:3]) == [("ann", "PC-1", 0, None)]


def test_a_user_who_is_away_owns_the_same_pc() -> None:
    rows = logons("ann", {"PC-1": [0, 1, 3], "PC-2": [4, 60]})
    assert own_pcs_of(*rows) == [("ann", "PC-1", 0, 60), ("ann", "PC-2", 60, None)]


def test_later_days_and_other_users_change_no_own_pc_of_earlier_days() -> None:
    early = logons("ann", {"PC-1": [0, 1, 5], "PC-2": [3, 4, 6, 6]})
    late = logons("ann", {"PC-2": list(range(9, 30)), "PC-0": list(range(20, 60))})
    alone, longer = (own_pcs([pc_use(events(*rows, *logons("bob", pcs)))]) for rows, pcs in (
        (early, {"PC-2": [0]}), ([*early, *late], {"PC-1": list(range(9))})
    ))  # fmt: skip
    for day in range(9):
        one, other = (own_pc_on(own, later(day).date())["ann"] for own in (alone, longer))
        assert one == other


def test_own_pcs_are_those_of_a_loop_over_days() -> None:
    draw, names = np.random.default_rng(1), [f"PC-{number}" for number in range(4)]
    rows = [
        (user, later(int(day), int(hour)), str(kind), str(pc))
        for user in ("ann", "bob")
        for day, hour, kind, pc in zip(
            draw.choice([*range(40), *range(70, 90)], 60), draw.integers(0, 12, 60),
            draw.choice(["logon", "logon", "connect"], 60), draw.choice(names, 60, p=[0.4, 0.3, 0.2, 0.1]),
            strict=True,
        )
    ]  # fmt: skip
    own = own_pcs([pc_use(events(*rows))])
    assert own.schema == OWN_PCS
    assert len(own) > 10
    last: dict[str, str] = {}
    for number in range(110):
        day = later(number).date()
        for user in ("ann", "bob"):
            mine = [row[1:] for row in rows if row[0] == user and row[1].date() <= day]
            window = [row for row in mine if (day - row[0].date()).days < 14]

            def merit(pc: str, mine: list[Any] = mine, window: list[Any] = window) -> tuple[Any, ...]:
                days = [time.date() for time, kind, at in window if at == pc and kind == "logon"]
                return -len(set(days)), -len(days), min(time for time, _, at in mine if at == pc), pc

            if any(time.date() == day for time, _, _ in mine):
                last[user] = min({pc for _, _, pc in window}, key=merit)
        assert own_pc_on(own, day) == last


def test_later_days_change_no_relation_of_earlier_ones() -> None:
    draw = np.random.default_rng(2)
    rows = [
        (str(user), later(int(day), int(hour)), "logon", f"PC-{pc}")
        for user, day, hour, pc in zip(
            draw.choice(["ann", "bob", "eve"], 200), draw.integers(0, 60, 200), draw.integers(0, 12, 200),
            draw.integers(0, 4, 200), strict=True,
        )
    ]  # fmt: skip
    everything = events(*sorted(rows))
    relations = event_relations(everything, own_pcs([pc_use(everything)]), PEOPLE)
    assert relations.n_unique() == 4
    for days in (1, 5, 20, 45):
        before = everything["time"] < later(days)
        cut = everything.filter(before)
        assert event_relations(cut, own_pcs([pc_use(cut)]), PEOPLE).equals(relations.filter(before))


def test_partials_of_two_shards_are_those_of_both() -> None:
    ann, bob = logons("ann", {"PC-1": [0, 1], "PC-2": [1]}), logons("bob", {"PC-2": [0], "PC-3": [3, 4]})
    parts = own_pcs([pc_use(events(*bob)), pc_use(events(*ann))])
    assert parts.sort("user", "from_day").equals(own_pcs([pc_use(events(*ann, *bob))]))


def test_no_events_give_no_use_and_no_owners() -> None:
    use = pc_use(events())
    assert (len(use), use.schema) == (0, PC_USE)
    assert own_pcs([use]).equals(own_pcs([]))
    assert relations_of([], {}) == []
    assert relations_of([("ann", "PC-1", None)], {}) == ["shared"]


def test_whose_a_pc_is_changes_with_the_day() -> None:
    """Ann moves to PC-2; her boss moves to PC-1 on the day after; bob is at PC-2 from the third day on."""
    first, second, third, fourth = (later(day).date() for day in range(4))
    own = pl.DataFrame(
        [
            ("ann", "PC-1", first, second), ("ann", "PC-2", second, None),
            ("boss", "PC-5", first, third), ("boss", "PC-1", third, None), ("bob", "PC-2", fourth, None),
        ],
        schema=OWN_PCS, orient="row",
    )  # fmt: skip
    days = [START.date() - timedelta(1), first, second, third, fourth, fourth + timedelta(99)]

    def on_each_day(user: str, pc: str, supervisor: str | None = None) -> list[str]:
        return relation(
            pl.DataFrame(
                {"user": user, "pc": pc, "supervisor": supervisor, "day": days},
                schema_overrides={"supervisor": pl.String},
            ),
            own,
        ).to_list()

    assert on_each_day("ann", "PC-1", "boss") == [
        "shared", "own", "shared", "supervisor", "supervisor", "supervisor"
    ]  # fmt: skip
    assert on_each_day("ann", "PC-5", "boss") == ["shared", "supervisor", "supervisor", *["shared"] * 3]
    assert on_each_day("eve", "PC-2") == ["shared", "shared", "other", "other", "shared", "shared"]


def test_a_pc_is_ones_own_or_anothers() -> None:
    owners = {"ann": "PC-1", "bob": "PC-2"}
    assert relations_of([("ann", "PC-2", None), ("ann", "PC-1", None), ("bob", "PC-1", None)], owners) == [
        "other",
        "own",
        "other",
    ]


def test_a_pc_of_nobody_or_of_several_is_shared_but_each_owners_own() -> None:
    owners = {"ann": "PC-1", "bob": "PC-1", "cid": "PC-2"}
    rows = [("cid", "PC-1", None), ("cid", "PC-9", None), ("ann", "PC-1", None), ("bob", "PC-1", "ann")]
    assert relations_of(rows, owners) == ["shared", "shared", "own", "own"]


@pytest.mark.parametrize("second", ["dan", "boss2"])
def test_the_supervisors_pc_is_theirs_even_if_others_call_it_their_own(second: str) -> None:
    owners = {"ann": "PC-1", "boss": "PC-5", second: "PC-5"}
    assert relations_of([("ann", "PC-5", "boss"), ("ann", "PC-5", None)], owners) == ["supervisor", "shared"]


def test_the_supervisor_of_the_row_counts_not_an_earlier_one() -> None:
    owners = {"ann": "PC-1", "old": "PC-5", "new": "PC-6"}
    rows = [
        ("ann", "PC-5", "old"),
        ("ann", "PC-6", "old"),
        ("ann", "PC-5", "new"),
        ("ann", "PC-6", "new"),
    ]
    assert relations_of(rows, owners) == ["supervisor", "other", "other", "supervisor"]


def test_a_row_without_a_pc_has_no_relation_and_a_user_without_an_own_pc_none_to_it() -> None:
    owners = {"bob": "PC-2", "boss": "PC-5"}
    rows = [("ann", None, "boss"), ("ann", "PC-2", "nobody"), ("ann", "PC-5", "boss"), ("boss", None, None)]
    assert relations_of(rows, owners) == [None, "other", "supervisor", None]


PEOPLE = pl.DataFrame(
    {
        "user": ["ann", "ann", "bob", "eve"],
        "name": ["Ann", "Ann", "Bob", "Eve"],
        "supervisor": ["Bob", "Eve", None, None],
        "department": ["sales", "tax", "sales", "tax"],
        "valid_from": [date(2009, 1, 1), date(2010, 1, 1), date(2009, 1, 1), date(2009, 1, 1)],
        "valid_to": [date(2010, 1, 1), *[date(2012, 1, 1)] * 3],
    }
).with_columns(pl.lit(None, pl.String).alias(name) for name in ("team", "role"))
OWN = lasting({"ann": "PC-1", "bob": "PC-2", "eve": "PC-3"})
# In January the directory of December is known.
EVENTS = events(
    ("ann", later(0), "logon", "PC-2"),
    ("ann", later(0, 1), "logon", None),
    ("ann", later(40), "logon", "PC-2"),
    ("ann", later(40, 1), "logoff", "PC-3"),
    ("ann", later(40, 2), "logoff", "PC-3"),
    ("bob", later(0), "logon", "PC-9"),
)


def test_events_are_judged_by_the_supervisor_of_their_day() -> None:
    relations = event_relations(EVENTS, OWN, PEOPLE)
    assert relations.to_list() == ["supervisor", None, "other", "supervisor", "supervisor", "shared"]
    assert event_relations(EVENTS, OWN, None).to_list() == ["other", None, *["other"] * 3, "shared"]


def test_each_pc_of_a_user_stands_once_a_day_with_who_the_user_was_then() -> None:
    first, second = later(0).date(), later(40).date()
    assert pc_days(EVENTS, PEOPLE).rows() == [
        ("ann", "PC-2", first, "bob", "sales"),
        ("ann", "PC-2", second, "eve", "tax"),
        ("ann", "PC-3", second, "eve", "tax"),
        ("bob", "PC-9", first, None, "sales"),
    ]
    assert pc_days(EVENTS, None).select("supervisor", "department").null_count().row(0) == (4, 4)
