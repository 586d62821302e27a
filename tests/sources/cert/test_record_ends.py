"""A row quoted in another's content is content, wherever a log is cut; an open quote costs one record."""

import random
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from xxhash import xxh3_128

from itd_lightning.sources.cert import pieces
from itd_lightning.sources.cert import record_ends as records
from itd_lightning.sources.cert.logs import parse_rows, split_fields
from itd_lightning.sources.cert.record_ends import fitting_end, record_ends
from itd_lightning.sources.cert.releases import Log, find_release

NOW = datetime(2026, 1, 1)
NOON = "01/04/2010 12:00:00"
CELLS = {
    "id": "",
    "date": NOON,
    "user": "ANN",
    "pc": "PC-1",
    "filename": "C:/a.doc",
    "url": "http://a.org/",
    "to": "a@dtaa.com",
    "from": "b@dtaa.com",
    "size": "9",
    "to_removable_media": "True",
    "from_removable_media": "False",
}
ACTIVITY = {"file": "File Copy", "email": "Send", "http": "WWW Visit"}


def row(log: Log, number: int, content: str, user: str = "ANN") -> str:
    """A record of a log, as its writer would leave it; the content as given."""
    cells = {**CELLS, "id": f"{{{number:04}-ABCD1234-ABCD1234}}", "user": user, "content": content}
    cells["activity"] = ACTIVITY[log.name]
    return ",".join(cells.get(name, "") for name in log.columns)


def quoted(text: str) -> str:
    """A field as CSV quotes it."""
    return '"' + text.replace('"', '""') + '"'


def kept(path: Path, log: Log) -> tuple[list[tuple[str, str]], list[str], int]:
    """Users and contents kept, reasons of the rows refused, and lines read, piece by piece."""
    rows, reasons, lines = list[tuple[str, str]](), list[str](), 0
    for piece in pieces.cut_log(path, log.name, quoted=log.quoted):
        for whole in pieces.read_blocks(piece, xxh3_128(), quoted=log.quoted):
            block = split_fields(whole.text, log.columns, log, lines, fits=whole.fits)
            parsed = parse_rows(block.rows, log, NOW)
            rows += parsed.events.sort("line").select("user", "content").rows()
            reasons += [reason for _, reason in [*block.refused.rows(), *parsed.refused.rows()]]
            lines += block.lines
    return rows, reasons, lines


