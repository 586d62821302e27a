"""A mapping as a source: ids, identity, people, additions, several inputs."""

import gzip
import pickle
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import KINDS
from itd_lightning.ingest import build_store
from itd_lightning.sources.base import Guess, ParsedPiece, Piece
from itd_lightning.sources.mapped import pieces
from itd_lightning.sources.mapped.mapping import read_mapping
from itd_lightning.sources.mapped.source import MappedSource, open_mapping
from itd_lightning.store.build.build import build
from itd_lightning.store.build.plan import plan_build
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store
from tests.handmade_mappings import CSV, HEADER, NOW, build_logs, events, open_logs, parse, refusals

ROW = "2026-03-02T08:00:00,ann,pc1,in,x,5\n"
PEOPLE = "identity: {table: people.csv, account: [login, mail, host], user: id}\n"
TABLE = """\
id,login,mail,host,role,supervisor,name
E1,ann,ann@x.org,pc1,clerk,E2,Ann
E2,bob,Bob@x.org,,boss,,Bob
"""


def test_equal_rows_are_several_events_and_the_same_file_again_is_none(tmp_path: Path) -> None:
    source = open_logs(tmp_path / "a", CSV, {"a.csv": HEADER + ROW * 3})
    assert events(source)["event_id"].n_unique() == 3
    assert build_logs(source, tmp_path / "store")["logons"]["kept"] == 3
    longer = open_logs(tmp_path / "b", CSV, {"a.csv": HEADER + ROW * 5})
    counts = build_logs(longer, tmp_path / "store", append=True)
    assert counts["logons"] == {"read": 8, "kept": 5, "rejected": 3}  # three rows stood there before
    other = open_logs(tmp_path / "c", CSV, {"b.csv": HEADER + ROW * 5})
    assert build_logs(other, tmp_path / "store", append=True)["logons"]["kept"] == 10


def test_an_id_of_the_logs_own_makes_days_that_overlap_one(tmp_path: Path) -> None:
    mapping = CSV + "    id: what\n"
    rows = [ROW.replace("x", f"x{number}") for number in range(6)]
    build_logs(open_logs(tmp_path / "a", mapping, {"1.csv": HEADER + "".join(rows[:4])}), tmp_path / "store")
    second = open_logs(tmp_path / "b", mapping, {"2.csv": HEADER + "".join(rows[2:])})
    assert build_logs(second, tmp_path / "store", append=True)["logons"]["kept"] == 6
    assert refusals(open_logs(tmp_path / "c", mapping, {"1.csv": HEADER + ROW.replace("x", "")})) == [
        (1, "no id")
    ]


def test_a_store_of_a_version_with_fewer_kinds_can_be_added_to(tmp_path: Path) -> None:
    rows = "".join(ROW.replace("ann", f"user{number}") for number in range(9))
    build_logs(open_logs(tmp_path / "a", CSV, {"a.csv": HEADER + rows}), tmp_path / "store")
    for shard in Store(tmp_path / "store").shards:
        earlier = pl.read_parquet(shard, glob=False).with_columns(pl.col("kind").cast(pl.Enum(KINDS[:15])))
        earlier.write_parquet(shard)
    failed = CSV.replace("kind: logoff, when: act = 'out'", "kind: logon_failed, when: act = 'bad'")
    other = open_logs(tmp_path / "b", failed, {"b.csv": HEADER + ROW.replace(",in,", ",bad,")})
    assert build_logs(other, tmp_path / "store", append=True)["logons"]["kept"] == 10
    kinds = Store(tmp_path / "store").scan().collect()["kind"].cast(pl.String)
    assert sorted(kinds) == ["logon"] * 9 + ["logon_failed"]


def test_an_account_becomes_its_user_and_one_that_nobody_has_is_refused(tmp_path: Path) -> None:
    text = HEADER + "".join(
        ROW.replace("ann", name) for name in ("ANN", "ann@x.org", "bob@X.org", "eve", "pc1")
    )
    source = open_logs(tmp_path, PEOPLE + CSV, {"a.csv": text, "people.csv": TABLE})
    assert events(source)["user"].to_list() == ["E1", "E1", "E2", "E1"]
    assert refusals(source) == [(4, "account is not in the identity table")]
    keep = open_logs(tmp_path, PEOPLE.replace("}", ", unknown: keep}") + CSV, {})
    assert events(keep)["user"].to_list() == ["E1", "E1", "E2", "eve", "E1"]


