"""A store and a run of three users and thirty days, made by hand: u1 takes files on days 20 to 22."""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from itd_lightning.contracts.events import EVENTS, Kind
from itd_lightning.contracts.results import Evaluation
from itd_lightning.contracts.scores import SCORES
from itd_lightning.contracts.store_files import EVENT_FILE, PRESENCE_FILE, shard_folder
from itd_lightning.evaluation.evaluate import evaluate, write_json
from itd_lightning.report.page import write_report
from itd_lightning.scores.table import About, write_scores
from itd_lightning.store.presence import days_present

USERS = ("u1", "u2", "u3")
FIRST = datetime(2010, 1, 4)
DAYS, HOURS = 30, 24
FEATURES = ("logon_count", "http_count", "file_ops")
CAMPAIGN = (20, 22)
INSIDER = 0
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
IN_WARM_UP = pl.col("start") < FIRST + 20 * DAY  # everybody is there every day

MakeRun = Callable[..., Path]


def write_store(store: Path, users: tuple[str, ...]) -> None:
    """Events every morning; the key says when the insider was one."""
    (store / "events" / "shard=000").mkdir(parents=True)
    (store / "answers").mkdir()
    manifest = {
        "schema": 3,
        "release": "r4.2",
        "fingerprint": "f" * 32,
        "options": {"shards": 1},
        "answers": {"campaigns": 1},
        "users": len(users),
        "events": DAYS * len(users),
        "first": str(FIRST),
        "last": str(FIRST + DAYS * DAY),
    }
    (store / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    times = [FIRST + day * DAY + 9 * HOUR for day in range(DAYS)]
    events = pl.DataFrame({"user": [user for user in users for _ in times], "time": times * len(users)})
    write_shard(
        store,
        events.with_columns(
            pl.col("time").cast(pl.Datetime("us")),
            kind=pl.lit("logon").cast(Kind),
            event_id=pl.format("{}", pl.int_range(pl.len())),
        ),
    )
    insider = users[INSIDER]
    start, end = FIRST + CAMPAIGN[0] * DAY + 2 * HOUR, FIRST + CAMPAIGN[1] * DAY + 5 * HOUR
    campaigns = pl.DataFrame({"user": [insider], "scenario": [1], "start": [start], "end": [end]})
    campaigns.write_parquet(store / "answers" / "campaigns.parquet")
    taken = [FIRST + day * DAY + 3 * HOUR for day in range(CAMPAIGN[0], CAMPAIGN[1] + 1)]
    pl.DataFrame({"user": insider, "insider": insider, "scenario": 1, "time": taken}).with_columns(
        event_id=pl.lit("e"), found_by=pl.lit("id")
    ).write_parquet(store / "answers" / "malicious.parquet")


def write_shard(store: Path, events: pl.DataFrame) -> None:
    """Write events and on which days there are any."""
    shard = shard_folder(store, 0)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in EVENTS.items() if name not in events]
    events.with_columns(missing).select(EVENTS.names()).write_parquet(shard / EVENT_FILE)
    days_present(events).write_parquet(shard / PRESENCE_FILE)


def score_table(users: tuple[str, ...]) -> pl.DataFrame:
    """One window a user-day; ten days validate. The campaign scores highest but for a day of u2."""
    starts = [FIRST + day * DAY for day in range(DAYS)]
    scores = np.random.default_rng(0).random((len(users), DAYS)) * 0.3
    scores[INSIDER, CAMPAIGN[0] : CAMPAIGN[1] + 1] = [0.8, 0.9, 0.7]
    scores[1, 15] = 0.85
    return pl.DataFrame(
        {
            "user": [user for user in users for _ in starts],
            "start": starts * len(users),
            "score": scores.ravel(),
            "part": (["val"] * 10 + ["test"] * (DAYS - 10)) * len(users),
        }
    ).select(
        "user",
        pl.col("start").cast(pl.Datetime("us")),
        (pl.col("start") + DAY).cast(pl.Datetime("us")).alias("end"),
        pl.lit(None, pl.String).alias("event_id"),
        pl.lit(None, pl.Int64).alias("sequence"),
        "score",
        pl.col("part").cast(pl.Enum(["train", "val", "test", "unused", "predict"])),
        warm_up=IN_WARM_UP,
    )


