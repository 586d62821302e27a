"""History belongs to the user: a checkpoint knows nobody, and only a user's own past tells what is usual.

Every view of the small slice is fitted; then the store changes, and what the view hands out of other days
must stay the same to the bit.
"""

import pickle
import shutil
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from torch import Tensor

from itd_lightning.contracts.batches import SequenceBatch, TrajectoryBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.ingest import build_store
from itd_lightning.numerics.history import OwnHistory
from itd_lightning.splits import Dates
from itd_lightning.store.read import Store
from itd_lightning.store.truncate import derive_store
from itd_lightning.synth import write_release
from itd_lightning.views import Days, Narratives, Sequences, Signals, Trajectories, View, Windows

SPLIT = Dates(date(2010, 2, 20), date(2010, 3, 1))
CHANGE = datetime(2010, 3, 10)
SHORT = OwnHistory(horizon=10, warm_up=5)
VIEWS: dict[str, Callable[[Path], View]] = {
    "days": lambda store: Days(store, SPLIT, history="both", own=SHORT),
    "windows": lambda store: Windows(store, SPLIT, history="own", own=SHORT),
    "sequences": lambda store: Sequences(store, SPLIT, unit="day", chunk=4096, budget=8192),
    "signals": lambda store: Signals(store, SPLIT, modes=1, days=10),
    "narratives": lambda store: Narratives(store, SPLIT),
    "trajectories": lambda store: Trajectories(store, SPLIT),
}


class Fitted(NamedTuple):
    """A view of the slice, what it learned, and what it hands out of each unit."""

    make: Callable[[Path], View]
    state: dict[str, Any]
    rows: dict[tuple[str, datetime], bytes]


@pytest.fixture(scope="module", params=VIEWS)
def fitted(request: pytest.FixtureRequest, store: Path) -> Fitted:
    """Return each view in turn."""
    make = VIEWS[request.param]
    view = make(store)
    view.prepare_data()
    view.setup("fit")
    state = view.state_dict()
    return Fitted(make, state, rows_of(make, store, state))


def rows_of(
    make: Callable[[Path], View], store: Path, state: dict[str, Any]
) -> dict[tuple[str, datetime], bytes]:
    """Return the bytes of what a view hands out for prediction, by user and start of the unit."""
    view = make(store)
    view.prepare_data()
    view.setup("predict")
    view.load_state_dict(state)
    rows = {}
    starts = view.units.select("user", "start").rows()
    for batch in view.predict_dataloader():
        for unit, content in units_of(batch):
            rows[starts[unit]] = pickle.dumps(content)
    return rows


def units_of(batch: Any) -> Iterable[tuple[int, Any]]:  # noqa: ANN401 - each view has its own batch
    """Yield number and content of each unit of a batch."""
    if isinstance(batch, TrajectoryBatch):
        for user, day in batch.is_scored.nonzero().tolist():
            yield (
                int(batch.unit[user, day]),
                [batch.values[user, day].tolist(), batch.hours[user, day].tolist()],
            )
        return
    unit = batch.sequence if isinstance(batch, SequenceBatch) else batch.unit
    skipped = {"unit", "sequence", "label", "behaviour", "following"}
    for row, number in enumerate(unit.tolist()):
        columns = {name: column[row] for name, column in batch._asdict().items() if name not in skipped}
        if "tokens" in columns:
            columns["tokens"] = columns["tokens"][: int(columns["lengths"])]
        yield (
            number,
            {name: value.tolist() if isinstance(value, Tensor) else value for name, value in columns.items()},
        )


