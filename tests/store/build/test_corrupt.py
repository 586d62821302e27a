"""Damaged input ends in one line and status 2, or in counted refusals; never in half a store."""

import bz2
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.cli.parser import main
from itd_lightning.contracts.errors import InputError
from itd_lightning.ingest import build_store
from itd_lightning.sources.cert import archives, logs, pieces, tables
from itd_lightning.sources.cert import record_ends as records
from itd_lightning.sources.cert import source as source_module
from itd_lightning.sources.cert.releases import find_release
from itd_lightning.store.build import build as build_module
from itd_lightning.store.build import stage
from itd_lightning.store.read import Store
from tests.store.handmade import (
    HEADERS,
    INSIDER,
    KEY,
    LOGS,
    NOON,
    text,
    write_key,
    write_ldap,
    write_logs,
)

Capture = pytest.CaptureFixture[str]
GOOD = "{G1},01/04/2010 08:00:00,ann,PC-1,Logon"
LAST = "{G2},01/04/2010 09:00:00,ann,PC-1,Logoff"
# The same in r6, where a record is known by its id.
ID = "{{{}BB-CCCCDDDD-EEEEFFFF}}"
VISIT = f"{ID},01/04/2010 08:00:00,ann,PC-1,http://a.org/,WWW Visit,{{}}".format
MEMBERS = [(f"r4.2/{name}.csv", text(HEADERS[name], *rows).encode()) for name, rows in LOGS.items()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with the five logs, ten rows."""
    return write_logs(tmp_path / "source")


@pytest.fixture(params=["in one block", "in many pieces"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read logs as they are, and again with so small limits that each row meets the ends of pieces."""
    if request.param == "in many pieces":
        monkeypatch.setattr(pieces, "PIECE", 150)
        for module in (logs, pieces, records):
            monkeypatch.setattr(module, "MAX_LINE", 400)
        monkeypatch.setattr(logs, "STRETCH", 200)
        monkeypatch.setattr(pieces, "BLOCK", 64)


def prepare(*args: str | Path) -> None:
    """Run ``itd prepare`` with these arguments."""
    main(["prepare", *map(str, args)])


def build(source: Path, *, append: bool = False) -> Store:
    """The store of a source, beside it; of one shard."""
    store = source.with_name("store")
    build_store([source], store, append=append, shards=None if append else 1, allow_refused=1.0)
    return Store(store)


def refusal(capsys: Capture, source: Path, *args: str | Path) -> str:
    """The one line in which a build ends that leaves nothing behind."""
    before = sorted(source.parent.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        prepare(source, "--store", source.with_name("store"), *args)
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith("itd: ")
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert len(line) < 500
    assert sorted(source.parent.rglob("*")) == before
    return line


def rejects(store: Store) -> list[tuple[int, str]]:
    """Line and reason of each refused row; rows read are rows kept and rows refused, log by log."""
    refused = pl.read_parquet(store.path / "rejects" / "rejects.parquet")
    counts = dict(refused.group_by("file").len().iter_rows())
    for name, log in store.manifest["logs"].items():
        assert log["rejected"] == counts.get(f"{name}.csv", 0)
        assert log["read"] == log["kept"] + log["rejected"]
    assert sum(log["kept"] for log in store.manifest["logs"].values()) == store.manifest["events"]
    assert store.manifest["events"] == len(store.scan().collect())
    return refused.select("line", "reason").rows()


def logon(date: str) -> bytes:
    """A row of ann's, at a time."""
    return f"{{B1}},{date},ann,PC-1,Logon\n".encode()


IN_THREE_DAYS = f"{datetime.now() + timedelta(days=3):%m/%d/%Y} 12:00:00"


BAD = [
    (b"{B1},01/04/2010 08:0\n", ["expected 5 fields, got 2"]),
    (logon(NOON)[:-1] + b",,\n", ["expected 5 fields, got 7"]),
    (logon(NOON).replace(b"ann", b"a\0n"), ["NUL byte"]),
    (b"\0" * 70 + b"\n", ["NUL byte"]),
    (logon(NOON).replace(b"ann", b"a\xffn"), ["invalid UTF-8"]),
    (logon(NOON).replace(b"ann", b"a\xed\xa0\x80n"), ["invalid UTF-8"]),
    (logon(NOON)[:-1].decode().encode("utf-16") + b"\n", ["NUL byte"]),
    (b"\n \n\r\n", ["empty line"] * 3),
    (logon(NOON).replace(b"\n", b"\r") + logon(NOON), ["expected 5 fields, got 9"]),
    (text(HEADERS["logon"]).encode(), ["repeated header"]),
    (text(HEADERS["logon"], GOOD, GOOD).encode(), ["repeated header", "duplicate id", "duplicate id"]),
    (logon("13/04/2010 08:00:00"), ["unparsable date"]),
    (logon("02/30/2010 08:00:00"), ["unparsable date"]),
    (logon("2010-01-04 08:00:00"), ["unparsable date"]),
    (logon("01/04/2010 08:00"), ["unparsable date"]),
    (logon("01/04/0001 08:00:00"), ["implausible year"]),
    (logon("01/04/2999 08:00:00"), ["implausible year"]),
    (logon(IN_THREE_DAYS), ["date in the future"]),
    (logon(NOON).replace(b"{B1}", b""), ["empty id"]),
    (logon(NOON).replace(b"ann", b""), ["empty user"]),
    (logon(NOON).replace(b"PC-1", b""), ["empty pc"]),
    (logon(NOON).replace(b"{B1}", b"{G1}"), ["duplicate id"]),
    (logon(NOON).replace(b"Logon", b"Reboot"), ["unknown activity"]),
    (logon(NOON).replace(b"Logon", b'"Logon"'), ["unknown activity"]),
]


@pytest.mark.usefixtures("cut")
def test_a_bad_row_is_refused_with_its_reason_and_its_neighbours_stay(source: Path) -> None:
    parts, expected, line = [text(HEADERS["logon"], GOOD).encode()], [], 3
    for number, (bad, reasons) in enumerate(BAD):
        parts += [bad, text(LAST.replace("G2", f"N{number}")).encode()]
        expected += list(enumerate(reasons, line))
        line += len(reasons) + 1
    (source / "logon.csv").write_bytes(b"".join(parts))
    store = build(source)
    assert rejects(store) == expected
    assert store.manifest["logs"]["logon"]["kept"] == 1 + len(BAD)


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("rows", [(0, 1, 2), (1, 0, 2), (1, 2, 0)], ids=["first", "in the middle", "last"])
@pytest.mark.parametrize("end", ["\n", ""], ids=["with a line end", "without"])
def test_a_line_of_many_megabytes_is_one_refused_row(rows: tuple[int, ...], end: str, source: Path) -> None:
    length = 3 * pieces.BLOCK + records.MAX_LINE + 7
    lines = ["x" * length, GOOD, LAST]
    log = "\n".join([HEADERS["logon"], *(lines[row] for row in rows)]) + end
    (source / "logon.csv").write_text(log)
    assert rejects(build(source)) == [(rows.index(0) + 2, "line longer than 1 MiB")]


@pytest.mark.parametrize("column", ["size", "attachments"])
def test_a_number_that_is_none_is_refused(column: str, source: Path) -> None:
    names = HEADERS["email"].split(",")
    fields = dict(zip(names, LOGS["email"][0].split(","), strict=True))
    values = ["", "large", "1.5", "1e3", "99999999999999999999", "0x10", "NaN"]
    bad = [",".join({**fields, "id": f"{{B{value}}}", column: value}.values()) for value in values]
    write_logs(source, {"email": [*LOGS["email"], *bad]})
    assert rejects(build(source)) == [(line, f"{column} is not a whole number") for line in range(3, 10)]


def test_a_flag_that_is_neither_true_nor_false_is_refused(tmp_path: Path) -> None:
    row = "{{{}}},01/04/2010 08:00:00,ann,PC-1,C:/a,File Open,{},{},x".format
    rows = [row(1, "True", "False"), row(2, "true", "False"), row(3, "True", ""), row(4, "1", "0")]
    source = write_release(tmp_path / "source", "r5.2", file=rows)
    assert rejects(build(source)) == [
        (3, "to_removable_media is neither True nor False"),
        (4, "from_removable_media is neither True nor False"),
        (5, "to_removable_media is neither True nor False"),
    ]


def write_release(folder: Path, name: str, **rows: list[str]) -> Path:
    """Write the logs of any release, empty but for these rows."""
    folder.mkdir()
    for log in find_release(name).logs:
        (folder / f"{log.name}.csv").write_text(text(",".join(log.columns), *rows.get(log.name, [])))
    return folder


UNCLOSED = "unclosed or misplaced quote"


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        pytest.param('"open', [UNCLOSED], id="unclosed"),
        pytest.param('open"', [UNCLOSED], id="never opened"),
        pytest.param('a " b', [UNCLOSED], id="one in the middle"),
        pytest.param('a "b" c', [UNCLOSED], id="two in the middle"),
        pytest.param('"a" b', [UNCLOSED], id="text behind the field"),
        pytest.param(' "a"', [UNCLOSED], id="blank before the field"),
        pytest.param('"""', [UNCLOSED], id="three"),
        pytest.param('"a\n\nb', [UNCLOSED], id="unclosed over lines"),
        pytest.param("a,b", ["expected 7 fields, got 8"], id="comma without quotes"),
        pytest.param('"a"\nb', ["expected 7 fields, got 1"], id="line end without quotes"),
        pytest.param('"a\0b"', ["NUL byte"], id="NUL byte"),
    ],
)
def test_a_misplaced_quote_costs_no_more_than_its_row(
    content: str, reasons: list[str], tmp_path: Path
) -> None:
    rows = [VISIT("A1", '"one"'), VISIT("A2", content), VISIT("A3", '"three"')]
    store = build(write_release(tmp_path / "source", "r6.2", http=rows))
    assert [reason for _, reason in rejects(store)] == reasons
    kept = store.scan().collect()["content"].to_list()
    assert (kept[0], kept[-1]) == ("one", "three")
    assert store.manifest["logs"]["http"]["read"] == len(kept) + len(reasons)


