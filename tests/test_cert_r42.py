"""The development half of a genuine CERT r4.2 slice: 40 users, every channel, 17 months. Counts only, no row.

The data is (c) 2011 ExactData, LLC, and lies outside of the repository; ITD_CERT_R42 names its folder.
"""

import os
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.ingest import build_store
from itd_lightning.splits import Campaigns
from itd_lightning.splits.labels import label_units
from itd_lightning.store.key import read_key
from itd_lightning.views import Windows

pytestmark = pytest.mark.cert


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store of the genuine slice."""
    source = os.environ.get("ITD_CERT_R42")
    if source is None:
        pytest.skip("ITD_CERT_R42 names no genuine slice")
    store = tmp_path_factory.mktemp("r42") / "store"
    manifest = build_store([Path(source)], store)
    assert (manifest["events"], manifest["users"]) == (981_180, 40)
    assert manifest["answers"]["campaigns"] == 35
    assert manifest["answers"]["found_by_id"] == 3_504
    return store


def test_eleven_campaigns_last_between_one_and_seven_days(genuine: Path) -> None:
    assert len(Campaigns().campaigns(genuine)) == 11


def test_the_published_windows_are_there_to_the_window(genuine: Path) -> None:
    view = Windows(genuine, Campaigns(val_share=0.0), align="published")
    view.prepare_data()
    view.setup("fit")
    assert (len(view.part("train")), len(view.part("test"))) == (2_474, 671)
    tested = label_units(view.units.filter(pl.col("part") == "test"), read_key(genuine), "interval")
    assert tested["malicious"].sum() == 45