def rewrite(store: Path, target: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Path:
    """Copy a store with other events."""
    shutil.copytree(store, target, ignore=shutil.ignore_patterns("views"))
    for shard in Store(target).shards:
        change(pl.read_parquet(shard, glob=False)).write_parquet(shard)
    return target


def busier(rows: pl.DataFrame, where: pl.Expr) -> pl.DataFrame:
    """Return events of which those somewhere happen five times, all mails of it to a stranger."""
    kind = pl.col("kind")
    extra = rows.filter(where & kind.is_in(["http_visit", "email_send", "file_copy"]))
    copies = [
        extra.with_columns(
            event_id=pl.col("event_id") + f"-{number}",
            object=pl.when(pl.col("kind") == "email_send")
            .then(pl.lit("a@rival.example"))
            .otherwise("object"),
        )
        for number in range(4)
    ]
    return pl.concat([rows, *copies]).sort("user", "time", maintain_order=True)


def test_a_checkpoint_names_no_user(fitted: Fitted, store: Path) -> None:
    words = set(strings_of(fitted.state))
    users = Store(store).scan().select(pl.col("user").unique()).collect()["user"]
    assert not [user for user in users if any(user in word for word in words)]


EARLIER: dict[str, dict[str, Any]] = {
    "days": {"features": [], "users": ["ann"], "mean": 0, "std": 1},
    "sequences": {"hours": {"user": ["ann"], "start": [9.0], "end": [17.0]}},
    "narratives": {"hours": {"user": ["ann"], "start": [9.0], "end": [17.0]}},
    "signals": {"moments": {"user": ["ann"]}},
}


@pytest.mark.parametrize("name", EARLIER)
def test_a_checkpoint_of_an_earlier_version_is_refused(name: str, store: Path) -> None:
    view = VIEWS[name](store)
    view.prepare_data()
    view.setup("fit")
    state = {key: value for key, value in view.state_dict().items() if key != "usual"}
    earlier = EARLIER[name] if name == "days" else {**state, **EARLIER[name]}
    with pytest.raises(InputError, match="by an earlier version, which kept users' history in it: fit again"):
        view.load_state_dict(earlier)


def strings_of(state: Any) -> Iterable[str]:  # noqa: ANN401 - a checkpoint holds many types
    """Yield all strings of a state."""
    if isinstance(state, str):
        yield state
    elif isinstance(state, dict):
        for key, value in state.items():
            yield from (*strings_of(key), *strings_of(value))
    elif isinstance(state, list | tuple):
        for value in state:
            yield from strings_of(value)


def test_later_days_change_nothing_of_earlier_ones(fitted: Fitted, store: Path, tmp_path: Path) -> None:
    changed = rewrite(store, tmp_path / "store", lambda rows: busier(rows, pl.col("time") >= CHANGE))
    rows = rows_of(fitted.make, changed, fitted.state)
    earlier = {unit for unit in fitted.rows if unit[1] < CHANGE}
    assert len(earlier) > 500
    assert not [unit for unit in earlier if rows[unit] != fitted.rows[unit]]
    assert any(rows[unit] != fitted.rows[unit] for unit in fitted.rows if unit[1] >= CHANGE)


@pytest.mark.slow  # builds every view once more
def test_another_users_days_change_nothing_of_a_user(fitted: Fitted, store: Path, tmp_path: Path) -> None:
    other = min(user for user, _ in fitted.rows)
    changed = rewrite(
        store,
        tmp_path / "store",
        lambda rows: busier(rows, (pl.col("user") == other) & (pl.col("time") < CHANGE)),
    )
    rows = rows_of(fitted.make, changed, fitted.state)
    assert not [unit for unit in fitted.rows if unit[0] != other and rows[unit] != fitted.rows[unit]]
    assert any(rows[unit] != fitted.rows[unit] for unit in fitted.rows if unit[0] == other)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store of another company: a synthetic r5.2, of which nobody trained."""
    folder = tmp_path_factory.mktemp("elsewhere")
    write_release(folder / "release", release="r5.2", users=10, days=40, seed=8, start=date(2010, 1, 2))
    build_store([folder / "release"], folder / "store", shards=2)
    return folder / "store"


@pytest.mark.slow  # builds every view once more
def test_a_checkpoint_scores_people_and_releases_that_it_never_saw(fitted: Fitted, elsewhere: Path) -> None:
    users = set(Store(elsewhere).scan().select(pl.col("user").unique()).collect()["user"])
    assert not users & {user for user, _ in fitted.rows}
    rows = rows_of(fitted.make, elsewhere, fitted.state)
    assert {user for user, _ in rows} == users
    assert len(set(rows.values())) > 100  # days differ


@pytest.mark.filterwarnings("ignore:the store spans")  # too few days for habits
@pytest.mark.parametrize(
    "until",
    [
        datetime(2010, 2, 28),
        *(pytest.param(day, marks=pytest.mark.slow) for day in (datetime(2010, 1, 8), CHANGE)),
    ],
)
def test_days_are_the_same_before_the_next_ones_are_appended(
    until: datetime, fitted: Fitted, store: Path, tmp_path: Path
) -> None:
    """That appending gives the store that is built at once, tests/store/build/test_append.py proves."""
    derive_store(store, tmp_path / "store", until)
    rows = rows_of(fitted.make, tmp_path / "store", fitted.state)
    assert len(rows) > 50
    # Units that the cut cuts short, and days without activity after a user's last one, are another thing.
    whole = {unit: content for unit, content in rows.items() if unit[1].date() < until.date()}
    assert not [unit for unit, content in whole.items() if fitted.rows[unit] != content]