def test_an_account_of_two_users_is_refused(tmp_path: Path) -> None:
    source = open_logs(
        tmp_path, PEOPLE + CSV, {"a.csv": HEADER + ROW, "people.csv": TABLE.replace("bob", "ANN")}
    )
    with pytest.raises(InputError, match=r"people.csv gives the account 'ann' to E1 and E2"):
        source.read_facts(tmp_path, streamed=False)


def test_people_and_campaigns_come_into_the_store(tmp_path: Path) -> None:
    campaigns = "user,start,end,scenario\nE1,2026-03-02,2026-03-02 12:00:00,2\n"
    mapping = "answers: answers.csv\n" + PEOPLE + CSV
    source = open_logs(
        tmp_path, mapping, {"a.csv": HEADER + ROW, "people.csv": TABLE, "answers.csv": campaigns}
    )
    manifest = build(plan_build([source], tmp_path / "store", shards=2))
    assert (manifest["people"], manifest["answers"]["campaigns"]) == (2, 1)
    people = pl.read_parquet(tmp_path / "store" / "people.parquet")
    ann = people.row(by_predicate=pl.col("user") == "E1", named=True)
    assert (ann["role"], ann["supervisor"], ann["left_on"]) == ("clerk", "Bob", None)
    assert ann["valid_from"].year < 2026 < ann["valid_to"].year
    (tmp_path / "answers.csv").write_text("user,start,end\nE1,2026-03-02,2026-03-01\n")
    with pytest.raises(InputError, match=r"answers.csv, line 2: user, start and end"):
        source.read_facts(tmp_path, streamed=False)


def roles(store: Path) -> dict[tuple[str, str], str]:
    """Return the role of each user from each day on, and until when."""
    people = pl.read_parquet(store / "people.parquet")
    return {(row["user"], str(row["valid_from"])): row["role"] for row in people.iter_rows(named=True)}


def test_people_who_come_and_change_are_known_from_the_month_of_the_addition(tmp_path: Path) -> None:
    first = open_logs(tmp_path / "a", PEOPLE + CSV, {"a.csv": HEADER + ROW, "people.csv": TABLE})
    build_logs(first, tmp_path / "store")
    same = open_logs(tmp_path / "b", PEOPLE + CSV, {"b.csv": HEADER + ROW, "people.csv": TABLE})
    build_logs(same, tmp_path / "store", append=True)
    assert roles(tmp_path / "store") == {("E1", "1990-01-01"): "clerk", ("E2", "1990-01-01"): "boss"}
    later = TABLE.replace("clerk", "buyer").replace("E2,bob,Bob@x.org,,boss,,Bob", "E3,cyd,,,boss,,Cyd")
    third = open_logs(tmp_path / "c", PEOPLE + CSV, {"c.csv": HEADER + ROW, "people.csv": later})
    build_logs(third, tmp_path / "store", append=True)
    assert roles(tmp_path / "store") == {
        ("E1", "1990-01-01"): "clerk",
        ("E1", "2026-03-01"): "buyer",
        ("E2", "1990-01-01"): "boss",
        ("E3", "2026-03-01"): "boss",
    }
    people = pl.read_parquet(tmp_path / "store" / "people.parquet").sort("user", "valid_from")
    assert people["left_on"].cast(pl.String).to_list() == [None, None, "2026-03-01", None]


def test_a_store_keeps_its_zone_and_refuses_another_in_one_line(tmp_path: Path) -> None:
    berlin = "zone: Europe/Berlin\n" + CSV
    build_logs(open_logs(tmp_path / "a", berlin, {"a.csv": HEADER + ROW}), tmp_path / "store")
    assert Store(tmp_path / "store").manifest["zone"] == "Europe/Berlin"
    other = open_logs(tmp_path / "b", CSV, {"b.csv": HEADER + ROW})
    with pytest.raises(InputError, match=r"has the zone UTC, .* are those of Europe/Berlin: write `zone: Eu"):
        build_logs(other, tmp_path / "store", append=True)
    mine = open_logs(tmp_path / "c", berlin, {"c.csv": HEADER + ROW})
    with pytest.raises(InputError, match=r"has the zone UTC, and the times of .* are those of Europe/Berlin"):
        plan_build([mine, other], tmp_path / "new")


