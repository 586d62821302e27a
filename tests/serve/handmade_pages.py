"""The pages with a browser in front of them, and what they show, made by hand."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from starlette.testclient import TestClient

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.contracts.events import EVENTS
from itd_lightning.contracts.store_files import EVENT_FILE, PEOPLE_FILE, shard_folder
from itd_lightning.serve.access import Door
from itd_lightning.serve.app import Source, make_app
from itd_lightning.serve.company import Company
from itd_lightning.store.build.shards import shard_of, write_shard
from itd_lightning.store.read import SCHEMA_VERSION
from tests.alerts.cases.handmade_alerts import DAY, add_alerts, make_alert

PORT = 8321
HOST = f"127.0.0.1:{PORT}"
SHARDS = 4


@dataclass
class Site:
    """The pages, and the keys of the links that were announced.

    Args:
        app: The application.
        keys: The keys, the latest last.
    """

    app: Any
    keys: list[str]

    def visit(self, host: str = HOST) -> TestClient:
        """Return a browser that was not let in."""
        return TestClient(self.app, base_url=f"http://{host}", follow_redirects=False)

    def enter(self, name: str = "ann") -> TestClient:
        """Return a browser that was let in."""
        client = self.visit()
        assert client.post("/enter", data={"key": self.keys[-1], "name": name}).status_code == 303
        return client


def make_site(cases: CaseStore, company: Company | None = None, deployment: str | None = None) -> Site:
    """Return the pages of a case store and an event store."""
    keys: list[str] = []
    door = Door(keys.append)
    source = Source(cases, deployment, company)
    app = make_app(source, door, hosts={HOST, f"localhost:{PORT}"}, port=PORT, secure=False, by="somebody")
    door.open()
    return Site(app, keys)


def add_cases(cases: CaseStore, count: int = 10) -> None:
    """Write as many cases, ``user00`` with the highest risk."""
    alerts = [
        make_alert(f"user{number:02}", rank=number + 1, p_value=0.0001 * (number + 1))
        for number in range(count)
    ]
    add_alerts(cases, *alerts)


def form_key(client: TestClient, page: str = "/") -> str:
    """Return the secret in the forms of a page."""
    found = re.search(r'name="form_key" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def make_store(folder: Path, user: str = "ann", text: str = "plan.doc", events: int = 3) -> Path:
    """Write an event store of two users with as many events on ``DAY`` each, and their directory."""
    shards: dict[int, list[dict[str, Any]]] = {number: [] for number in range(SHARDS)}
    for name in sorted({user, "bob"}):
        shards[shard_of(name, SHARDS)] += [_event(name, number, text) for number in range(events)]
    for number, rows in shards.items():
        table = pl.DataFrame(rows, schema=EVENTS).sort("user", "time")
        target = shard_folder(folder, number)
        target.mkdir(parents=True)
        write_shard(table, target)
        assert (target / EVENT_FILE).is_file()
    _write_people(folder, [user, "bob"], text)
    times = {"first": str(DAY), "last": str(DAY)}
    manifest = {"schema": SCHEMA_VERSION, "release": "made by hand", "options": {"shards": SHARDS}, **times}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def _event(user: str, number: int, text: str) -> dict[str, Any]:
    """Return an event."""
    moment = datetime(DAY.year, DAY.month, DAY.day, 9) + timedelta(minutes=number)
    return {
        "event_id": f"{{E{number}}}",
        "user": user,
        "time": moment,
        "pc": f"PC-{user}",
        "kind": "file_copy",
        "object": f"{text} {number}",
        "size": 1000 + number,
        "attachments": None,
        "to_removable": True,
        "from_removable": None,
        "content": f"secret words {text}",
    }


def _write_people(folder: Path, users: list[str], text: str) -> None:
    """Write a directory in which all have the same role and department."""
    rows = [
        {
            "user": user,
            "valid_from": DAY - timedelta(days=90),
            "valid_to": DAY,
            "name": f"Name of {user}",
            "role": f"Clerk {text}",
            "department": "Sales",
            "team": None,
            "supervisor": "Carl Chief",
        }
        for user in users
    ]
    pl.DataFrame(rows, schema_overrides={"team": pl.String}).write_parquet(folder / PEOPLE_FILE)
