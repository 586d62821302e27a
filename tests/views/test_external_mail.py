"""All views agree which mail is external."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.splits import Dates
from itd_lightning.views import Days, Narratives, Sequences, Trajectories, Windows
from tests.views.narratives.test_view import add_tables
from tests.views.windows.test_view import event, write_store

SPLIT = Dates(date(2010, 3, 5), date(2010, 3, 7))
# One a day, to somebody ...
RECIPIENTS = {
    "rival@gmail.com": True,
    "bob@corp.example": False,
    "bob@CORP.example;rival@gmail.com": True,
    "eve@dtaa.com": True,
}


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of a company with one private address among a hundred."""
    mails = [
        event("email_send", f"03-{day:02d} 10:00:00", object=recipients)
        for day, recipients in enumerate(RECIPIENTS, start=1)
    ]
    folder = add_tables(write_store(tmp_path_factory.mktemp("corp"), [mails]))
    users = [f"user{number}" for number in range(100)]
    emails = [*(f"{user}@corp.example" for user in users[:99]), "boss@gmail.com"]
    pl.DataFrame({"user": users, "name": users, "email": emails}).with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in ("team", "department", "role", "supervisor")),
        valid_from=pl.lit(date(2009, 1, 1)),
        valid_to=pl.lit(date(2012, 1, 1)),
    ).write_parquet(folder / "people.parquet")
    return folder


def by_windows(store: Path) -> pl.Series:
    """Return the external mails of each day."""
    view = Windows(store, SPLIT)
    view.prepare_data()
    view.setup("predict")
    return pl.Series(view.counts[..., view.columns.index("email_external")].sum(axis=1) > 0)


def by_sequences(store: Path) -> pl.Series:
    """Return the external mails of each day."""
    view = Sequences(store, SPLIT, unit="day")
    view.prepare_data()
    rows = pl.concat(pl.read_parquet(shard, glob=False) for shard in view.shards)
    return rows.sort("time")["object_class"] == "external"


def by_days(store: Path) -> pl.Series:
    """Return the external mails of each day."""
    view = Days(store, SPLIT)
    view.prepare_data()
    view.setup("predict")
    return view.table["email_external_count"] > 0


def by_narratives(store: Path) -> pl.Series:
    """Return the external mails of each day."""
    view = Narratives(store, SPLIT)
    view.prepare_data()
    rows = pl.read_parquet(next(iter(view.folder.glob("shard=*.parquet"))), glob=False)
    return rows.sort("time")["thing"].str.ends_with("to outsider address")


def by_trajectories(store: Path) -> pl.Series:
    """Return the external mails of each day."""
    view = Trajectories(store, SPLIT)
    view.prepare_data()
    return pl.read_parquet(view.path, glob=False)["email_external"] > 0


VIEWS = [by_windows, by_sequences, by_days, by_narratives, by_trajectories]


@pytest.mark.parametrize("external", VIEWS, ids=lambda view: view.__name__)
def test_a_private_address_in_the_directory_makes_no_provider_part_of_the_company(
    external: Callable[[Path], pl.Series], corp: Path
) -> None:
    assert external(corp).to_list() == list(RECIPIENTS.values())


def test_the_company_of_the_published_windows_is_certs(corp: Path) -> None:
    view = Windows(corp, SPLIT, company="cert")
    view.prepare_data()
    view.setup("predict")
    assert view.counts[..., view.columns.index("email_external")].sum(axis=1).tolist() == [1, 1, 1, 0]
