"""A company whose logs come a folder a day, and a deployment that watches it."""

import sqlite3
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from itd_lightning.store.read import Store

LOGS = ("logon", "device", "file", "email", "http")
FIRST = date(2010, 1, 2)  # of the release


def day_of(number: int) -> date:
    """Return a day of the release by its number."""
    return FIRST + timedelta(days=number)


def split_by_day(release: Path, target: Path) -> None:
    """Write the rows of a release's logs into ``target/DAY/LOG.csv``."""
    for log in LOGS:
        days: dict[str, list[str]] = {}
        header, *rows = (release / f"{log}.csv").read_text("utf-8").splitlines(keepends=True)
        for row in rows:
            days.setdefault(row.split(",")[1][:10], []).append(row)
        for text, lines in days.items():
            month, day, year = text.split("/")
            file = target / f"{year}-{month}-{day}" / f"{log}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join([header, *lines]), "utf-8")


def deliver_logs(split: Path, company: Path, days: Iterable[int]) -> None:
    """Let the logs of some days arrive."""
    for number in days:
        source, target = split / str(day_of(number)), company / "logs" / str(day_of(number))
        if not source.is_dir():  # nobody was there
            continue
        target.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            (target / file.name).write_bytes(file.read_bytes())


def write_deployment(company: Path, checkpoint: Path, **keys: Any) -> Path:  # noqa: ANN401 - of any key
    """Write the mapping and the YAML of a deployment; return the latter."""
    (company / "logs").mkdir(parents=True, exist_ok=True)
    (company / "company.yaml").write_text(yaml.safe_dump({"preset": "cert", "folder": "logs"}), "utf-8")
    content = {
        "logs": "company.yaml",
        "store": "store",
        "checkpoints": str(checkpoint),
        "cases": "cases.sqlite",
        "out": "daily",
        "budget": 3,
        "calibrate_days": 20,
        "horizon": 60,
        "retention": 60,
        **keys,
    }
    file = company / "plant.yaml"
    file.write_text(yaml.safe_dump(content), "utf-8")
    return file


def state_of(company: Path) -> dict[str, Any]:
    """Return everything that mornings leave behind but times and the log of runs."""
    connection = sqlite3.connect(company / "cases.sqlite")
    tables = {
        "scored_days": "day, checkpoint, shadow, users, warm_up, calibrated_on, drift, drift_chance, alerts",
        "cases": "id, deployment, user, state",
        "alerts": "id, case_id, user, day, rank, score, p_value, warm_up, reasons, evidence, event_ids",
        "outbox": "alert_id, target, sent_at IS NULL",
    }
    rows = {
        name: connection.execute(f"SELECT {columns} FROM {name} ORDER BY id").fetchall()
        for name, columns in tables.items()
    }
    connection.close()
    store = Store(company / "store")
    events = pl.concat([pl.read_parquet(shard, glob=False) for shard in store.shards])
    files = {
        str(path.relative_to(company)): path.read_text("utf-8")
        for path in sorted((company / "daily").rglob("*.csv"))
    }
    left = [path.name for path in [*company.iterdir(), *(company / "daily").iterdir()]]
    return {
        **rows,
        "events": events.hash_rows().sum(),
        "count": len(events),
        "kept": {name: log["kept"] for name, log in store.manifest["logs"].items()},
        "files": {
            name: [line.rsplit(",", 3)[0] for line in text.splitlines()] for name, text in files.items()
        },
        "left": sorted(name for name in left if not name.endswith(".partial")),
    }
