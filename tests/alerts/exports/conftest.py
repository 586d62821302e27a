"""Runs and case stores, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from itd_lightning.alerts.cases.store import CaseStore
from tests.handmade_runs import benign, evaluation, make_run

__all__ = ["benign", "evaluation", "make_run"]


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[CaseStore]:
    """Return an empty case store."""
    with CaseStore.open(tmp_path / "cases.sqlite") as store:
        yield store