def test_an_unclosed_quote_before_many_lines_ends_at_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK", 1 << 20)
    rows = [VISIT("A1", '"one"'), VISIT("A2", '"open'), *["{not a record"] * 80_000, VISIT("A3", '"three"')]
    store = build(write_release(tmp_path / "source", "r6.2", http=rows))
    reasons = [reason for _, reason in rejects(store)]
    assert reasons[0] == "line longer than 1 MiB"
    assert set(reasons[1:]) <= {"expected 7 fields, got 1"}
    assert store.scan().collect()["content"].to_list() == ["one", "three"]


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize(
    ("content", "read"),
    [
        ('"a ""b"" c"', 'a "b" c'),
        ('""""', '"'),
        ('"a\nb\n\nc"', "a\nb\n\nc"),
        ('"a, b"', "a, b"),
        ('""', None),
        ("plain", "plain"),
        ('"{""AAAA""},"', '{"AAAA"},'),
    ],
    ids=["doubled", "one quote", "line ends", "comma", "nothing", "no quotes", "braces"],
)
def test_a_quoted_field_is_read_as_csv_is(content: str, read: str | None, tmp_path: Path) -> None:
    rows = [VISIT("A1", '"one"'), VISIT("A2", content), VISIT("A3", '"three"')]
    store = build(write_release(tmp_path / "source", "r6.2", http=rows))
    assert rejects(store) == []
    assert store.scan().collect()["content"].to_list() == ["one", read, "three"]


