"""What `itd prepare` promises: every row accounted for, the same store from the same logs, all or nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError, LostWorkerError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.ingest import build_store, plan_store
from itd_lightning.sources.cert import pieces
from itd_lightning.store.build import build as build_module
from itd_lightning.store.build.publish import lock_build, publish
from itd_lightning.store.build.shards import shard_of
from itd_lightning.store.read import Store
from tests.store.handmade import HEADERS, INSIDER, KEY, LOGS, NOON, write_key, write_ldap, write_logs

IN_ORDER = ["{L1}", "{L3}", "{L4}", "{D1}", "{F1}", "{E1}", "{H2}", "{H1}"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return five logs, ten rows, without key and LDAP."""
    return write_logs(tmp_path / "source")


def events(store: Path) -> pl.DataFrame:
    """All events of a store."""
    return Store(store).scan().collect()


def files(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def ids(store: Path, user: str) -> list[str]:
    """Event ids of a user in the store's order."""
    return events(store).filter(pl.col("user") == user)["event_id"].to_list()


def test_the_manifest_counts_what_went_in(source: Path, tmp_path: Path) -> None:
    bad = [*LOGS["logon"], "{L9},01/04/2010 12:00:00,ann", *LOGS["logon"][:1]]
    write_logs(source, {"logon": bad})
    manifest = build_store([source], tmp_path / "store", shards=3)
    assert json.loads((tmp_path / "store" / "manifest.json").read_text()) == manifest
    counts = {name: (log["read"], log["kept"], log["rejected"]) for name, log in manifest["logs"].items()}
    assert counts == {
        "logon": (6, 4, 2),
        "device": (2, 2, 0),
        "file": (1, 1, 0),
        "email": (1, 1, 0),
        "http": (2, 2, 0),
    }
    assert {name: manifest[name] for name in ("schema", "release", "users", "events", "first", "last")} == {
        "schema": 3,
        "release": "r4.2",
        "users": 2,
        "events": 10,
        "first": "2010-01-04 08:00:00",
        "last": "2010-01-04 12:00:00",
    }
    assert (manifest["people"], manifest["answers"], manifest["options"]) == (
        None,
        None,
        {"shards": 3, "content": "all"},
    )


def test_every_rejected_row_stands_in_the_store_with_file_line_and_reason(
    source: Path, tmp_path: Path
) -> None:
    write_logs(source, {"logon": ["", *LOGS["logon"], LOGS["logon"][1]], "http": ["x", *LOGS["http"]]})
    build_store([source], tmp_path / "store")
    assert pl.read_parquet(tmp_path / "store" / "rejects" / "rejects.parquet").rows() == [
        (0, "http.csv", 2, "expected 6 fields, got 1"),
        (0, "logon.csv", 2, "empty line"),
        (0, "logon.csv", 7, "duplicate id"),
    ]


def test_of_equal_ids_in_one_log_of_a_user_the_first_is_kept(source: Path, tmp_path: Path) -> None:
    later = "{L1},01/03/2010 08:00:00,ann,PC-7,Logoff"  # earlier in time, later in the file
    write_logs(source, {"logon": [*LOGS["logon"], later]})
    build_store([source], tmp_path / "store")
    kept = events(tmp_path / "store").filter(pl.col("event_id") == "{L1}")
    assert kept["pc"].to_list() == ["PC-1"]


def test_an_id_of_two_users_or_of_two_logs_is_kept_twice(source: Path, tmp_path: Path) -> None:
    twice = ["{L1},01/04/2010 08:00:00,bob,PC-2,Logon", *LOGS["logon"]]
    device = ["{L1},01/04/2010 09:00:00,ann,PC-1,Connect"]
    write_logs(source, {"logon": twice, "device": device})
    manifest = build_store([source], tmp_path / "store", shards=1)
    assert sum(log["rejected"] for log in manifest["logs"].values()) == 0
    found = events(tmp_path / "store").filter(pl.col("event_id") == "{L1}").select("user", "kind").rows()
    assert found == [("ann", "logon"), ("ann", "connect"), ("bob", "logon")]


def test_equal_times_keep_the_order_of_the_logs_and_then_of_the_file(source: Path, tmp_path: Path) -> None:
    build_store([source], tmp_path / "store")
    assert ids(tmp_path / "store", "ann") == IN_ORDER


def test_the_order_does_not_depend_on_blocks(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK", 16)
    monkeypatch.setattr(pieces, "PIECE", 100)
    rows = [f"{{H{n}}},{NOON},ann,PC-1,http://{n}.org/,w" for n in range(30)]
    write_logs(source, {"http": rows})
    build_store([source], tmp_path / "store")
    assert ids(tmp_path / "store", "ann") == [*IN_ORDER[:6], *(f"{{H{n}}}" for n in range(30))]


def test_the_number_of_shards_changes_neither_the_events_nor_their_order(
    release: Path, tmp_path: Path
) -> None:
    found = {}
    for shards in (1, 7):
        build_store([release], tmp_path / str(shards), shards=shards)
        store = Store(tmp_path / str(shards))
        assert len(store.shards) == shards
        users = [set(pl.read_parquet(shard, columns=["user"])["user"]) for shard in store.shards]
        assert sum(map(len, users)) == len(set().union(*users))
        assert sum(map(bool, users)) > shards / 2
        found[shards] = store.scan().collect().sort("user", maintain_order=True)
    assert found[1].schema == EVENTS
    assert found[1].equals(found[7])
    assert found[1].select(pl.col("time").diff().over("user").min()).item().total_seconds() == 0


@pytest.mark.parametrize(("user", "shard"), [("ABC0001", 12), ("ABC0002", 5), ("ann", 5)])
def test_the_shard_of_a_user_is_the_same_on_every_machine(user: str, shard: int) -> None:
    assert shard_of(user, 16) == shard


def test_a_shard_without_users_is_an_empty_one(source: Path, tmp_path: Path) -> None:
    build_store([source], tmp_path / "store", shards=50)
    store = Store(tmp_path / "store")
    assert len(store.shards) == 50
    assert len(store.scan().collect()) == 10


def test_logs_without_rows_make_an_empty_store(source: Path, tmp_path: Path) -> None:
    write_logs(source, {name: [] for name in HEADERS})
    manifest = build_store([source], tmp_path / "store")
    assert (manifest["events"], manifest["users"], manifest["first"], manifest["last"]) == (0, 0, None, None)
    assert events(tmp_path / "store").schema == EVENTS


@pytest.mark.parametrize("failing", ["stage_logs", "sort_shards", "resolve_key", "make_manifest", "publish"])
def test_a_build_that_fails_goes_on_where_it_was(
    failing: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    write_key(source)
    build_store([source], tmp_path / "straight")
    with monkeypatch.context() as patch:
        patch.setattr(build_module, failing, fail)
        with pytest.raises(OSError, match="disk full") as raised:
            build_store([source], tmp_path / "store")
    assert raised.value.__notes__ == [
        f"the same command goes on with what is done, which lies in {tmp_path / '.store.partial'}"
    ]
    assert not (tmp_path / "store").exists()
    build_store([source], tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "store", "straight"]
    assert files(tmp_path / "store") == files(tmp_path / "straight")


def test_a_lost_worker_loses_nothing_that_is_done(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise LostWorkerError("a worker process ended")

    with monkeypatch.context() as patch:
        patch.setattr(build_module, "sort_shards", lost)
        with pytest.raises(InputError, match="a worker process ended"):
            build_store([source], tmp_path / "store")
    assert len(list((tmp_path / ".store.partial" / "staging").iterdir())) == 5


def test_what_killed_workers_left_does_not_enter_the_store(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(folder: Path, store: Path) -> None:
        for name in (".manifest.json.x.partial", "events/.shard=001.x.partial"):
            (folder / name).mkdir()
        publish(folder, store)

    monkeypatch.setattr(build_module, "publish", left)
    build_store([source], tmp_path / "store", shards=2)
    monkeypatch.undo()
    build_store([source], tmp_path / "other", shards=2)
    assert files(tmp_path / "store") == files(tmp_path / "other")
    assert not list((tmp_path / "store").rglob(".*"))


def test_a_source_that_changes_while_it_is_read_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_module.stage_logs

    def changed(*args: Any) -> Any:  # noqa: ANN401
        yield from whole(*args)
        with (source / "logon.csv").open("a") as file:
            file.write(LOGS["logon"][0])

    monkeypatch.setattr(build_module, "stage_logs", changed)
    with pytest.raises(InputError, match="a source was changed while it was read"):
        build_store([source], tmp_path / "store")


def test_a_row_that_is_lost_on_the_way_is_missed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_module.sort_shards

    def lossy(*args: Any) -> Any:  # noqa: ANN401
        next(iter((tmp_path / ".store.partial" / "staging").rglob("*.arrow"))).unlink()
        return whole(*args)

    monkeypatch.setattr(build_module, "sort_shards", lossy)
    with pytest.raises(InputError, match=r"10 rows were kept and the shards hold \d: something was lost"):
        build_store([source], tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_of_two_builds_that_were_planned_together_the_second_is_refused(source: Path, tmp_path: Path) -> None:
    one, two = (plan_store([source], tmp_path / "store", shards=shards) for shards in (1, 2))
    build_module.build(one)
    with pytest.raises(InputError, match="exists already; another program built it meanwhile"):
        build_module.build(two)
    assert Store(tmp_path / "store").manifest["options"]["shards"] == 1


def test_input_that_does_not_fit_leaves_nothing_behind(source: Path, tmp_path: Path) -> None:
    write_key(source, campaign="5.2,1,ann.csv,ann,01/04/2010 12:00:00,01/04/2010 12:00:00")
    with pytest.raises(InputError, match="holds no campaign"):
        build_store([source], tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_what_a_killed_build_left_does_not_enter_the_next_store(source: Path, tmp_path: Path) -> None:
    left = tmp_path / ".store.partial" / "events" / "shard=099"
    left.mkdir(parents=True)
    (left / "events.parquet").write_text("half")
    build_store([source], tmp_path / "store", shards=2)
    assert len(Store(tmp_path / "store").shards) == 2


def test_an_existing_store_is_refused_and_stays_as_it_is(source: Path, tmp_path: Path) -> None:
    build_store([source], tmp_path / "store")
    before = (tmp_path / "store" / "manifest.json").read_bytes()
    write_logs(source, {"http": []})
    with pytest.raises(
        InputError, match=r"store exists already; remove it, name another store, or --append to it$"
    ):
        build_store([source], tmp_path / "store")
    assert (tmp_path / "store" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 0}, "shards must be 1 to 1024, got 0"),
        ({"release": "r9"}, "release must be one of r4.1, r4.2, r5.1, r5.2, r6.1, r6.2, got 'r9'"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(
    options: dict[str, Any], message: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        build_store([source], tmp_path / "store", **options)
    assert not (tmp_path / "store").exists()


def test_a_source_that_is_no_release_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder or \.tar\.bz2 at .*; expected a CERT release"):
        build_store([tmp_path / "nowhere"], tmp_path / "store")
    (source / "email.csv").unlink()
    with pytest.raises(InputError, match=r"has no email\.csv; a release needs it"):
        build_store([source], tmp_path / "store")


def test_key_rows_are_found_by_their_id(source: Path, tmp_path: Path) -> None:
    write_key(source)
    answers = build_store([source], tmp_path / "store")["answers"]
    assert answers == {
        "campaigns": 1,
        "rows": 3,
        "found_by_id": 3,
        "found_by_time": 0,
        "missing": 0,
        "missing_by_account": {},
        "remarks": [],
    }
    rows = pl.read_parquet(tmp_path / "store" / "answers" / "malicious.parquet")
    assert sorted(rows["event_id"]) == ["{D1}", "{H1}", "{H2}"]


def test_key_rows_whose_ids_the_logs_do_not_hold_are_found_by_time_in_order(
    source: Path, tmp_path: Path
) -> None:
    write_key(source, [row.replace("{H", "{K").replace("{D", "{K") for row in KEY])
    answers = build_store([source], tmp_path / "store")["answers"]
    assert (answers["found_by_id"], answers["found_by_time"], answers["missing"]) == (0, 3, 0)
    rows = pl.read_parquet(tmp_path / "store" / "answers" / "malicious.parquet")
    # Two visits in one second: each key row means one of them, none is taken twice.
    assert sorted(rows["event_id"]) == ["{D1}", "{H1}", "{H2}"]


def test_a_log_whose_ids_are_genuine_is_not_searched_by_time(source: Path, tmp_path: Path) -> None:
    write_key(source, [KEY[0].replace("{H1}", "{A0}"), KEY[1]])
    build_store([source], tmp_path / "store")
    rows = pl.read_parquet(tmp_path / "store" / "answers" / "malicious.parquet")
    assert sorted(rows.select("event_id", "found_by").rows()) == [("{A0}", None), ("{H2}", "id")]


def test_key_rows_that_no_log_holds_are_counted_by_account(source: Path, tmp_path: Path) -> None:
    absent = [
        "http,{X1},01/05/2010 12:00:00,ann,PC-1,http://a.org/,one",
        "logon,{X2},01/05/2010 12:00:00,boss,PC-3,Logon",
        "logon,{X3},01/05/2010 13:00:00,boss,PC-3,Logoff",
        f"http,{{X4}},{NOON},ann,PC-8,http://a.org/,one",
        "no row",
    ]
    write_key(source, [*KEY, *absent])
    answers = build_store([source], tmp_path / "store")["answers"]
    assert (answers["rows"], answers["found_by_id"], answers["missing"]) == (7, 3, 4)
    assert answers["missing_by_account"] == {"ann": 2, "boss": 2}
    assert answers["remarks"] == ["ann.csv:8: not a row of a log"]


def test_the_same_id_of_another_user_or_log_is_not_the_key_rows_event(source: Path, tmp_path: Path) -> None:
    write_key(source, [f"logon,{{D2}},{NOON},bob,PC-1,Logon", f"device,{{D2}},{NOON},ann,PC-3,Connect"])
    answers = build_store([source], tmp_path / "store")["answers"]
    assert (answers["found_by_id"], answers["found_by_time"], answers["missing"]) == (0, 0, 2)


def test_people_and_key_lie_in_the_store(source: Path, tmp_path: Path) -> None:
    write_key(source)
    write_ldap(source)
    manifest = build_store([source], tmp_path / "store")
    assert manifest["people"] == 1
    assert pl.read_parquet(tmp_path / "store" / "people.parquet")["user"].to_list() == ["ann"]
    assert pl.read_parquet(tmp_path / "store" / "answers" / "campaigns.parquet")["user"].to_list() == ["ann"]


def test_a_release_without_key_and_ldap_builds_without_them(source: Path, tmp_path: Path) -> None:
    build_store([source], tmp_path / "store")
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == [
        "events",
        "manifest.json",
        "rejects",
    ]


def test_equal_input_gives_an_equal_fingerprint_and_anything_else_another(tmp_path: Path) -> None:
    def made(name: str, shards: int = 2, changes: dict[str, list[str]] | None = None, **about: Any) -> str:  # noqa: ANN401
        folder = write_logs(tmp_path / name, changes)
        write_key(folder, about.get("key", KEY), about.get("campaign", INSIDER))
        write_ldap(folder, about.get("role", "Engineer"))
        build_store([folder], tmp_path / f"{name}-store", shards=shards)
        return Store(tmp_path / f"{name}-store").fingerprint

    same = made("one")
    assert made("again") == same
    others = [
        made("shards", shards=3),
        made("row", changes={"http": LOGS["http"][:1]}),
        made("word", changes={"file": [LOGS["file"][0].replace("one", "two")]}),
        made("role", role="Manager"),
        made("scenario", campaign=INSIDER.replace("4.2,1", "4.2,2")),
        made("moment", campaign=f"{INSIDER[:-8]}13:00:00"),
        made("key row", key=[*KEY[:2], f"file,{{F1}},{NOON},ann,PC-1,A.doc,D0 one"]),
    ]
    assert len({same, *others}) == 8


def test_progress_counts_bytes_and_rows_and_then_shards(source: Path, tmp_path: Path) -> None:
    said: list[tuple[str, int, int, int]] = []
    build_store([source], tmp_path / "store", shards=3, on_progress=lambda *step: said.append(step))
    size = sum(path.stat().st_size for path in source.glob("*.csv"))
    assert [step[0] for step in said] == ["reading"] * 6 + ["sorting"] * 3
    assert said[5][1:] == (size, size, 10)
    assert [step[3] for step in said[:5]] == [4, 6, 7, 8, 10]
    assert [step[1:3] for step in said[6:]] == [(1, 3), (2, 3), (3, 3)]
    assert said[-1][3] == 10


def test_a_synthetic_release_is_called_synthetic_and_another_one_is_not(
    release: Path, store: Path, tmp_path: Path
) -> None:
    assert Store(store).data == "synthetic r4.2"
    shutil.copytree(release, tmp_path / "own", ignore=shutil.ignore_patterns("synthetic.txt"))
    build_store([tmp_path / "own"], tmp_path / "store", shards=4)
    assert Store(tmp_path / "store").data == "r4.2"


def test_a_second_build_of_one_store_waits_its_turn(release: Path, tmp_path: Path) -> None:
    with (
        lock_build(tmp_path / ".store.partial"),
        pytest.raises(InputError, match="another program is building this store"),
    ):
        build_store([release], tmp_path / "store")
    build_store([release], tmp_path / "store", shards=2)


def test_a_path_with_brackets_is_that_path_and_no_pattern(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release, tmp_path / "r[1]")
    shutil.copytree(release, tmp_path / "r1")
    key = (tmp_path / "r1" / "answers" / "insiders.csv").read_text().replace("\n4.2,", "\n9.9,")
    (tmp_path / "r1" / "answers" / "insiders.csv").write_text(key)
    manifest = build_store([tmp_path / "r[1]"], tmp_path / "s[1]", shards=2)
    assert manifest["answers"]["campaigns"] > 0
    assert len(Store(tmp_path / "s[1]").scan().collect()) == manifest["events"]
