"""A build that was killed, wherever it was, goes on; and the store does not tell how it was built."""

import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from itd_lightning.executors import Place
from itd_lightning.ingest import build_store
from itd_lightning.sources.base import Piece, Source
from itd_lightning.sources.cert import pieces
from itd_lightning.store.build import stage
from itd_lightning.store.read import Store
from itd_lightning.synth import write_release

SMALL_PIECE = 1 << 20  # bytes: a slice of 35 MB then has many


def files(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def straight(release: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of the store that is built in one go, in small pieces."""
    store = tmp_path_factory.mktemp("straight") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", SMALL_PIECE)
        manifest = build_store([release], store, shards=8)
    assert all(log["read"] == log["kept"] + log["rejected"] for log in manifest["logs"].values())
    return files(store)


def test_what_is_staged_is_not_read_again(
    release: Path, straight: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", SMALL_PIECE)
    whole = stage.write_piece
    written: list[Path] = []

    def write(job: stage.Job, source: Source, piece: Piece, folder: Path) -> stage.PieceNote:
        if len(written) == 10:
            raise KeyboardInterrupt
        written.append(folder)
        return whole(job, source, piece, folder)

    monkeypatch.setattr(stage, "write_piece", write)
    with pytest.raises(KeyboardInterrupt):
        build_store([release], tmp_path / "store", shards=8)
    assert len(list((tmp_path / ".store.partial" / "staging").iterdir())) == 10
    written.clear()

    def again(job: stage.Job, source: Source, piece: Piece, folder: Path) -> stage.PieceNote:
        written.append(folder)
        return whole(job, source, piece, folder)

    monkeypatch.setattr(stage, "write_piece", again)
    build_store([release], tmp_path / "store", shards=8)
    logs = Store(tmp_path / "store").manifest["logs"]
    assert (
        len(written) == sum(-(-(release / f"{log}.csv").stat().st_size // SMALL_PIECE) for log in logs) - 10
    )
    assert files(tmp_path / "store") == straight


def test_a_changed_log_is_read_from_the_beginning(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for log in ("logon", "device", "file", "email", "http"):
        text = (release / f"{log}.csv").read_text().splitlines(keepends=True)
        (own / f"{log}.csv").write_text("".join(text[:50]))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("itd_lightning.store.build.build.sort_shards", killed)
        with pytest.raises(KeyboardInterrupt):
            build_store([own], tmp_path / "store", shards=2)
    with (own / "logon.csv").open("a") as file:
        file.write("{X},01/04/2010 07:00:00,zoe,PC-9,Logon\n")
    assert build_store([own], tmp_path / "store", shards=2)["events"] == 5 * 49 + 1


def archive(release: Path, target: Path) -> Path:
    """Pack a release."""
    with tarfile.open(target, "w:bz2", compresslevel=1) as tar:
        tar.add(release, "r4.2")
    return target


def test_an_archive_gives_the_store_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", SMALL_PIECE >> 3)
    write_release(tmp_path / "r4.2", users=8, days=30, seed=3)  # to pack the whole slice takes seconds
    build_store([tmp_path / "r4.2"], tmp_path / "straight", shards=8)
    build_store([archive(tmp_path / "r4.2", tmp_path / "r4.2.tar.bz2")], tmp_path / "store", shards=8)
    assert files(tmp_path / "store") == files(tmp_path / "straight")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r4.2", "r4.2.tar.bz2", "store", "straight"]


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "place"), [(2, "local"), (2, "ray")])
def test_two_processes_and_ray_give_the_same_files(
    workers: int, place: Place, release: Path, tmp_path: Path
) -> None:
    if place == "ray":
        pytest.importorskip("ray")
    build_store([release], tmp_path / "one", shards=8)
    build_store([release], tmp_path / "several", shards=8, workers=workers, place=place)
    assert files(tmp_path / "one") == files(tmp_path / "several")


BUILD = """
import sys
from pathlib import Path
from itd_lightning.sources.cert import pieces
from itd_lightning.ingest import build_store
if __name__ == "__main__":
    pieces.PIECE = 1 << 20
    source, store, workers, *append = sys.argv[1:]
    shards = None if append else 8
    build_store([Path(source)], Path(store), shards=shards, workers=int(workers), append=bool(append))
"""


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments_and_continued_it_is_the_same_store(
    workers: int, packed: bool, release: Path, straight: dict[str, bytes], tmp_path: Path
) -> None:
    source = archive(release, tmp_path / "r4.2.tar.bz2") if packed else release
    script = tmp_path / "build.py"
    script.write_text(BUILD)
    command = [sys.executable, str(script), str(source), str(tmp_path / "store"), str(workers)]
    dice = random.Random(workers)
    kills = 0
    while kills < 5:  # of 20 over the four cases
        with subprocess.Popen(command, stderr=subprocess.PIPE) as build:
            partial = tmp_path / ".store.partial"
            while not partial.exists() and build.poll() is None:
                time.sleep(0.005)
            time.sleep(dice.uniform(0, 0.7))
            if build.poll() is None:
                build.send_signal(signal.SIGKILL)
                kills += 1
            elif build.returncode == 0:
                break
        assert not (tmp_path / "store").exists() or build.returncode == 0
    if not (tmp_path / "store").exists():
        subprocess.run(command, check=True)
    assert files(tmp_path / "store") == straight
    manifest = Store(tmp_path / "store").manifest
    assert all(log["read"] == log["kept"] + log["rejected"] for log in manifest["logs"].values())
    assert not (tmp_path / ".store.partial").exists()


@pytest.mark.slow
def test_an_addition_that_is_killed_at_random_moments_is_made_once(
    release: Path, straight: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", SMALL_PIECE)
    for name in ("killed", "whole"):
        for path, content in straight.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(content)
    build_store([release], tmp_path / "whole", append=True)
    script = tmp_path / "build.py"
    script.write_text(BUILD)
    store = tmp_path / "killed"
    command = [sys.executable, str(script), str(release), str(store), "1", "append"]
    dice = random.Random(3)
    for _ in range(6):
        with subprocess.Popen(command, stderr=subprocess.PIPE) as build:
            time.sleep(dice.uniform(0.4, 2.2))
            build.kill()
        if len(Store(store).manifest["sources"]) == 2:
            break
    if len(Store(store).manifest["sources"]) == 1 or (tmp_path / ".killed.partial").exists():
        subprocess.run(command, check=True)
    assert files(store) == files(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build.py", "killed", "whole"]
