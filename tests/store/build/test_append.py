"""A store that is added to is the one that would have been built at once, from the same logs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.contracts.files import aside, exchange
from itd_lightning.ingest import build_store
from itd_lightning.store.build import build, publish
from itd_lightning.store.read import Store

LAST_WEEK = ("04/03/2010", "04/09/2010")
NAMES = ("logon", "device", "file", "email", "http")


def take(release: Path, folder: Path, keep: Callable[[str], bool]) -> Path:
    """The part of a release whose days fit, with LDAP and key."""
    folder.mkdir()
    for name in NAMES:
        header, *rows = (release / f"{name}.csv").read_text().splitlines(keepends=True)
        kept = [row for row in rows if keep(row.split(",", 2)[1][:10])]
        (folder / f"{name}.csv").write_text("".join([header, *kept]))
    return folder


def files(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def parts(release: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return all but the last week of the slice, with its key and directory, and that week."""
    folder = tmp_path_factory.mktemp("parts")
    first, last = LAST_WEEK
    before = take(release, folder / "before", lambda day: day < first)
    week = take(release, folder / "week", lambda day: first <= day <= last)
    shutil.copytree(release / "answers", before / "answers")
    shutil.copytree(release / "LDAP", before / "LDAP")
    (week / "LDAP").mkdir()
    (before / "LDAP" / "2010-04.csv").rename(week / "LDAP" / "2010-04.csv")
    shutil.copy(release / "psychometric.csv", before)
    return before, week


@pytest.fixture(scope="module")
def added(parts: tuple[Path, Path]) -> Path:
    """Return the store to which the week was added."""
    before, week = parts
    store = before.parent / "added"
    build_store([before], store, shards=4, content=["email_send"])
    build_store([week], store, append=True)
    return store


def test_adding_a_week_gives_the_store_built_at_once(parts: tuple[Path, Path], added: Path) -> None:
    straight = parts[0].parent / "straight"
    build_store(parts, straight, shards=4, content=["email_send"])
    assert files(added) == files(straight)


def test_it_holds_the_events_of_the_whole_release_in_the_same_order(release: Path, added: Path) -> None:
    whole = added.with_name("whole")
    build_store([release], whole, shards=4, content=["email_send"])
    for shard, other in zip(Store(added).shards, Store(whole).shards, strict=True):
        assert shard.read_bytes() == other.read_bytes()
    for name in ("people.parquet", "answers/malicious.parquet", "answers/campaigns.parquet"):
        assert pl.read_parquet(added / name).equals(pl.read_parquet(whole / name))
    assert Store(added).manifest["logs"] == {
        name: {what: log[what] for what in ("read", "kept", "rejected")}
        for name, log in Store(whole).manifest["logs"].items()
    }


def test_only_shards_of_users_with_new_events_are_written_again(
    parts: tuple[Path, Path], tmp_path: Path
) -> None:
    before, week = parts
    store = tmp_path / "store"
    build_store([before], store, shards=16)
    user = (week / "logon.csv").read_text().splitlines()[1].split(",")[2]
    few = tmp_path / "few"
    few.mkdir()
    for name in NAMES:
        header, *rows = (week / f"{name}.csv").read_text().splitlines(keepends=True)
        (few / f"{name}.csv").write_text("".join([header, *(row for row in rows if f",{user}," in row)]))
    old = {path.parent.name: path.stat().st_ino for path in Store(store).shards}
    build_store([few], store, append=True)
    new = {path.parent.name: path.stat().st_ino for path in Store(store).shards}
    assert [name for name in old if old[name] != new[name]] == [
        path.parent.name for path in Store(store).shards if user in set(pl.read_parquet(path)["user"])
    ]


def test_the_same_week_twice_is_refused_row_by_row(parts: tuple[Path, Path], tmp_path: Path) -> None:
    before, week = parts
    store = tmp_path / "store"
    build_store([before], store, shards=2)
    once = build_store([week], store, append=True)
    twice = build_store([week], store, append=True)
    new = twice["sources"][2]
    assert all(log["read"] == log["rejected"] > 0 for log in new.values())
    assert twice["events"] == once["events"]
    rejects = pl.read_parquet(store / "rejects" / "rejects.parquet").filter(source=2)
    assert set(rejects["reason"]) == {"duplicate id"}
    assert rejects.filter(file="device.csv")["line"].to_list() == list(range(2, new["device"]["read"] + 2))