def test_known_days_of_a_user_are_malicious_events_and_accounts_are_looked_up(tmp_path: Path) -> None:
    rows = "".join(ROW.replace("03-02", f"03-{day:02d}") for day in range(2, 9))
    answers = "user,day\nann,2026-03-03\nE1,2026-03-06\n"
    files: dict[str, str | bytes] = {"a.csv": HEADER + rows, "people.csv": TABLE, "answers.csv": answers}
    build_logs(open_logs(tmp_path, "answers: answers.csv\n" + PEOPLE + CSV, files), tmp_path / "store")
    key = read_key(tmp_path / "store")
    assert key.events["time"].dt.day().to_list() == [3, 6]
    assert key.campaigns.select("user", pl.col("start", "end").dt.day()).rows() == [("E1", 3, 6)]
    (tmp_path / "answers.csv").write_text("user,day\nzoe,2026-03-03\n")
    source = open_mapping(read_mapping(tmp_path / "mapping.yaml"))
    with pytest.raises(InputError, match=r"answers.csv, line 2: people.csv does not know zoe"):
        source.read_facts(tmp_path, streamed=False)


def test_the_pieces_of_a_file_do_not_change_its_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEADER + "".join(ROW.replace("x", f'"x\n{number}"') for number in range(300)) + "bad\n"
    source = open_logs(tmp_path / "logs", CSV, {"a.csv": text})
    whole = build_logs(source, tmp_path / "one")
    monkeypatch.setattr(pieces, "PIECE", 1_000)
    assert len(parse(source)) > 5
    assert build_logs(source, tmp_path / "many") == whole
    tables = [pl.read_parquet(tmp_path / name / "rejects" / "rejects.parquet") for name in ("one", "many")]
    assert tables[0].rows() == tables[1].rows() == [(0, "a.csv", 602, "expected 6 fields, got 1")]
    one, many = (Store(tmp_path / name).scan().drop("event_id").collect() for name in ("one", "many"))
    assert one.equals(many)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_build_that_was_killed_goes_on_with_the_pieces_that_are_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 1_000)
    text = (HEADER + "".join(ROW.replace("x", f"x{number}") for number in range(300))).encode()
    source = open_logs(tmp_path / "logs", CSV, {name: gzip.compress(text) if name.endswith("gz") else text})
    expected = build_logs(source, tmp_path / "whole")
    parse, done = MappedSource.parse, list[int]()

    def killed(source: MappedSource, piece: Piece, *rest: Any) -> ParsedPiece:  # noqa: ANN401
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(piece.number)
        return parse(source, piece, *rest)

    monkeypatch.setattr(MappedSource, "parse", killed)
    with pytest.raises(KeyboardInterrupt):
        build_logs(source, tmp_path / "store")
    resumed = list[int]()

    def noted(source: MappedSource, piece: Piece, *rest: Any) -> ParsedPiece:  # noqa: ANN401
        resumed.append(piece.number)
        return parse(source, piece, *rest)

    monkeypatch.setattr(MappedSource, "parse", noted)
    assert build_logs(open_mapping(source.mapping), tmp_path / "store") == expected
    assert (done, resumed[0]) == ([0, 1, 2, 3], 4)
    tables = (Store(tmp_path / folder).scan().collect() for folder in ("whole", "store"))
    assert next(tables).equals(next(tables))
    assert not list(tmp_path.glob(".store*"))


def test_two_workers_make_the_same_store(tmp_path: Path) -> None:
    text = HEADER + "".join(ROW.replace("ann", f"user{number % 9}") for number in range(300))
    source = open_logs(tmp_path / "logs", CSV, {"a.csv": text, "b.csv.gz": gzip.compress(text.encode())})
    one = build(plan_build([source], tmp_path / "one", shards=2))
    two = build(plan_build([source], tmp_path / "two", shards=2, workers=2), workers=2)
    assert one["fingerprint"] == two["fingerprint"]
    assert one["events"] == two["events"] == 600
    assert pickle.loads(pickle.dumps(source)).identity == source.identity


def test_packed_logs_get_shards_for_what_they_unpack_to(tmp_path: Path) -> None:
    text = HEADER + "".join(ROW.replace("x", f"x{number}") for number in range(3_000))
    plain = open_logs(tmp_path / "plain", CSV, {"a.csv": text})
    packed = open_logs(tmp_path / "packed", CSV, {"a.csv.gz": gzip.compress(text.encode())})
    assert plain.size == len(text)
    assert len(text) / 4 < packed.size < len(text) * 4
    (piece,) = packed.pieces(tmp_path / "spool", lambda *_: False)
    assert piece.size == len(text)
    (guess,) = packed.samples(None, NOW)
    assert isinstance(guess, Guess)