def test_a_quote_is_a_character_in_r4(source: Path) -> None:
    row = "{{H{}}},01/04/2010 08:00:00,ann,PC-1,http://a.org/,{}".format
    write_logs(source, {"http": [row(1, '"open'), row(2, 'a "b" c'), row(3, '""')]})
    store = build(source)
    assert rejects(store) == []
    found = store.scan().filter(kind="http_visit").collect()["content"].to_list()
    assert found == ['"open', 'a "b" c', '""']


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_line_ends_and_a_byte_order_mark_change_no_event(mark: bytes, end: bytes, source: Path) -> None:
    for path in source.glob("*.csv"):
        path.write_bytes(mark + path.read_bytes().replace(b"\n", end))
    store = build(source)
    assert rejects(store) == []
    assert store.manifest["events"] == 10


LOGON = text(HEADERS["logon"], GOOD, LAST).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "logon.csv is empty: its first line must be id,date,user,pc,activity", id="empty"),
        pytest.param(b"\n\n\n", "logon.csv is empty", id="empty lines"),
        pytest.param(LOGON.decode().encode("utf-16"), "logon.csv lacks the column", id="UTF-16"),
        pytest.param(LOGON.replace(b"\n", b"\r"), "logon.csv lacks the column 'activity'", id="lone CR"),
        pytest.param(LOGON.replace(b"pc", b"host"), "logon.csv lacks the column 'pc'", id="other column"),
        pytest.param(LOGON.replace(b",", b";"), "logon.csv lacks the column 'id'", id="semicolons"),
        pytest.param(LOGON.replace(b"date", b"user"), "lacks the column 'date'", id="a column twice"),
        pytest.param(LOGON.replace(b"y\n", b"y,pc\n", 1), "names a column twice", id="one more, twice"),
        pytest.param(b"x" * 5_000_000, "logon.csv has a first line longer than 1 MiB", id="endless"),
        pytest.param(HEADERS["logon"].encode() + b",x" * 999_999, "has a first line longer", id="wide"),
        pytest.param(bytes(range(256)) * 99, "logon.csv lacks the column 'id'", id="any bytes"),
        pytest.param(b"BZh91AY&SY" + b"\xf1" * 99, "logon.csv lacks the column 'id'", id="packed"),
        pytest.param(b"\x1b[2J\x1b]0;x\x07\n", "logon.csv lacks the column 'id'", id="terminal codes"),
    ],
)
def test_a_file_that_is_no_log_is_refused(content: bytes, words: str, source: Path, capsys: Capture) -> None:
    (source / "logon.csv").write_bytes(content)
    assert words in refusal(capsys, source)


