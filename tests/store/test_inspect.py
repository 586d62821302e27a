"""What `itd inspect` promises."""

import json
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.events import EVENTS
from itd_lightning.contracts.view_needs import missing_kinds
from itd_lightning.store.inspect import summarise
from itd_lightning.store.read import Store

ROWS = [
    [("ann", datetime(2010, 1, 4, 8), "logon"), ("ann", datetime(2010, 1, 4, 9), "logon")],
    [("bob", datetime(2010, 1, 8, 23, 59), "logon"), ("bob", datetime(2010, 1, 4), "http_visit")],
]


def write_store(folder: Path, shards: list[list[tuple[str, datetime, str]]]) -> Path:
    """Write a store of these shards, without a key."""
    for number, rows in enumerate(shards):
        target = folder / "events" / f"shard={number:03d}"
        target.mkdir(parents=True)
        full = [
            {**dict.fromkeys(EVENTS), "user": user, "time": time, "kind": kind} for user, time, kind in rows
        ]
        pl.DataFrame(full, schema=EVENTS).write_parquet(target / "events.parquet")
    manifest = {"schema": 3, "options": {"shards": len(shards)}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_kinds_are_counted_over_all_shards(tmp_path: Path) -> None:
    assert summarise(Store(write_store(tmp_path, ROWS))).kinds.rows() == [
        ("logon", 3, 2, date(2010, 1, 4), date(2010, 1, 8)),
        ("http_visit", 1, 1, date(2010, 1, 4), date(2010, 1, 4)),
    ]


def test_a_day_of_two_shards_counts_once_and_silent_days_lie_in_between(tmp_path: Path) -> None:
    summary = summarise(Store(write_store(tmp_path, ROWS)))
    assert (summary.days, summary.silent_days) == (2, 3)


def test_an_empty_store_has_no_days(tmp_path: Path) -> None:
    summary = summarise(Store(write_store(tmp_path, [[], []])))
    assert (len(summary.kinds), summary.days, summary.silent_days) == (0, 0, 0)


def test_without_a_key_no_campaigns_are_counted(tmp_path: Path) -> None:
    assert summarise(Store(write_store(tmp_path, ROWS))).campaigns is None


def test_campaigns_are_counted_by_scenario_without_their_times(tmp_path: Path) -> None:
    write_store(tmp_path, ROWS)
    (tmp_path / "answers").mkdir()
    pl.DataFrame(
        {
            "user": ["c", "a", "b"],
            "scenario": [2, 1, 1],
            "start": [datetime(2010, 1, 4)] * 3,
            "end": [datetime(2010, 3, 4), datetime(2010, 1, 5, 6), datetime(2010, 1, 4, 1, 30)],
        }
    ).write_parquet(tmp_path / "answers" / "campaigns.parquet")
    campaigns = summarise(Store(tmp_path)).campaigns
    assert campaigns is not None
    assert campaigns.columns == ["scenario", "campaigns", "shortest", "longest"]
    assert campaigns["shortest"].to_list() == ["1.5 h", "1416.0 h"]
    assert campaigns.select("scenario", "campaigns", "longest").rows() == [
        (1, 2, "30.0 h"),
        (2, 1, "1416.0 h"),
    ]


@pytest.mark.parametrize("name", ["logon", "http_visit", "email_send"])
def test_the_slice_holds_every_kind_as_often_as_its_logs(name: str, store: Path) -> None:
    log = {"logon": "logon", "http_visit": "http", "email_send": "email"}[name]
    summary = summarise(Store(store))
    counted = dict(summary.kinds.select("kind", "events").rows())
    expected = Store(store).manifest["logs"][log]["kept"]
    assert counted[name] + (counted["logoff"] if name == "logon" else 0) == expected
    assert not any(missing_kinds(list(counted)).values())
