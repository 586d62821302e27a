"""What a user usually does is read off the user's earlier days; nothing of it lies in a checkpoint."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.splits import Dates
from itd_lightning.store.read import Store
from itd_lightning.store.truncate import derive_store
from itd_lightning.views import Narratives, Sequences

SPLIT = Dates(val_from=date(2010, 3, 1), test_from=date(2010, 3, 15))
HistoryView = Sequences | Narratives


def open_view(kind: type[HistoryView], store: Path, fitted: HistoryView | None = None) -> HistoryView:
    """Return a view that is fitted on a store, or reads it with what another one fitted."""
    view = Sequences(store, SPLIT, unit="day") if kind is Sequences else kind(store, SPLIT)
    if fitted is not None:
        view.load_state_dict(fitted.state_dict())
    view.prepare_data()
    view.setup("fit" if fitted is None else "predict")
    return view


def words_of_days(view: HistoryView, until: datetime) -> list[object]:
    """Return what a view says of all user-days before a moment."""
    days = (view.units["start"] < until).arg_true().cast(pl.Int64).to_numpy()
    if isinstance(view, Narratives):
        assert view.hours is not None
        return list(view.narrate(days, view.hours))
    tokens = view.rows().tokens
    return [tokens[view.first[day] :][: view.length[day]].tolist() for day in days]


def strings_in(value: object) -> Iterator[str]:
    """Yield all strings in a nested state, keys included."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            yield from strings_in(item)
    else:
        yield str(value)


@pytest.fixture(scope="module", params=[Sequences, Narratives])
def fitted(store: Path, request: pytest.FixtureRequest) -> HistoryView:
    """Return a view that was fitted on the slice."""
    return open_view(request.param, store)


def test_a_checkpoint_names_no_user(fitted: HistoryView) -> None:
    text = "\n".join(strings_in(fitted.state_dict()))
    users = Store(fitted.store).scan().select("user").unique().collect()["user"]
    assert len(users) == 24
    assert not [user for user in users if user in text]
    assert len(fitted.state_dict()["hours"]) == 2


def test_a_checkpoint_with_hours_of_users_is_refused(fitted: HistoryView) -> None:
    state = {**fitted.state_dict(), "hours": {"user": ["ann"], "start": [9.0], "end": [17.0]}}
    with pytest.raises(InputError, match="of an earlier version: fit again"):
        fitted.load_state_dict(state)


@pytest.mark.filterwarnings("ignore:the store spans 7 days")
@pytest.mark.parametrize("until", [datetime(2010, 1, 11), datetime(2010, 3, 16)])
def test_days_that_are_added_change_nothing_of_earlier_ones(
    fitted: HistoryView, until: datetime, tmp_path: Path
) -> None:
    before = derive_store(fitted.store, tmp_path / "before", until)
    view = open_view(type(fitted), before.path, fitted)
    assert len(view.units) > 90
    assert words_of_days(view, until) == words_of_days(fitted, until)