def test_a_log_that_is_missing_or_a_folder_is_refused(source: Path, capsys: Capture) -> None:
    (source / "email.csv").unlink()
    assert "has no email.csv; a release needs it" in refusal(capsys, source)
    (source / "email.csv").mkdir()
    assert "has no email.csv; a release needs it" in refusal(capsys, source)
    (source / "email.csv").rmdir()
    (source / "email.csv").symlink_to(source / "nowhere.csv")
    assert "has no email.csv; a release needs it" in refusal(capsys, source)


def test_a_log_of_a_header_alone_holds_no_events(source: Path) -> None:
    (source / "http.csv").write_text(HEADERS["http"])
    store = build(source)
    assert rejects(store) == []
    assert store.manifest["logs"]["http"] == {"read": 0, "kept": 0, "rejected": 0}


@pytest.mark.parametrize(
    ("held", "named", "words"),
    [
        ("r5.2", "r4.2", "laid out like r5.1 or r5.2, and not like r4.2"),
        ("r4.2", "r5.2", "laid out like r4.1 or r4.2, and not like r5.2"),
        ("r6.1", "r5.1", "laid out like r6.1 or r6.2, and not like r5.1"),
        ("r4.2", "r3.2", "release must be one of r4.1, r4.2, r5.1, r5.2, r6.1, r6.2, got 'r3.2'"),
    ],
)
def test_another_release_than_the_named_one_is_refused(
    held: str, named: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    source = write_release(tmp_path / "source", held)
    assert words in refusal(capsys, source, "--release", named)


def tar(*members: tuple[str, bytes] | tarfile.TarInfo | bytes) -> bytes:
    """A tar file of files, of members without content, and of bytes as they are."""
    whole = io.BytesIO()
    for member in members:
        if isinstance(member, tarfile.TarInfo):
            whole.write(member.tobuf())
        elif isinstance(member, bytes):
            whole.write(member)
        else:
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            whole.write(info.tobuf() + member[1] + b"\0" * (-len(member[1]) % 512))
    return whole.getvalue() + b"\0" * 1024


def header(name: str, kind: bytes, size: int = 0, link: str = "") -> tarfile.TarInfo:
    """A member of any kind that claims a size."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def sparse(name: str, size: int) -> bytes:
    """A member of one block that unpacks to any size, as old GNU archives have them."""
    block = bytearray(header(name, tarfile.GNUTYPE_SPARSE, 512).tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 512)
    block[483:495] = b"%011o\0" % size
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 8 * 32)
    return bytes(block) + text(HEADERS["logon"]).encode().ljust(512, b"x")


def extended(**fields: str) -> bytes:
    """Extra fields (pax) of the next member."""
    lines = b"".join(
        f"{len(name) + len(value) + 5} {name}={value}\n".encode() for name, value in fields.items()
    )
    return header("x", tarfile.XHDTYPE, len(lines)).tobuf() + lines.ljust(512, b"\0")


def archive(tmp_path: Path, content: bytes, name: str = "r4.2.tar.bz2") -> Path:
    """An archive with this content, packed if its name says so."""
    (tmp_path / name).write_bytes(bz2.compress(content) if name.endswith("bz2") else content)
    return tmp_path / name


WHOLE = tar(*MEMBERS)
LONG = header("x", tarfile.GNUTYPE_LONGNAME, 512).tobuf(tarfile.GNU_FORMAT) + b"a" * 512


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(tar(), "holds no logon.csv; a release needs it", id="no members"),
        pytest.param(b"\0" * 9999, "holds no logon.csv", id="zeros alone"),
        pytest.param(b"no tar file" * 999, "is damaged or cut short", id="no tar file"),
        pytest.param(
            tar(*MEMBERS[:3], *MEMBERS[4:]), "holds no email.csv; a release needs it", id="a log less"
        ),
        pytest.param(tar(*MEMBERS, MEMBERS[0]), "holds logon.csv twice", id="a log twice"),
        pytest.param(tar(*MEMBERS, ("logon.csv", b"")), "holds logon.csv twice", id="a log in two folders"),
        pytest.param(
            tar(*MEMBERS, *[("r4.2/LDAP/2010-01.csv", b"")] * 2),
            "holds LDAP/2010-01.csv twice",
            id="month twice",
        ),
        pytest.param(WHOLE[:-1024], "is damaged or cut short: empty header", id="no end"),
        pytest.param(WHOLE[:1024], "is damaged or cut short: empty header", id="cut between members"),
        pytest.param(WHOLE[:700], "is damaged or cut short: unexpected end", id="cut in a member"),
        pytest.param(WHOLE[:1500], "is damaged or cut short: truncated header", id="cut in a header"),
        pytest.param(
            WHOLE[:1030] + b"X" + WHOLE[1031:], "is damaged or cut short: bad checksum", id="damaged header"
        ),
        pytest.param(
            tar(header("r4.2/logon.csv", tarfile.REGTYPE, 1 << 40)),
            "is damaged or cut",
            id="claims a terabyte",
        ),
        pytest.param(
            tar(LONG * 3000, *MEMBERS), "is damaged or cut short: maximum recursion", id="nested names"
        ),
        pytest.param(
            tar(header("x", tarfile.XHDTYPE, 1 << 30), *MEMBERS),
            "a header of 1073741824 bytes",
            id="large header",
        ),
        pytest.param(
            tar(extended(**{"GNU.sparse.map": "a,b", "GNU.sparse.size": "1"}), *MEMBERS),
            "is damaged or cut short: invalid literal for int()",
            id="numbers that are none",
        ),
        pytest.param(
            tar(("r4.2/logon.csv", b"x"), *MEMBERS[1:]), "logon.csv lacks the column 'id'", id="no log inside"
        ),
        pytest.param(tar(("r4.2/logon.csv", b""), *MEMBERS[1:]), "logon.csv is empty", id="empty log inside"),
        pytest.param(
            tar(*MEMBERS, ("r4.2/LDAP/2010-13.csv", b"x")),
            "2010-13.csv is not named after a month",
            id="month 13",
        ),
        pytest.param(
            tar(*MEMBERS, ("r4.2/answers/a.csv", b"x")), "answers has no insiders.csv", id="half a key inside"
        ),
    ],
)
@pytest.mark.parametrize("name", ["r4.2.tar.bz2", "r4.2.tar"])
def test_a_damaged_archive_is_refused(
    content: bytes, words: str, name: str, tmp_path: Path, capsys: Capture
) -> None:
    assert words in refusal(capsys, archive(tmp_path, content, name))


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.9, 0.99])
def test_an_archive_that_is_cut_short_is_refused(share: float, tmp_path: Path, capsys: Capture) -> None:
    path = archive(tmp_path, WHOLE)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "is damaged or cut short" in refusal(capsys, path)


def test_what_is_called_an_archive_and_is_none_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "r4.2.tar.bz2").write_bytes(bytes(range(256)) * 40)
    assert "is damaged or cut short: Invalid data stream" in refusal(capsys, tmp_path / "r4.2.tar.bz2")
    (tmp_path / "other.tar.bz2").write_bytes(bytes(range(256)) * 40)
    assert "is damaged or cut short: Invalid data stream" in refusal(capsys, tmp_path / "other.tar.bz2")
    (tmp_path / "r4.2.zip").write_bytes(b"PK")
    assert "no folder or .tar.bz2 at" in refusal(capsys, tmp_path / "r4.2.zip")


def test_an_archive_whose_name_tells_no_release_is_refused(tmp_path: Path, capsys: Capture) -> None:
    members = [(f"data/{name}", content) for name, content in [("logon.csv", b"")]]
    assert "name it with --release" in refusal(capsys, archive(tmp_path, tar(*members), "data.tar.bz2"))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE],
    ids=["symbolic link", "hard link", "character device", "block device", "pipe", "folder"],
)
def test_what_is_no_plain_file_is_no_log(kind: bytes, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "secret").write_text(text(HEADERS["logon"], GOOD))
    member = header("r4.2/logon.csv", kind, link=str(tmp_path / "secret"))
    path = archive(tmp_path, tar(member, *MEMBERS[1:]))
    assert "holds no logon.csv; a release needs it" in refusal(capsys, path)


@pytest.mark.parametrize(
    "name",
    [
        "../logon.csv",
        "r4.2/../../logon.csv",
        "/etc/LDAP/2010-01.csv",
        "r4.2/LDAP/../../x.csv",
        "r4.2/answers/../../../../insiders.csv",
        "r4.2/answers/" + "a" * 300 + ".csv",
        "a/b/LDAP/2010-01.csv",
        "r4.2/answers/ins\niders.csv",
    ],
)
def test_a_name_in_an_archive_never_becomes_a_path(name: str, tmp_path: Path) -> None:
    path = archive(tmp_path, tar((name, b"x" * 600), *MEMBERS))
    store = build(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r4.2.tar.bz2", "store"]
    assert sorted(file.name for file in store.path.iterdir()) == ["events", "manifest.json", "rejects"]
    assert store.manifest["logs"]["logon"]["read"] == 4


def test_a_bomb_is_stopped_before_it_fills_the_disk(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ALWAYS", 1 << 20)
    monkeypatch.setattr(archives, "BUFFER", 1 << 16)
    content = text(HEADERS["logon"]).encode() + b"\0" * (4 << 20)
    path = archive(tmp_path, tar(("r4.2/logon.csv", content), *MEMBERS[1:]))
    assert "unpacks to more than 100 times its size" in refusal(capsys, path)


def test_a_sparse_member_which_unpacks_to_any_size_at_no_cost_is_no_log(
    tmp_path: Path, capsys: Capture
) -> None:
    path = archive(tmp_path, tar(sparse("r4.2/logon.csv", 7 << 30), *MEMBERS[1:]))
    assert "holds no logon.csv" in refusal(capsys, path)


@pytest.mark.parametrize("packed", [True, False], ids=["archive", "folder"])
def test_a_small_file_that_is_huge_is_refused(
    packed: bool, source: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (archives, tables):
        monkeypatch.setattr(module, "SMALL", 2 << 20)
    content = b"x" * (3 << 20)
    (source / "LDAP").mkdir()
    (source / "LDAP" / "2010-01.csv").write_bytes(content)
    if packed:
        source = archive(source.parent, tar(*MEMBERS, ("r4.2/LDAP/2010-01.csv", content)))
    assert re.search(r"LDAP/2010-01.csv (of|has) 3 MiB", refusal(capsys, source))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("2010-13.csv", None, "2010-13.csv is not named after a month, such as 2010-01.csv"),
        ("2010-1.csv", None, "2010-1.csv is not named after a month"),
        ("2010-01-04.csv", None, "2010-01-04.csv is not named after a month"),
        ("9999-12.csv", None, "9999-12.csv is not named after a month"),
        ("2010-02.csv", "", "2010-02.csv cannot be read as CSV: empty CSV"),
        ("2010-02.csv", "employee_name,user_id\nAnn,ann\n", "2010-02.csv lacks the column 'email', 'role'"),
        ("2010-02.csv", "\0" * 9999, "2010-02.csv lacks the column"),
        ("2010-02.csv", 'user_id\n"' + "open" * 9999, "2010-02.csv cannot be read as CSV"),
    ],
)
def test_a_directory_that_cannot_be_read_is_refused(
    name: str, content: str | None, words: str, source: Path, capsys: Capture
) -> None:
    write_ldap(source)
    good = (source / "LDAP" / "2010-01.csv").read_text()
    (source / "LDAP" / name).write_text(good if content is None else content)
    assert words in refusal(capsys, source)


def test_a_month_that_is_a_folder_or_a_pipe_is_refused(source: Path, capsys: Capture) -> None:
    (source / "LDAP" / "2010-01.csv").mkdir(parents=True)
    assert "2010-01.csv is no file" in refusal(capsys, source)
    (source / "LDAP" / "2010-01.csv").rmdir()
    os.mkfifo(source / "LDAP" / "2010-01.csv")
    assert "2010-01.csv is no file" in refusal(capsys, source)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda key: (key / "insiders.csv").unlink(),
            "has no insiders.csv; remove the folder if there is no",
        ),
        (lambda key: (key / "ann.csv").unlink(), "has no ann.csv, which its insiders.csv names"),
        (
            lambda key: (key / "insiders.csv").write_bytes(b""),
            "insiders.csv cannot be read as CSV: empty CSV",
        ),
        (lambda key: (key / "insiders.csv").write_bytes(b"\xff\xfed\0a\0"), "insiders.csv lacks the column"),
        (lambda key: rewrite(key, "4.2,", "5.2,"), "holds no campaign of 4.2, only of 5.2"),
        (lambda key: rewrite(key, "01/04", "13/04"), "insiders.csv has a row of 4.2 that cannot be read"),
        (lambda key: rewrite(key, "2010", "3010"), "insiders.csv has an impossible campaign"),
        (lambda key: rewrite(key, "ann.csv", "../ann.csv\x1b[2J"), "has no ../ann.csv?[2J, which its"),
        (lambda key: rewrite(key, "4.2,1", "4.2,"), "has a row of 4.2 without scenario"),
    ],
    ids=[
        "no list",
        "no details",
        "empty",
        "UTF-16",
        "other release",
        "month 13",
        "future",
        "path",
        "scenario",
    ],
)
def test_a_key_that_cannot_be_used_is_refused(
    damage: Callable[[Path], object], words: str, source: Path, capsys: Capture
) -> None:
    write_key(source)
    damage(source / "answers")
    assert words in refusal(capsys, source)


def rewrite(key: Path, old: str, new: str) -> None:
    """Replace a text in the list of campaigns."""
    path = key / "insiders.csv"
    path.write_text(path.read_text().replace(old, new))


def test_a_date_without_leading_zeros_is_read_and_a_start_without_month_repaired(source: Path) -> None:
    write_key(source, campaign=INSIDER.replace("01/04/2010 12", "1/4/2010 12"))
    store = build(source)
    assert pl.read_parquet(store.path / "answers" / "campaigns.parquet")["start"][0] == datetime(
        2010, 1, 4, 12
    )
    assert store.manifest["answers"]["remarks"] == []
    write_key(source, campaign=INSIDER.replace("01/04/2010", "/04/2010", 1))
    prepare(source, "--store", source.with_name("again"), "--shards=1")
    repaired = Store(source.with_name("again"))
    assert pl.read_parquet(repaired.path / "answers" / "campaigns.parquet")["start"][0] == datetime(
        2010, 1, 4, 12
    )
    assert repaired.manifest["answers"]["remarks"] == [
        "insiders.csv: the start of scenario 1 has no month; taken from ann.csv"
    ]


def test_a_damaged_key_row_is_a_remark_and_the_others_are_found(source: Path) -> None:
    bad = [
        "",
        "logon",
        "\0" * 99,
        "logon,{X},99/99/2010 08:00:00,ann,PC-1,Logon",
        "x" * 200_000,
        '"a,b',
        "\r,\r",
    ]
    write_key(source, [*KEY[:1], *bad, *KEY[1:]])
    answers = build(source).manifest["answers"]
    assert answers["remarks"] == [f"ann.csv:{number}: not a row of a log" for number in range(2, 9)]
    assert (answers["rows"], answers["found_by_id"]) == (3, 3)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--shards=0"], "shards must be 1 to 1024, got 0"),
        (["--shards=-1"], "shards must be 1 to 1024, got -1"),
        (["--shards=5000"], "shards must be 1 to 1024, got 5000"),
        (["--shards=many"], "shards: Expected a"),
        (["--memory=0"], "memory must be more than 0 GiB, got 0.0"),
        (["--workers=0"], "workers must be at least 1, got 0"),
        (["--workers=-2"], "workers must be at least 1, got -2"),
        (["--memory=1e-9"], "use fewer workers, more shards or more memory"),
        (["--content=email_send,mail"], "content names no kind of event: mail; kinds are logon, logoff"),
        (["--content="], "content names no kind of event"),
        (["--content=logon", "--no-content"], "--no-content and --content exclude one another"),
        (["--answers=/nowhere"], "no answer key at /nowhere"),
        (["--append"], "no event store at"),
        (["--executor=cloud"], "cloud"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_does_not_fit_is_refused(
    args: list[str], words: str, source: Path, capsys: Capture
) -> None:
    assert words in refusal(capsys, source, *args)


def test_a_store_that_is_a_file_or_below_one_is_refused_and_the_file_stays(
    source: Path, capsys: Capture
) -> None:
    (source.parent / "store").write_text("mine")
    assert "store exists already" in refusal(capsys, source)
    assert "http.csv: File exists" in refusal(capsys, source, "--store", source / "http.csv" / "store")
    (source.parent / "store").unlink()
    (source.parent / ".store.partial").write_text("mine")
    assert "File exists" in refusal(capsys, source)
    assert (source.parent / ".store.partial").read_text() == "mine"


def test_a_damaged_store_cannot_be_added_to(source: Path, capsys: Capture) -> None:
    store = build(source)
    (store.path / "manifest.json").write_text("{")
    assert "manifest.json is damaged" in refusal(capsys, source, "--append")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--shards=3"], "--append keeps; leave these options out"),
        (["--no-content"], "--append keeps; leave these options out"),
        (["--release=r5.2"], "holds r4.2; r5.2 cannot be added to it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_added_under_other_options_is_refused_and_the_store_stays(
    args: list[str], words: str, source: Path, capsys: Capture
) -> None:
    before = build(source).fingerprint
    assert words in refusal(capsys, source, "--append", *args)
    assert Store(source.with_name("store")).fingerprint == before


def test_another_release_cannot_be_added(source: Path, capsys: Capture) -> None:
    build(source)
    other = write_release(source.with_name("other"), "r5.2")
    assert "laid out like r5.1 or r5.2, and not like r4.2" in refusal(capsys, other, "--append")


def test_what_is_added_twice_is_refused_row_by_row(source: Path) -> None:
    build(source)
    store = build(source, append=True)
    assert [reason for _, reason in rejects(store)] == ["duplicate id"] * 10
    assert store.manifest["events"] == 10


@pytest.mark.parametrize("name", ["with space", "r[4].2*", "Übung", "-x", "a'b\"c;$(d)"])
def test_a_path_may_have_any_name(name: str, tmp_path: Path) -> None:
    write_logs(tmp_path / name)
    write_ldap(tmp_path / name)
    write_key(tmp_path / name)
    prepare("--shards=1", "--store", tmp_path / f"{name} store", "--", tmp_path / name)
    assert Store(tmp_path / f"{name} store").manifest["answers"]["found_by_id"] == 3


@pytest.mark.parametrize(
    ("owner", "name"),
    [(pl.DataFrame, "write_parquet"), (Path, "write_text"), (Path, "mkdir"), (archives, "read_header")],
    ids=["table", "note", "folder", "piece of an archive"],
)
@pytest.mark.parametrize("after", [0, 3])
def test_a_full_disk_ends_in_one_line_and_the_same_command_goes_on(
    owner: object, name: str, after: int, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path, WHOLE)
    write, calls = getattr(owner, name), iter(range(after))

    def fill(*args: object, **options: object) -> object:
        if next(calls, None) is None:
            raise OSError(28, "No space left on device")
        return write(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fill)
        with pytest.raises(SystemExit) as ended:
            prepare(path, "--store", tmp_path / "store", "--shards=1")
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith("itd: no space left on the disk of ")
    assert line.count("\n") == 1
    assert not (tmp_path / "store").exists()
    store = build(path)
    assert store.manifest["events"] == 10
    assert rejects(store) == []
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r4.2.tar.bz2", "store"]


def test_a_path_that_looks_like_markup_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "[").mkdir()
    prepare(write_logs(tmp_path / "[" / "b]"), "--store", tmp_path / "store", "--shards=1")


def test_a_link_in_place_of_the_builds_folder_is_refused(source: Path, capsys: Capture) -> None:
    victim = source.parent / "victim"
    victim.mkdir()
    (victim / "precious").write_text("mine")
    (source.parent / ".store.partial").symlink_to(victim)
    refusal(capsys, source)
    assert (victim / "precious").read_text() == "mine"


def test_a_build_within_its_source_goes_on_too(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(build_module, "sort_shards", fail)
        with pytest.raises(OSError, match="no space left"):
            build_store([source], source / "store", shards=1)
    monkeypatch.setattr(stage, "write_piece", fail)  # all pieces are staged: none is written again
    build_store([source], source / "store", shards=1)


def test_a_log_of_line_ends_is_no_log_and_is_not_counted_line_by_line(source: Path, capsys: Capture) -> None:
    with (source / "logon.csv").open("ab") as file:
        file.write(b"\n" * 200_000)
    assert "logon.csv has 200,004 nearly empty lines in a row; it is no log" in refusal(capsys, source)


def test_a_million_lines_that_are_no_rows_are_no_log(
    source: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "MOST_REFUSED", 3)
    with (source / "logon.csv").open("a") as file:
        file.write("this is no row of any log at all\n" * 4)
    assert "logon.csv has a million lines that are no rows; it is not the log" in refusal(capsys, source)


@pytest.mark.parametrize("name", ["now.txt", "plan.json", "manifest.json", "note.json", "0000.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[]"], ids=["empty", "cut", "no text", "a list"])
def test_a_damaged_small_file_of_a_half_finished_build_is_made_again(
    name: str, damage: bytes, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(build_module, "publish" if name == "manifest.json" else "write_facts", fail)
        with pytest.raises(OSError, match="no space left on the disk of"):
            build_store([source], source.with_name("store"), shards=1)
    found = list(source.with_name(".store.partial").rglob(name))
    assert found or name == "now.txt"
    for file in found:
        file.write_bytes(damage)
    assert build(source).manifest["events"] == 10


@pytest.mark.parametrize("limit", [200, 2000])
def test_a_limit_on_file_sizes_ends_in_one_line_that_names_the_folder(limit: int, source: Path) -> None:
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from itd_lightning.cli import main\n"
        f"main(['prepare', {str(source)!r}, '--store', {str(source.with_name('store'))!r}])"
    )
    # -B: else Python cuts its own cached bytecode at the limit, and does not start on it again.
    command = [sys.executable, "-B", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"itd: no space left on the disk of {source.with_name('.store.partial')}")
    assert ended.stderr.count("\n") == 1
    assert build(source).manifest["events"] == 10


def test_a_log_of_faulty_rows_stops_the_build_with_a_row_and_the_form_expected(tmp_path: Path) -> None:
    rows = [f"{{A-{n}}},2010-01-04 08:00:{n:02},ann,PC-1,Logon" for n in range(20)]
    source = write_release(tmp_path / "source", "r4.2", logon=rows)
    shown = (
        r"20 of the first 20 rows of logon would be refused, such as unparsable date: '\{A-0\},2010-01-04 08:"
    )
    with pytest.raises(
        InputError, match=shown + r".*; expected: id,date,user,pc,activity with dates such as 01"
    ):
        build_store([source], tmp_path / "store", shards=1)
    assert not (tmp_path / "store").exists()
    manifest = build_store([source], tmp_path / "store", shards=1, allow_refused=1.0)
    assert manifest["logs"]["logon"] == {"read": 20, "kept": 0, "rejected": 20}


def test_a_share_of_faulty_rows_may_be_allowed(tmp_path: Path) -> None:
    rows = [f"{{A-{n}}},01/04/2010 08:00:{n:02},ann,PC-1,{'Logon' if n % 3 else 'Dance'}" for n in range(60)]
    source = write_release(tmp_path / "source", "r4.2", logon=rows)
    with pytest.raises(
        InputError, match="20 of the first 60 rows of logon would be refused, such as unknown ac"
    ):
        build_store([source], tmp_path / "store", shards=1, allow_refused=0.3)
    assert build_store([source], tmp_path / "store", shards=1)["logs"]["logon"]["kept"] == 40
    with pytest.raises(InputError, match="allow_refused is a share, 0 to 1, got 2"):
        build_store([source], tmp_path / "other", allow_refused=2.0)