def test_a_pattern_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    for pattern in ("**a", "/", ""):
        with pytest.raises(InputError, match=r"inputs.logons.files: "):
            open_logs(tmp_path, CSV.replace("*.csv*", pattern), {})


def test_a_store_takes_logs_of_another_mapping_later(tmp_path: Path) -> None:
    build_logs(open_logs(tmp_path / "a", CSV, {"a.csv": HEADER + ROW}), tmp_path / "store")
    web = (
        CSV.replace("logons:", "web:")
        .replace("kind: logon", "kind: http_visit")
        .replace("kind: logoff", "kind: http_upload")
    )
    counts = build_logs(
        open_logs(tmp_path / "b", web, {"b.csv": HEADER + ROW}), tmp_path / "store", append=True
    )
    assert {log: count["kept"] for log, count in counts.items()} == {"logons": 1, "web": 1}
    assert Store(tmp_path / "store").records == {"logon", "logoff", "http_visit", "http_upload"}


def test_one_file_may_feed_two_inputs(tmp_path: Path) -> None:
    second = CSV.replace("inputs:\n", "").replace("logons:", "again:")
    counts = build_logs(
        open_logs(tmp_path / "a", CSV + second, {"a.csv": HEADER + ROW + "bad\n"}), tmp_path / "store"
    )
    assert counts == {log: {"read": 2, "kept": 1, "rejected": 1} for log in ("logons", "again")}


def test_another_mapping_or_identity_table_makes_another_store(tmp_path: Path) -> None:
    source = open_logs(tmp_path / "logs", PEOPLE + CSV, {"a.csv": HEADER + ROW, "people.csv": TABLE})
    first = build(plan_build([source], tmp_path / "one", shards=2))
    (tmp_path / "logs" / "people.csv").write_text(TABLE.replace("E1", "E9"))
    second = build(plan_build([open_mapping(source.mapping)], tmp_path / "two", shards=2))
    assert first["fingerprint"] != second["fingerprint"]


def test_a_release_and_a_mapping_share_no_store(tmp_path: Path, release: Path) -> None:
    open_logs(tmp_path, CSV, {"a.csv": HEADER + ROW})
    with pytest.raises(InputError, match="of mappings or of a release, not of both"):
        build_store([tmp_path / "mapping.yaml", release], tmp_path / "store")
    with pytest.raises(InputError, match="--release and --answers are for CERT logs"):
        build_store([tmp_path / "mapping.yaml"], tmp_path / "store", "r4.2")


def test_content_is_filled_where_it_is_wanted(tmp_path: Path) -> None:
    source = open_logs(tmp_path, CSV.replace("object: what", "content: what"), {"a.csv": HEADER + ROW})
    assert parse(source)[0].events["content"].to_list() == ["x"]
    assert parse(source, content=())[0].events["content"].to_list() == [None]


def test_nothing_is_written_beside_a_mapping(tmp_path: Path) -> None:
    source = open_logs(tmp_path / "logs", CSV, {"a.csv": HEADER + ROW})
    before = sorted((tmp_path / "logs").iterdir())
    build_logs(open_mapping(read_mapping(source.mapping.file)), tmp_path / "store")
    assert sorted((tmp_path / "logs").iterdir()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "store"]


def test_rows_that_a_mapping_leaves_out_are_no_faults_and_broken_ones_stop_the_build(tmp_path: Path) -> None:
    unmapped = ROW.replace(",in,", ",blink,") * 50
    wanted = open_logs(tmp_path / "a", CSV, {"a.csv": HEADER + unmapped + ROW})
    assert build_logs(wanted, tmp_path / "store")["logons"] == {"read": 51, "kept": 1, "rejected": 50}
    broken = open_logs(
        tmp_path / "b", CSV, {"a.csv": HEADER + ROW.replace("2026", "the year 2026") * 50 + ROW}
    )
    with pytest.raises(
        InputError, match=r"50 of the first 51 rows of logons would be refused, .*`itd check`"
    ):
        build_logs(broken, tmp_path / "other")
