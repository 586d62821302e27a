"""Files that name people are their owner's alone, whatever the umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from itd_lightning.cli import main
from itd_lightning.ingest import build_store

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture(params=[0o022, 0o077], ids=["022", "077"])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let this process have a usual umask, and a strict one."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Return what lies in a folder, itself included, and is not 0600, or 0700 if it is a folder."""
    modes = {path: path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
    usual = {path: 0o700 if path.is_dir() else 0o600 for path in modes}
    return [f"{path} {modes[path]:o}" for path in modes if modes[path] != usual[path]]


@pytest.mark.slow
@pytest.mark.usefixtures("_umask")
def test_everything_from_the_logs_to_the_report_is_its_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "work"
    run, store = place / "run", place / "store"
    size = ["--users=24", "--days=98", "--seed=3", "--insiders=0.25"]
    main(["synth", str(tmp_path / "release"), *size])
    main(["prepare", str(tmp_path / "release"), f"--store={store}", "--shards=2", "--workers=2"])
    where = [f"--data.store={store}", f"--trainer.default_root_dir={run}", "--trainer.max_epochs=1"]
    main(["fit", f"--config={CONFIGS / 'mask_value.yaml'}", *where])
    main(["test", f"--ckpt_path={run / 'checkpoints' / 'best.ckpt'}"])
    main(["predict", f"--ckpt_path={run / 'checkpoints' / 'best.ckpt'}"])
    main(["threshold", str(run), "--budget=1/day"])
    main(["audit", str(run)])
    main(["report", str(run), f"--out={place / 'report'}"])
    main(["thin", str(store), f"--out={place / 'thin'}"])
    made = {path.name for path in place.rglob("*")}
    assert {"people.parquet", "raw", "rejects.parquet", "cells.parquet", "best.ckpt", "metrics.csv"} <= made
    assert {"scores.parquet", "explanations.parquet", "threshold.json", "audit.json", "report.html"} <= made
    assert open_to_others(place) == []


@pytest.mark.usefixtures("_umask")
def test_a_store_that_is_built_from_python_is_its_owners_alone(release: Path, tmp_path: Path) -> None:
    build_store([release], tmp_path / "store", shards=2)
    assert open_to_others(tmp_path / "store") == []
