"""`itd events` shows a user's day as it is in the store."""

import json
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.cli import main
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store


@pytest.fixture
def malicious_day(store: Path) -> tuple[str, str]:
    """Return a user and a day with a malicious event."""
    first = read_key(store).events.row(0, named=True)
    return first["user"], f"{first['time']:%Y-%m-%d}"


def test_all_events_of_the_day_come_in_order(
    store: Path, malicious_day: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    user, day = malicious_day
    main(["events", str(store), f"--user={user}", f"--day={day}", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = Store(store).scan().filter(user=user).filter(pl.col("time").dt.date().cast(pl.String) == day)
    assert [row["event_id"] for row in rows] == expected.collect()["event_id"].to_list()
    assert all("malicious" not in row for row in rows)


def test_malicious_ones_are_marked_on_request_only(
    store: Path, malicious_day: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    user, day = malicious_day
    main(["events", str(store), f"--user={user}", f"--day={day}"])
    assert "malicious" not in capsys.readouterr().out
    main(["events", str(store), f"--user={user}", f"--day={day}", "--answers"])
    assert "malicious" in capsys.readouterr().out


def test_a_day_without_events_is_said(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["events", str(store), "--user=nobody", "--day=2010-03-01"])
    assert "has no event of nobody on 2010-03-01" in capsys.readouterr().err
