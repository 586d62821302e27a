"""Broken files: one line, or rows that are refused and counted; what is read is kept or refused."""

import bz2
import gzip
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.mapped import pieces
from tests.handmade_mappings import CSV, HEADER, NDJSON, build_logs, events, open_logs, parse, refusals

TIME = "2026-03-02T08:00:00"
ROW = f"{TIME},ann,pc1,in,x,5\n"
OBJECT = json.dumps({"time": TIME, "user": "ann", "host": "pc1", "act": "in", "what": "x", "size": 5}) + "\n"
BOM = b"\xef\xbb\xbf"


def changed(**values: object) -> str:
    """Return a line with other values."""
    return json.dumps({**json.loads(OBJECT), **values}) + "\n"


BROKEN_CSV: dict[str, tuple[bytes | str, int, list[str]]] = {  # text, events, reasons
    "BOM": (BOM + (HEADER + ROW).encode(), 1, []),
    "CRLF": ((HEADER + ROW).replace("\n", "\r\n"), 1, []),
    "no last line end": (HEADER + ROW.rstrip(), 1, []),
    "UTF-16": ((HEADER + ROW).encode("utf-16"), 1, []),
    "mixed encodings": (
        (HEADER + ROW).encode() + "2026-03-02,Zoé,pc,in,x,5\n".encode("latin-1"),
        1,
        ["invalid UTF-8"],
    ),
    "empty lines": (HEADER + "\n" + ROW + "\n", 1, ["empty line", "empty line"]),
    "header only": (HEADER, 0, []),
    "too few fields": (HEADER + ROW + "a,b\n", 1, ["expected 6 fields, got 2"]),
    "too many fields": (HEADER + ROW.replace("x", "x,y") + ROW, 1, ["expected 6 fields, got 7"]),
    "too few and too many": (
        HEADER + "a,b,c,d,e\n" + ROW.replace("x", "x,y") + ROW,
        1,
        ["expected 6 fields, got 5", "expected 6 fields, got 7"],
    ),
    "quoted commas and line ends": (HEADER + ROW.replace("x", '"a, ""b""\nc"') + ROW, 2, []),
    "unclosed quote": (HEADER + ROW.replace("x", '"x') + ROW * 3, 3, ["unclosed or misplaced quote"]),
    "misplaced quotes": (HEADER + ROW.replace("x", 'a "b" c') + ROW, 1, ["unclosed or misplaced quote"]),
    "two unclosed quotes": (
        HEADER + ROW.replace("x", '"x') + ROW + ROW.replace("x", '"x') + ROW,
        2,
        ["unclosed or misplaced quote"] * 2,
    ),
    "10 MB line": (HEADER + ROW.replace("x", "x" * 10_000_000) + ROW, 1, ["line longer than 1 MiB"]),
    "10 MB without end": (HEADER + ROW + "x" * 10_000_000, 1, ["line longer than 1 MiB"]),
    "NUL byte": (HEADER + ROW + ROW.replace("x", "\0"), 1, ["NUL byte"]),
    "no user": (
        HEADER + ROW.replace("ann", "") + ROW.replace("ann", "-") + ROW.replace("ann", "NULL"),
        0,
        ["no user"] * 3,
    ),
    "no time": (HEADER + ROW.replace(TIME, "yesterday") + ROW.replace(TIME, ""), 0, ["unparsable time"] * 2),
    "implausible time": (HEADER + ROW.replace(TIME, "0026-03-02T08:00:00"), 0, ["implausible year"]),
    "future": (HEADER + ROW.replace("2026", "2031"), 0, ["time in the future"]),
    "seconds to nanoseconds": (
        HEADER + "".join(ROW.replace(TIME, f"1772438400{zeros}") for zeros in ("", "000", "0" * 6, "0" * 9)),
        4,
        [],
    ),
    "two zones": (HEADER + ROW.replace(TIME, TIME + "+01:00") + ROW.replace(TIME, TIME + "Z"), 2, []),
    "no rule": (HEADER + ROW.replace("in", "sideways"), 0, ["no rule gives a kind"]),
    "size is no number": (HEADER + ROW.replace(",5", ",five"), 1, []),
}
BROKEN_NDJSON: dict[str, tuple[bytes | str, int, list[str]]] = {
    "BOM": (BOM + OBJECT.encode(), 1, []),
    "CRLF": (OBJECT.replace("\n", "\r\n") * 2, 2, []),
    "no last line end": (OBJECT + OBJECT.rstrip(), 2, []),
    "UTF-16": ((OBJECT * 2).encode("utf-16"), 2, []),
    "mixed encodings": (
        OBJECT.encode() + changed(what="Zoé").encode().replace(b"\\u00e9", b"\xe9"),
        1,
        ["invalid UTF-8"],
    ),
    "empty lines": ("\n" + OBJECT + "\n", 1, ["empty line", "empty line"]),
    "empty file": ("", 0, []),
    "no JSON": (OBJECT + "broken\n", 1, ["no JSON"]),
    "cut short": (OBJECT + OBJECT[:30], 1, ["no JSON"]),
    "an array": (OBJECT + "[1]\n", 1, ["no JSON object"]),
    "a number and null": ("5\nnull\n" + OBJECT, 1, ["no JSON object"] * 2),
    "two objects in a line": (OBJECT.rstrip() + OBJECT, 0, ["no JSON"]),
    "NaN": (changed(size=float("nan")) + OBJECT, 1, ["cannot be read"]),
    "duplicate keys": (OBJECT.replace('"ann"', '"bob", "user": "ann"'), 1, []),
    "nested quotes": (changed(what='a "b" \\ c'), 1, []),
    "escaped line end": (changed(what="a\nb"), 1, []),
    "10 MB line": (changed(what="x" * 10_000_000) + OBJECT, 1, ["line longer than 1 MiB"]),
    "no user": (changed(user=None) + changed(user="-") + changed(user=""), 0, ["no user"] * 3),
    "user is an object": (changed(user={"name": "ann"}), 1, []),
    "missing keys": ("{}\n" + '{"act": "in"}\n', 0, ["no rule gives a kind", "no user"]),
    "deep": ('{"user": ' + "[" * 100_000 + "\n" + OBJECT, 1, ["no JSON"]),
    "numbers as times": (
        changed(time=1772438400) + changed(time=1772438400000) + changed(time=1772438400000000000),
        3,
        [],
    ),
    "two zones": (changed(time=TIME + "+0100") + changed(time=TIME + ".1234567Z"), 2, []),
    "NUL byte": (OBJECT + "\0\n", 1, ["NUL byte"]),
}


