"""A release smaller than the slice of the other tests: builds are made anew in nearly every test here."""

from datetime import date
from pathlib import Path

import pytest

from itd_lightning.ingest import build_store
from itd_lightning.synth import write_release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a synthetic r4.2 of eight users and 98 days with two insiders."""
    folder = tmp_path_factory.mktemp("small") / "release"
    write_release(folder, users=8, days=98, seed=3, start=date(2010, 1, 2), insiders=0.25)
    return folder


@pytest.fixture(scope="session")
def store(release: Path) -> Path:
    """Return its event store."""
    folder = release.parent / "store"
    build_store([release], folder, shards=4)
    return folder
