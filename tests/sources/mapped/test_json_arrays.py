"""Files that are one JSON array, as clouds deliver them: whole, cut short and damaged."""

import json
from pathlib import Path

import pytest

from tests.handmade_mappings import NDJSON, build_logs, events, open_logs, refusals

ARRAY = NDJSON.replace("format: ndjson", "format: json")
RECORD = {"time": "2026-03-02T08:00:00", "user": "ann", "host": "pc1", "act": "in", "what": "x", "size": 5}
ONE = json.dumps(RECORD)


def changed(**values: object) -> str:
    """Return the record with other values."""
    return json.dumps({**RECORD, **values})


BROKEN: dict[str, tuple[bytes | str, int, list[str]]] = {  # text, events, reasons
    "an array": (f"[{ONE},{ONE}]", 2, []),
    "records of an object": (f'{{"Records": [{ONE},{ONE}]}}', 2, []),
    "other keys before and after": (f'{{"next": "x", "value": [{ONE}], "more": 5}}', 1, []),
    "pretty": (json.dumps([RECORD, RECORD], indent=2), 2, []),
    "CRLF": (json.dumps([RECORD, RECORD], indent=2).replace("\n", "\r\n"), 2, []),
    "BOM": (b"\xef\xbb\xbf" + f"[{ONE}]".encode(), 1, []),
    "UTF-16": (f"[{ONE}]".encode("utf-16"), 1, []),
    "empty file": ("", 0, []),
    "an empty array": ("[]", 0, []),
    "not closed": (f"[{ONE},{ONE}", 2, []),
    "cut short": (f"[{ONE},{ONE[:40]}", 1, ["no JSON"]),
    "a comma too many": (f"[{ONE},]", 1, []),
    "no comma": (f"[{ONE} {ONE}]", 2, []),
    "a number within": (f"[{ONE},5,{ONE}]", 2, ["no JSON object"]),
    "null within": (f"[{ONE},null]", 1, ["no JSON object"]),
    "an array within": (f"[{ONE},[1,2]]", 1, ["no JSON object"]),
    "a broken record": (f'[{ONE},{{"user": ann}},{ONE}]', 2, ["no JSON"]),
    "no UTF-8": (
        f"[{ONE},".encode() + ONE.encode().replace(b'"x"', b'"Zo\xe9"') + b"]",
        1,
        ["invalid UTF-8"],
    ),
    "duplicate keys": ("[" + ONE.replace('"ann"', '"bob", "user": "ann"') + "]", 1, []),
    "nested quotes": ("[" + changed(what='a "b" ] , [ c') + "]", 1, []),
    "nobody": (f"[{changed(user=None)},{changed(user='-')}]", 0, ["no user"] * 2),
    "epochs": (f"[{changed(time=1772438400)},{changed(time=1772438400000)}]", 2, []),
    "two zones": (
        f"[{changed(time='2026-03-02T08:00:00Z')},{changed(time='2026-03-02T08:00:00+02:00')}]",
        2,
        [],
    ),
    "10 MB value": (f"[{changed(what='x' * 10_000_000)},{ONE}]", 1, ["line longer than 1 MiB"]),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_array_loses_no_record(fault: str, tmp_path: Path) -> None:
    text, kept, reasons = BROKEN[fault]
    source = open_logs(tmp_path / "logs", ARRAY, {"a.json": text})
    assert ([reason for _, reason in refusals(source)], len(events(source))) == (reasons, kept)
    counts = build_logs(source, tmp_path / "store")["logons"]
    assert counts == {"read": kept + len(reasons), "kept": kept, "rejected": len(reasons)}