@pytest.fixture(params=["r5.2 http", "r5.2 email", "r5.2 file", "r6.2 http", "r6.2 email", "r6.2 file"])
def log(request: pytest.FixtureRequest) -> Log:
    """Return a log with content."""
    release, name = request.param.split()
    return find_release(release).by_name[name]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_row_forged_in_a_content_is_content_wherever_the_log_is_cut(
    end: str, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = f'say "x"\n{row(log, 9, "forged", user="BOB")}\n\n{row(log, 8, "z", user="BOB")}'
    rows = [row(log, 1, "one"), row(log, 2, quoted(forged)), row(log, 3, quoted("three, 3")), row(log, 4, "")]
    header = ",".join(log.columns)
    text = "\n".join([header, *rows, ""])
    path = tmp_path / "log.csv"
    path.write_bytes(text.replace("\n", end).encode())
    expected = [("ANN", "one"), ("ANN", forged), ("ANN", "three, 3"), ("ANN", None)]
    begins = {0, *np.cumsum([len((part + "\n").replace("\n", end)) for part in [header, *rows]]).tolist()}
    for cut in range(len(rows[0]), len(text) + 20):
        monkeypatch.setattr(pieces, "PIECE", cut)
        monkeypatch.setattr(pieces, "BLOCK", 1 + cut % 97)
        assert {piece.start for piece in pieces.cut_log(path, log.name, quoted=True)} <= begins
        if cut % 41 == 0:
            assert kept(path, log) == (expected, [], 7)


def test_a_quote_that_never_closes_loses_its_own_record_only(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for others in ("{}", "plain"):
        rows = [row(log, 1, quoted("one")), row(log, 2, '"open')]
        rows += [row(log, number, quoted("x") if others == "{}" else "x") for number in range(3, 9)]
        text = ",".join(log.columns) + "\n" + "\n".join(rows) + "\n"
        path = tmp_path / "log.csv"
        path.write_text(text)
        expected = [("ANN", "one")] + [("ANN", "x")] * 6
        for cut in range(30, len(text), 61):
            monkeypatch.setattr(pieces, "PIECE", cut)
            monkeypatch.setattr(pieces, "BLOCK", 1 + cut % 97)
            assert kept(path, log) == (expected, ["unclosed or misplaced quote"], 8)


@pytest.mark.parametrize("block", [16, 300, 1 << 20])
def test_a_record_that_is_too_long_for_memory_is_one_refused_row(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = find_release("r6.2").by_name["http"]
    monkeypatch.setattr(pieces, "BLOCK", block)
    monkeypatch.setattr(pieces, "PIECE", 500)
    for module, limit in ((records, "MAX_LINE"), (pieces, "MAX_LINE"), (records, "REACH"), (pieces, "REACH")):
        monkeypatch.setattr(module, limit, 400 if limit == "MAX_LINE" else 900)
    monkeypatch.setattr("itd_lightning.sources.cert.logs.MAX_LINE", 400)
    monkeypatch.setattr("itd_lightning.sources.cert.logs.STRETCH", 200)
    long = [quoted("a\n" + "b" * 500 + "\nc"), quoted("a" * 9999), '"a\n' + "b" * 9999 + '\nc"', "a" * 9999]
    for content in long:
        rows = [row(log, 1, "one"), row(log, 2, content), row(log, 3, quoted("three"))]
        (tmp_path / "http.csv").write_text(",".join(log.columns) + "\n" + "\n".join(rows) + "\n")
        found, reasons, lines = kept(tmp_path / "http.csv", log)
        assert found == [("ANN", "one"), ("ANN", "three")]
        assert reasons[0] == "line longer than 1 MiB"
        assert lines == 3 + content.count("\n")


def test_many_forged_rows_in_one_block_are_content(tmp_path: Path) -> None:
    log = find_release("r6.2").by_name["email"]
    forged = "\n".join(["x", *(row(log, 9, "forged", user="BOB") for _ in range(50))])
    rows = [row(log, number, quoted(forged) if number % 3 else "x") for number in range(900)]
    (tmp_path / "email.csv").write_text(",".join(log.columns) + "\n" + "\n".join(rows) + "\n")
    found, reasons, lines = kept(tmp_path / "email.csv", log)
    assert (reasons, lines) == ([], 300 + 600 * 51)
    assert found == [("ANN", forged if number % 3 else "x") for number in range(900)]


def literal_ends(text: bytes) -> list[int]:
    """Ends of records, told byte by byte."""
    ends, start = list[int](), 0
    while start < len(text):
        end = closed_end(text, start) or fallback_end(text, start)
        ends.append(end)
        start = end
    return ends


def closed_end(text: bytes, start: int) -> int | None:
    """End of a record of strict CSV; None where it is none."""
    within, at = False, start
    while at < len(text) and (within or text[at : at + 1] != b"\n"):
        if text[at : at + 1] == b'"':
            behind = text[at + 1 : at + 3]
            if not within and not (at == start or text[at - 1 : at] in (b",", b"\n")):
                return None
            if within and behind[:1] == b'"':
                at += 1
            elif within and not (behind[:1] in (b"", b",", b"\n") or behind in (b"\r\n", b"\r")):
                return None
            else:
                within = not within
        at += 1
    return None if within else min(at + 1, len(text))


def fallback_end(text: bytes, start: int) -> int:
    """End of a broken record: open quotes join lines up to what looks like the beginning of one."""
    end = start
    while True:
        end = text.find(b"\n", end) + 1 or len(text)
        even = text[start:end].count(b'"') % 2 == 0
        if even or end == len(text) or records.RECORD.match(text, end):
            return end


def random_text(dice: random.Random) -> bytes:
    """A text of quotes, line ends and beginnings of records."""
    signs = [
        b'"',
        b'"',
        b'""',
        b",",
        b"\n",
        b"\r\n",
        b"a",
        b"{0001-ABCD1234-ABCD1234},",
        b'\n"',
        b'",',
        b"\r",
    ]
    return b"".join(dice.choices(signs, k=dice.randrange(40)))


def test_ends_are_those_told_byte_by_byte() -> None:
    dice = random.Random(4)
    for _ in range(5000):
        text = random_text(dice)
        assert record_ends(text, last=True).tolist() == literal_ends(text), text


def test_an_end_that_is_told_early_stays_whatever_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LONGEST_START", 26)
    dice = random.Random(5)
    early = 0
    for _ in range(3000):
        text = random_text(dice)
        whole = record_ends(text, last=True).tolist()
        cut = dice.randrange(len(text) + 1)
        found = record_ends(text[:cut], last=False).tolist()
        assert fitting_end(text[:cut]) in (0, *whole)
        assert whole[: len(found)] == found
        early += len(found)
    assert early > 2000