def explanation_table(scores: pl.DataFrame, features: tuple[str, ...]) -> pl.DataFrame:
    """The four highest test units: features give 10, 30 and 60 % of the score, all in hour 3."""
    top = scores.filter(pl.col("part") == "test").sort("score", descending=True).head(4)
    cells = pl.DataFrame(
        {
            "hour": [hour for hour in range(HOURS) for _ in features],
            "feature": list(features) * HOURS,
            "seen": [int(hour == 3) for hour in range(HOURS) for _ in features],
            "expected": [0.5 if hour == 9 else 0.0 for hour in range(HOURS) for _ in features],
            "share": [float(hour == 3) * share for hour in range(HOURS) for share in (0.1, 0.3, 0.6)],
        }
    )
    return (
        top.select("user", "start", "end", "score")
        .join(cells, how="cross")
        .with_columns(part=pl.col("share") * pl.col("score"))
        .drop("share")
    )


AUDITS: list[dict[str, Any]] = [
    {
        "name": "null attack",
        "number": 0.0312,
        "interval": [0.01, 0.0911],
        "reference": 0.05,
        "passed": True,
        "verdict": "Moved campaigns are not found.",
    },
    {
        "name": "volume",
        "number": 0.667,
        "interval": None,
        "reference": 0.4,
        "passed": False,
        "verdict": "Counting events does as well.",
    },
    {
        "name": "leaver probe",
        "number": None,
        "interval": None,
        "reference": None,
        "passed": None,
        "verdict": "Nobody leaves.",
    },
]


@pytest.fixture(scope="session")
def benign(tmp_path_factory: pytest.TempPathFactory, evaluation: Evaluation) -> str:
    """A page without any hostile text."""
    place = tmp_path_factory.mktemp("benign")
    return write_report([written_run(place, evaluation)], place / "out").read_text("utf-8")


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """What the evaluation says of the run, computed once."""
    folder = tmp_path_factory.mktemp("evaluated")
    write_store(folder / "store", USERS)
    write_scores(folder / "scores.parquet", score_table(USERS), about(folder, "run"))
    return evaluate(folder / "scores.parquet")


def about(folder: Path, name: str, text: str = "") -> About:
    """What made the scores; ``text`` goes wherever words do, and what no test needs stays empty."""
    known = {
        "run": name,
        "method": f"Autoencoder{text}",
        "view": f"windows{text}",
        "grain": "window",
        "seed": 7,
        "split": f"ByDate{text}",
        "labels": "event",
        "leaks": f"nothing but the calendar{text}",
        "moved_days": 0,
        "store": str(folder / "store"),
        "store_fingerprint": "f" * 32,
        "config": "c0ffee",
    }
    return About(**{field: known.get(field, "") for field in About._fields})  # type: ignore[arg-type]


@pytest.fixture
def make_run(tmp_path: Path, evaluation: Evaluation) -> MakeRun:
    """Writes whole runs below the test's own folder."""
    return partial(written_run, tmp_path, evaluation)


def written_run(
    place: Path,
    evaluation: Evaluation,
    name: str = "run",
    text: str = "",
    changes: dict[str, Any] | None = None,
) -> Path:
    """Write a whole run; ``text`` goes into every name and sentence, ``changes`` into the numbers."""
    folder = place / "runs" / name
    folder.mkdir(parents=True)
    users = tuple(user + text for user in USERS)
    if not (place / "runs" / "store").exists():
        write_store(place / "runs" / "store", users)
    scores = score_table(users)
    made_by = about(folder.parent, name, text)
    write_scores(folder / "scores.parquet", scores, made_by)
    result = json.loads(json.dumps(evaluation)) | (changes or {})
    result["protocol"] |= made_by._asdict() | {"threshold_rule": f"a rule{text}"}
    result["undefined"] = {key: reason + text for key, reason in result["undefined"].items()}
    result["campaigns"] = [entry | {"user": users[INSIDER]} for entry in result["campaigns"]]
    write_json(folder / "evaluation.json", result)
    audits = [
        audit | {"name": f"{audit['name']}{text}", "verdict": f"{audit['verdict']}{text}"} for audit in AUDITS
    ]
    write_json(folder / "audit.json", {"audits": audits})
    explanation_table(scores, tuple(f + text for f in FEATURES)).write_parquet(
        folder / "explanations.parquet"
    )
    lines = ["epoch,step,train/loss,val/loss"]
    lines += [
        line
        for epoch in range(5)
        for line in (f"{epoch},{epoch},{1 / (epoch + 1)},", f"{epoch},{epoch},,{0.9}")
    ]
    (folder / "metrics.csv").write_text(os.linesep.join(lines), "utf-8")
    return folder


