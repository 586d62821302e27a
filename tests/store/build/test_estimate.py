"""What a build will cost is said before it begins, about right."""

import tarfile
from pathlib import Path

import pytest

from itd_lightning.ingest import plan_store
from itd_lightning.store.build.build import build
from itd_lightning.store.build.estimate import Estimate, estimate
from itd_lightning.store.build.plan import choose_shards
from itd_lightning.synth import write_release


def size(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("content", [None, []])
def test_rows_and_disk_are_estimated_from_a_sample(
    content: list[str] | None, release: Path, tmp_path: Path
) -> None:
    plan = plan_store([release], tmp_path / "store", content=content)
    cost = estimate(plan, workers=1)
    manifest = build(plan)
    assert cost.rows == pytest.approx(manifest["events"], rel=0.03)
    assert cost.store_bytes == pytest.approx(size(tmp_path / "store" / "events"), rel=0.6)
    assert cost.peak_bytes > cost.store_bytes
    assert cost.free_bytes > 0
    assert 0 < cost.seconds < 60


def test_two_workers_take_half_the_time(release: Path, tmp_path: Path) -> None:
    plan = plan_store([release], tmp_path / "new" / "store")
    one, two = estimate(plan, workers=1), estimate(plan, workers=2)
    assert isinstance(two, Estimate)
    assert two.seconds < one.seconds
    assert two.rows == one.rows


def test_an_archive_is_estimated_by_how_fast_it_unpacks(tmp_path: Path) -> None:
    release = tmp_path / "r4.2"
    write_release(release, users=8, days=30, seed=3)  # to pack the whole slice takes seconds
    with tarfile.open(tmp_path / "r4.2.tar.bz2", "w:bz2") as tar:
        tar.add(release, "r4.2")
    cost = estimate(plan_store([tmp_path / "r4.2.tar.bz2"], tmp_path / "store"), workers=1)
    assert cost.rows == pytest.approx(size(release) / 500, rel=0.6)
    assert cost.seconds > 0


@pytest.mark.parametrize(
    ("gib", "memory", "shards"),
    [
        (0, 3.0, 16),
        (1, 3.0, 16),
        (5, 3.0, 32),
        (16, 3.0, 64),
        (16, 0.6, 128),
        (100, 3.0, 256),
        (999, 0.1, 1024),
    ],
)
def test_shards_grow_with_the_release_and_shrink_with_memory(gib: int, memory: float, shards: int) -> None:
    assert choose_shards(gib << 30, memory) == shards