def row(number: int, log: str) -> str:
    """A row of a log at one and the same moment."""
    tail = {"logon": "Logon", "device": "Connect", "file": "a.doc,x", "email": "a@x.org,,,b@x.org,1,0,x"}
    return f"{{{log}{number}}},01/04/2010 12:00:00,ann,PC-1,{tail.get(log, 'http://x.org/,x')}\n"


def write(release: Path, folder: Path, numbers: range) -> Path:
    """Write such rows into all logs."""
    folder.mkdir()
    for name in NAMES:
        header = (release / f"{name}.csv").read_text().partition("\n")[0]
        (folder / f"{name}.csv").write_text(f"{header}\n" + "".join(row(number, name) for number in numbers))
    return folder


def test_what_is_added_late_finds_its_place_among_events_of_the_same_second(
    release: Path, tmp_path: Path
) -> None:
    one, two = write(release, tmp_path / "one", range(2)), write(release, tmp_path / "two", range(2, 4))
    build_store([one], tmp_path / "store", shards=1)
    build_store([two], tmp_path / "store", append=True)
    build_store([write(release, tmp_path / "both", range(4))], tmp_path / "at once", shards=1)
    found = Store(tmp_path / "store").scan().collect()
    assert found["event_id"].to_list() == [f"{{{name}{number}}}" for name in NAMES for number in range(4)]
    assert found.equals(Store(tmp_path / "at once").scan().collect())
    assert found.schema == EVENTS


def test_an_addition_that_is_interrupted_leaves_the_store_as_it_was_and_goes_on(
    parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, week = parts
    store = tmp_path / "store"
    build_store([before], store, shards=2)
    old = files(store)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, "publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_store([week], store, append=True)
    assert files(store) == old
    build_store([week], store, append=True)
    build_store(parts, tmp_path / "straight", shards=2)
    assert files(store) == files(tmp_path / "straight")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "straight"]


@pytest.mark.parametrize("moment", ["exchange", "remove", "second of three renames"])
def test_an_addition_that_is_killed_after_the_exchange_is_not_added_twice(
    moment: str, parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, week = parts
    store = tmp_path / "store"
    build_store([before], store, shards=2)

    def killed(one: Path, other: Path) -> None:
        if moment == "second of three renames":
            other.rename(aside(other))
            one.rename(other)
            raise KeyboardInterrupt
        exchange(one, other)
        if moment == "remove":
            shutil.rmtree(one / "events")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publish, "exchange", killed)
        with pytest.raises(KeyboardInterrupt):
            build_store([week], store, append=True)
    manifest = build_store([week], store, append=True)
    build_store(parts, tmp_path / "straight", shards=2)
    assert files(store) == files(tmp_path / "straight")
    assert manifest == Store(store).manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "straight"]


@pytest.mark.parametrize("system", ["in one step", "by two renames"])
def test_two_folders_change_names(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if system == "by two renames":
        monkeypatch.setattr("itd_lightning.contracts.files.ctypes.CDLL", lambda *_, **__: None)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "said").write_text(name)
    exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one" / "said").read_text() == "other"
    assert (tmp_path / "other" / "said").read_text() == "one"
    assert len(list(tmp_path.iterdir())) == 2


def test_an_addition_that_ended_between_two_renames_is_found_again(
    parts: tuple[Path, Path], tmp_path: Path
) -> None:
    before, week = parts
    store = tmp_path / "store"
    build_store([before], store, shards=2)
    store.rename(aside(store))
    build_store([week], store, append=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
    assert len(Store(store).manifest["sources"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 3}, r"was built with \{'shards': 2, 'content': 'all'\}, which --append keeps"),
        ({"content": []}, "which --append keeps"),
        ({"release": "r5.2"}, r"holds r4\.2; r5\.2 cannot be added to it"),
    ],
)
def test_another_option_than_the_stores_is_refused(
    options: dict[str, object], message: str, parts: tuple[Path, Path], tmp_path: Path
) -> None:
    build_store(parts[:1], tmp_path / "store", shards=2)
    with pytest.raises(InputError, match=message):
        build_store(parts[1:], tmp_path / "store", append=True, **options)  # type: ignore[arg-type]


def test_nothing_can_be_added_to_no_store(parts: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no event store at"):
        build_store(parts[1:], tmp_path / "store", append=True)
