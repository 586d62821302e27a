"""Pages over cases and an event store made by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from itd_lightning.alerts.cases.store import CaseStore
from tests.serve.handmade_pages import Site, add_cases, make_site


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[CaseStore]:
    """Return a case store with ten open cases."""
    with CaseStore.open(tmp_path / "cases.sqlite") as store:
        add_cases(store)
        yield store


@pytest.fixture
def site(cases: CaseStore) -> Site:
    """Return the pages of the case store, without an event store."""
    return make_site(cases)


@pytest.fixture
def client(site: Site) -> TestClient:
    """Return a browser that was let in."""
    return site.enter()