STEPS = 5  # behaviours of a user-day, one an hour from nine o'clock on
KINDS = ("logon", "http_visit", "file_copy", "email_send", "logoff")


def write_behaviour_store(store: Path, users: tuple[str, ...], text: str) -> pl.DataFrame:
    """Five events a user-day, with ``text`` in objects and PCs; what the insider copied is malicious."""
    write_store(store, users)
    rows = [
        (f"{{{user}-{day}-{step}}}", user, FIRST + day * DAY + (9 + step) * HOUR, f"PC-1{text}", KINDS[step])
        for user in users
        for day in range(DAYS)
        for step in range(STEPS)
    ]
    names = ["event_id", "user", "time", "pc", "kind"]
    events = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("time").cast(pl.Datetime("us")),
        pl.col("kind").cast(Kind),
        object=pl.format("C:\\secret{}\\plans {}.doc", pl.lit(text), pl.int_range(pl.len())),
    )
    write_shard(store, events)
    during = pl.col("time").is_between(FIRST + CAMPAIGN[0] * DAY, FIRST + (CAMPAIGN[1] + 1) * DAY)
    taken = events.filter(pl.col("user") == users[INSIDER], during, pl.col("kind") == "file_copy")
    key = taken.select("user", "time", "event_id", insider="user", scenario=1, found_by=pl.lit("id"))
    key.write_parquet(store / "answers" / "malicious.parquet")
    return events


def written_behaviours(place: Path, name: str = "behaviours", text: str = "") -> Path:
    """Write a whole run of single behaviours; ``text`` goes into names and objects."""
    folder = place / "runs" / name
    users = tuple(user + text for user in USERS)
    store = place / "runs" / "behaviour-store"
    events = write_behaviour_store(store, users, text)
    day = pl.col("time").dt.date()
    stolen = (pl.col("user") == users[INSIDER]) & (pl.col("kind") == "file_copy")
    campaign = (day - FIRST.date()).dt.total_days().is_between(*CAMPAIGN)
    noise = pl.Series(np.random.default_rng(0).random(len(events)))
    scores = events.select(
        "user",
        pl.col("time").alias("start"),
        pl.col("time").dt.offset_by("1us").alias("end"),
        "event_id",
        pl.struct("user", day).rank("dense").cast(pl.Int64).alias("sequence"),
        (noise + 2 * (stolen & campaign)).alias("score"),
        pl.when(pl.col("time") < FIRST + 10 * DAY)
        .then(pl.lit("val"))
        .otherwise(pl.lit("test"))
        .alias("part"),
    ).with_columns(pl.col("part").cast(SCORES["part"]), warm_up=IN_WARM_UP)
    made_by = about(folder.parent, name, text)._replace(grain="behaviour", store=str(store), view="sequences")
    write_scores(folder / "scores.parquet", scores, made_by)
    write_json(folder / "evaluation.json", evaluate(folder / "scores.parquet"))
    lines = ["epoch,stage,step,train/loss,val/loss"]
    for epoch in range(6):
        loss = (100 if epoch < 3 else 1) / (epoch + 1)
        lines += [f"{epoch},,{epoch},,{loss}", f"{epoch},{int(epoch > 2)},{epoch},{loss},"]
    (folder / "metrics.csv").write_text("\n".join(lines), "utf-8")
    return folder


@pytest.fixture
def make_behaviours(tmp_path: Path) -> MakeRun:
    """Writes runs of single behaviours below the test's own folder."""
    return partial(written_behaviours, tmp_path)
