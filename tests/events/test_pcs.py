"""What is promised of users and their PCs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from itd_lightning.events.pcs import Relation, event_relations, own_pcs, pc_days, relation
from itd_lightning.store.presence import PC_USE, pc_use

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


def own_pc_rows(*rows: tuple[str, datetime, str, str | None]) -> list[tuple[str, str]]:
    """Return the own PC of each user."""
    return own_pcs(pc_use(events(*rows))).rows()


def relations_of(rows: Sequence[tuple[str, str | None, str | None]], pcs: dict[str, str]) -> list[str | None]:
    """Return the relation of rows of user, PC and supervisor."""
    columns = {"user": pl.String(), "pc": pl.String(), "supervisor": pl.String()}
    owners = pl.DataFrame(
        {"user": list(pcs), "pc": list(pcs.values())}, schema={"user": pl.String(), "pc": pl.String()}
    )
    relations = relation(pl.DataFrame(rows, schema=columns, orient="row"), owners)
    assert relations.dtype == Relation
    return relations.to_list()


def test_use_counts_days_and_logons_and_knows_the_first_event_of_any_kind() -> None:
    rows = events(
        ("ann", later(0), "connect", "PC-1"),
        *logons("ann", {"PC-1": [1, 1, 2], "PC-0": [3]}),
    )
    assert pc_use(rows).rows() == [
        ("ann", "PC-0", 1, 1, later(3)),
        ("ann", "PC-1", 2, 3, later(0)),
    ]


def test_the_two_weeks_begin_at_the_users_own_first_event_and_hold_fourteen_days() -> None:
    rows = events(
        *logons("old", {"PC-1": [0]}),
        ("new", later(100, 9), "email_send", None),
        ("new", later(113, 15.99), "logon", "PC-2"),
        ("new", later(113, 16), "logon", "PC-3"),  # midnight
    )
    assert pc_use(rows).select("user", "pc").rows() == [("new", "PC-2"), ("old", "PC-1")]


def test_the_own_pc_is_that_of_the_most_days_not_of_the_most_logons() -> None:
    assert own_pc_rows(*logons("ann", {"PC-1": [0] * 9 + [1], "PC-2": [2, 3, 4]})) == [("ann", "PC-2")]


def test_equal_days_are_decided_by_logons_then_by_first_use_then_by_name() -> None:
    assert own_pc_rows(*logons("ann", {"PC-1": [0, 1], "PC-2": [2, 3, 3]})) == [("ann", "PC-2")]
    assert own_pc_rows(*logons("ann", {"PC-1": [2, 3], "PC-2": [0, 1]})) == [("ann", "PC-2")]
    assert own_pc_rows(*logons("ann", {"PC-2": [0, 1], "PC-1": [0, 1]})) == [("ann", "PC-1")]


def test_an_administrator_on_many_pcs_owns_the_one_that_is_used_daily() -> None:
    visits = {f"PC-{number}": [number % 10] for number in range(100, 130)}
    assert own_pc_rows(*logons("root", {**visits, "PC-999": list(range(10))})) == [("root", "PC-999")]


def test_without_logons_the_first_pc_used_is_the_own_one() -> None:
    rows = [("ann", later(1), "http_visit", "PC-1"), ("ann", later(0), "http_visit", "PC-2")]
    assert own_pc_rows(*rows) == [("ann", "PC-2")]


def test_a_user_without_a_pc_in_the_first_two_weeks_owns_none() -> None:
    rows = [("ann", later(0), "email_send", None), ("ann", later(14), "logon", "PC-1")]
    assert own_pc_rows(*rows, *logons("bob", {"PC-2": [0]})) == [("bob", "PC-2")]


def test_later_events_never_change_the_own_pc() -> None:
    first_days = logons("ann", {"PC-1": [0, 1]})
    assert (
        own_pc_rows(*first_days, *logons("ann", {"PC-2": list(range(14, 60))}))
        == own_pc_rows(*first_days)
        == [("ann", "PC-1")]
    )


def test_partials_of_two_shards_merge_to_that_of_both() -> None:
    ann, bob = logons("ann", {"PC-1": [0, 1], "PC-2": [1]}), logons("bob", {"PC-2": [0], "PC-3": [3, 4]})
    parts = pl.concat([pc_use(events(*bob)), pc_use(events(*ann))])
    at_once = pc_use(events(*ann, *bob))
    assert parts.sort("user", "pc").equals(at_once)
    assert own_pcs(parts).equals(own_pcs(at_once))


def test_no_events_give_no_use_and_no_owners() -> None:
    use = pc_use(events())
    assert (len(use), use.schema) == (0, PC_USE)
    assert own_pcs(use).rows() == []
    assert relations_of([], {}) == []
    assert relations_of([("ann", "PC-1", None)], {}) == ["shared"]


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
OWN = pl.DataFrame({"user": ["ann", "bob", "eve"], "pc": ["PC-1", "PC-2", "PC-3"]})
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
