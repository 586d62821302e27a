"""What read access to a store promises."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS, FAMILY_KINDS
from itd_lightning.events.calendar import work_calendar
from itd_lightning.events.pcs import own_pcs
from itd_lightning.store.presence import days_present, pc_use
from itd_lightning.store.read import Store


def write_store(folder: Path, manifest: str, shards: int = 2) -> Path:
    """Write a manifest and empty shards."""
    for shard in range(shards):
        target = folder / "events" / f"shard={shard:03d}"
        target.mkdir(parents=True)
        pl.DataFrame(schema=EVENTS).write_parquet(target / "events.parquet")
    (folder / "manifest.json").write_text(manifest)
    return folder


MANIFEST = {"schema": 3, "fingerprint": "abc", "options": {"shards": 2}}


def test_a_store_knows_its_shards_in_order_and_its_fingerprint(tmp_path: Path) -> None:
    store = Store(write_store(tmp_path, json.dumps(MANIFEST)))
    assert [shard.parent.name for shard in store.shards] == ["shard=000", "shard=001"]
    assert store.fingerprint == "abc"
    assert store.scan().collect().schema == EVENTS


def test_a_store_built_before_kinds_were_written_down_may_hold_any_of_cert(tmp_path: Path) -> None:
    assert Store(write_store(tmp_path / "old", json.dumps(MANIFEST))).records == FAMILY_KINDS
    new = {**MANIFEST, "records": ["logon", "logoff"]}
    assert Store(write_store(tmp_path / "new", json.dumps(new))).records == {"logon", "logoff"}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("", "is damaged; build the store again"),
        ('{"schema": 3, "finger', "is damaged; build the store again"),
        ('"text"', "is damaged; build the store again"),
        ("7", "is damaged; build the store again"),
        ("[]", "has schema version None, this program reads 3; build it again"),
        ("{}", "has schema version None, this program reads 3; build it again"),
        ('{"schema": 2}', "has schema version 2, this program reads 3; build it again"),
    ],
)
def test_a_store_that_cannot_be_read_is_refused_in_one_line(
    manifest: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        Store(write_store(tmp_path, manifest))
    assert "\n" not in str(raised.value)


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is damaged"):
        Store(tmp_path)


def test_a_folder_without_a_manifest_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no event store at .*; build it with `itd prepare SOURCE --store"):
        Store(tmp_path)


@pytest.mark.parametrize("shards", [0, 1, 3])
def test_a_missing_or_foreign_shard_is_refused(shards: int, tmp_path: Path) -> None:
    store = Store(write_store(tmp_path, json.dumps(MANIFEST), shards))
    with pytest.raises(InputError, match=f"holds {shards} of its 2 shards; build it again$"):
        store.scan()


def test_a_view_lies_elsewhere_for_another_name_setting_source_or_store(tmp_path: Path) -> None:
    store = Store(write_store(tmp_path / "one", json.dumps(MANIFEST)))
    folder = store.view_folder("windows", {"a": 1, "b": (2, 3)}, "code")
    assert folder.parent == tmp_path / "one" / "views"
    assert folder.name.startswith("windows-")
    assert store.view_folder("windows", {"b": (2, 3), "a": 1}, "code") == folder
    other = Store(write_store(tmp_path / "two", json.dumps({**MANIFEST, "fingerprint": "abd"})))
    names = [
        store.view_folder("windows", {"a": 1, "b": (2, 4)}, "code").name,
        store.view_folder("windows", {"a": 1, "b": (2, 3)}, "other code").name,
        store.view_folder("signals", {"a": 1, "b": (2, 3)}, "code").name.replace("signals", "windows"),
        other.view_folder("windows", {"a": 1, "b": (2, 3)}, "code").name,
    ]
    assert len({folder.name, *names}) == 5


def test_presence_calendar_and_own_pcs_are_those_of_all_shards(store: Path) -> None:
    opened = Store(store)
    events = opened.scan().collect()
    assert opened.presence().sort("user", "day").equals(days_present(events))
    assert work_calendar(opened.presence()).equals(work_calendar(days_present(events)))
    assert own_pcs(opened.pc_use()).sort("user", "from_day").equals(own_pcs([pc_use(events)]))
    assert work_calendar(opened.presence())["kind"].n_unique() > 1
    assert own_pcs(opened.pc_use())["user"].n_unique() == 24


def test_people_are_none_where_the_source_does_not_say(store: Path, tmp_path: Path) -> None:
    known = Store(store).people()
    assert known is not None
    assert known["user"].n_unique() == 24
    shutil.copytree(store, tmp_path / "store")
    (tmp_path / "store" / "people.parquet").unlink()
    assert Store(tmp_path / "store").people() is None


def test_a_damaged_part_is_named_with_the_way_out(tmp_path: Path) -> None:
    store = Store(write_store(tmp_path, json.dumps(MANIFEST)))
    (store.shards[0].with_name("presence.parquet")).write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"presence\.parquet cannot be read: .*; prepare the store again"):
        store.presence()