@pytest.mark.parametrize("fault", BROKEN_CSV)
def test_a_broken_csv_loses_no_row(fault: str, tmp_path: Path) -> None:
    text, kept, reasons = BROKEN_CSV[fault]
    source = open_logs(tmp_path / "logs", CSV, {"a.csv": text})
    assert ([reason for _, reason in refusals(source)], len(events(source))) == (reasons, kept)
    counts = build_logs(source, tmp_path / "store")["logons"]
    assert counts == {"read": kept + len(reasons), "kept": kept, "rejected": len(reasons)}


@pytest.mark.parametrize("fault", BROKEN_NDJSON)
def test_a_broken_ndjson_loses_no_row(fault: str, tmp_path: Path) -> None:
    text, kept, reasons = BROKEN_NDJSON[fault]
    source = open_logs(tmp_path / "logs", NDJSON, {"a.json": text})
    assert ([reason for _, reason in refusals(source)], len(events(source))) == (reasons, kept)
    counts = build_logs(source, tmp_path / "store")["logons"]
    assert counts == {"read": kept + len(reasons), "kept": kept, "rejected": len(reasons)}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv.gz", gzip.compress((HEADER + ROW * 1000).encode())[:-20], "a.csv.gz is damaged or cut short"),
        ("a.csv.gz", b"no gzip at all", "a.csv.gz is damaged or cut short"),
        (
            "a.csv.bz2",
            bz2.compress((HEADER + ROW * 1000).encode())[:-20],
            "a.csv.bz2 is damaged or cut short",
        ),
        ("a.csv.zst", b"no zstd at all", "a.csv.zst is damaged or cut short"),
        ("a.csv", "", "a.csv has no header"),
        ("a.csv", "time,user,host\n", "a.csv has no column 'what', 'size', 'act'; it has time, user, host"),
        ("a.csv", HEADER.replace("size", "size,user"), "a.csv names a column twice: user"),
        ("a.txt", "", r"mapping.yaml: inputs.logons: no file \*.csv\* in "),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(
    name: str, content: bytes | str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words) as error:
        parse(open_logs(tmp_path, CSV, {name: content}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("packed", ["gz", "bz2", "zst"])
def test_a_packed_file_gives_the_events_of_the_plain_one(
    packed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 2_000)
    text = HEADER + "".join(ROW.replace("x", f'"x\n{number}"') for number in range(500))
    pl.DataFrame({"a": ["1"]}).write_csv(tmp_path / "one.zst", compression="zstd")
    plain = open_logs(tmp_path / "plain", CSV, {"a.csv": text})
    packers: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "zst": _zstd}
    content = packers[packed](text.encode())
    other = open_logs(tmp_path / "packed", CSV, {f"a.csv.{packed}": content})
    assert len(parse(plain)) == len(parse(other)) > 5
    assert events(plain).drop("event_id").equals(events(other).drop("event_id"))
    assert len(events(plain)) == 500


def _zstd(text: bytes) -> bytes:
    """Return text packed by Polars, which writes tables only."""
    lines = text.decode().split("\n")[:-1]
    out = BytesIO()
    table = pl.DataFrame({"line": lines})
    table.write_csv(out, include_header=False, quote_style="never", compression="zstd")
    return out.getvalue()


def test_other_layouts_give_the_same_events(tmp_path: Path) -> None:
    plain = events(open_logs(tmp_path / "csv", CSV, {"a.csv": HEADER + ROW * 3})).drop("event_id", "line")
    records = [json.loads(OBJECT)] * 3
    rows = pl.DataFrame(records)
    rows.write_parquet(tmp_path / "a.parquet")
    tsv = (HEADER + ROW * 3).replace(",", "\t")
    zeek = (
        "#separator \\x09\n#fields\t"
        + HEADER.replace(",", "\t")
        + ROW.replace(",", "\t") * 3
        + "#close\t2026\n"
    )
    w3c = (
        "#Version: 1.0\n#Fields: "
        + HEADER.replace(",", " ")
        + ROW.replace(",", " ") * 2
        + "#Remark\n"
        + ROW.replace(",", " ")
    )
    layouts: dict[str, str | bytes] = {
        "csv": (HEADER + ROW * 3).replace(",", ";"),
        "tsv": tsv,
        "zeek": zeek,
        "w3c": w3c,
        "ndjson": OBJECT * 3,
        "json": json.dumps(records, indent=2),
        "wrapped": json.dumps({"a": 1, "value": records}),
        "parquet": (tmp_path / "a.parquet").read_bytes(),
    }
    forms = {"zeek": "tsv", "wrapped": "json", "csv": 'csv, separator: ";"'.replace(", ", "\n    ")}
    for name, content in layouts.items():
        mapping = CSV.replace("format: csv", f"format: {forms.get(name, name)}")
        source = open_logs(tmp_path / name, mapping, {"a.csv": content})
        assert events(source).drop("event_id", "line").equals(plain), name
        assert refusals(source) == [], name


def test_an_array_that_is_broken_in_the_middle_loses_that_record_only(tmp_path: Path) -> None:
    record = OBJECT.strip()
    mapping = CSV.replace("format: csv", "format: json")
    text = f"[{record}, {record}, {{broken}}, {record}, {record[:20]}"
    source = open_logs(tmp_path, mapping, {"a.csv": text})
    assert (len(events(source)), [reason for _, reason in refusals(source)]) == (3, ["no JSON", "no JSON"])


def test_a_quote_that_never_closes_cuts_no_piece_in_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 100_000)
    source = open_logs(tmp_path, CSV, {"a.csv": HEADER + ROW.replace("x", '"x') + ROW * 50_000})
    assert (len(events(source)), len(refusals(source))) == (50_000, 1)


def test_a_file_that_changes_its_columns_is_refused(tmp_path: Path) -> None:
    fields = "#Fields: " + HEADER.replace(",", " ")
    row = ROW.replace(",", " ")
    source = open_logs(
        tmp_path,
        CSV.replace("format: csv", "format: w3c"),
        {"a.csv": fields + row + fields.replace("what", "why") + row},
    )
    with pytest.raises(InputError, match="changes its columns on the way"):
        parse(source)
