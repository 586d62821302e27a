"""Exports of Windows events in XML, as they should be and as they are: nothing is lost without a word."""

import gzip
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.mapped.windows_xml import event_lines
from tests.handmade_mappings import build_logs, events, open_logs, parse, refusals

XML = """\
inputs:
  logons:
    files: "*.xml*"
    format: xml
    time: System.TimeCreated
    columns: {user: EventData.User, pc: System.Computer, object: EventData.What}
    kind:
      - {kind: logon, when: System.EventID = '4624'}
"""
EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>4624</EventID>"
    "<TimeCreated SystemTime='2026-03-02T08:00:00.1234567Z'/><Computer>pc1</Computer></System>"
    "<EventData><Data Name='User'>ann</Data><Data Name='What'>x</Data></EventData></Event>"
)
LAUGHS = (
    '<!DOCTYPE lol [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
BROKEN: dict[str, tuple[bytes | str, int, list[str]]] = {  # text, events, reasons
    "one line an event": ((EVENT + "\n") * 3, 3, []),
    "one line": (EVENT * 3, 3, []),
    "the event viewer": (f'<?xml version="1.0"?><Events>{EVENT * 2}</Events>', 2, []),
    "CRLF": (EVENT.replace("><", ">\r\n<") * 2, 2, []),
    "BOM": (b"\xef\xbb\xbf" + EVENT.encode(), 1, []),
    "UTF-16": ((EVENT * 2).encode("utf-16"), 2, []),
    "records between events": (f"Record 1\n{EVENT}\nRecord 2\n{EVENT}\n", 2, []),
    "empty file": ("", 0, []),
    "no event": ("<Events></Events>", 0, []),
    "cut short": (EVENT + EVENT[:200], 1, ["no JSON"]),
    "cut within a mark": (EVENT + EVENT[:4], 1, []),
    "cut before the next": (EVENT[:200] + EVENT, 1, ["no JSON"]),
    "a mark that is not closed": (EVENT.replace("</System>", "") + EVENT, 1, ["no JSON"]),
    "escaped signs": (EVENT.replace(">x<", ">a &amp; &lt;b&gt; &quot;c&quot;<"), 1, []),
    "CDATA": (EVENT.replace(">x<", "><![CDATA[a <b> & c]]><"), 1, []),
    "a line end in a value": (EVENT.replace(">x<", ">a\nb<"), 1, []),
    "entities before": (LAUGHS + EVENT.replace(">x<", ">&c;<") + EVENT, 1, ["no JSON"]),
    "a bare ampersand": (EVENT.replace(">x<", ">a & b<") + EVENT, 1, ["no JSON"]),
    "no UTF-8": (EVENT.encode().replace(b">x<", b">Zo\xe9<") + EVENT.encode(), 1, ["invalid UTF-8"]),
    "control signs": (EVENT.replace(">x<", ">\x01<") + EVENT, 1, ["no JSON"]),
    "NUL byte": (EVENT.replace(">x<", ">\0<") + EVENT, 1, ["NUL byte"]),
    "no user": (EVENT.replace("ann", "") + EVENT.replace("ann", "-") + EVENT, 1, ["no user"] * 2),
    "no time": (EVENT.replace("2026-03-02T", ""), 0, ["unparsable time"]),
    "data without names": (EVENT.replace(" Name='What'", ""), 1, []),
    "no EventData": (EVENT[: EVENT.index("<EventData>")] + "</Event>", 0, ["no user"]),
    "another event": (EVENT.replace("4624", "1102"), 0, ["no rule gives a kind"]),
    "10 MB value": (EVENT.replace(">x<", f">{'x' * 10_000_000}<") + EVENT, 1, ["line longer than 1 MiB"]),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_export_loses_no_event(fault: str, tmp_path: Path) -> None:
    text, kept, reasons = BROKEN[fault]
    source = open_logs(tmp_path / "logs", XML, {"a.xml": text})
    assert ([reason for _, reason in refusals(source)], len(events(source))) == (reasons, kept)
    counts = build_logs(source, tmp_path / "store")["logons"]
    assert counts == {"read": kept + len(reasons), "kept": kept, "rejected": len(reasons)}


def test_blocks_may_end_anywhere() -> None:
    text = (f"Record\n{EVENT}\n" * 3).encode()
    whole = b"".join(event_lines(iter([text])))
    for size in (1, 7, 100, 333):
        blocks = (text[start : start + size] for start in range(0, len(text), size))
        assert b"".join(event_lines(blocks)) == whole
    assert whole.count(b"\n") == 3


def test_a_packed_export_that_is_cut_short_is_refused_in_one_line(tmp_path: Path) -> None:
    packed = gzip.compress((EVENT * 500).encode())
    assert len(events(open_logs(tmp_path / "whole", XML, {"a.xml.gz": packed}))) == 500
    with pytest.raises(InputError, match=r"a\.xml\.gz is damaged or cut short"):
        parse(open_logs(tmp_path / "cut", XML, {"a.xml.gz": packed[:-20]}))
