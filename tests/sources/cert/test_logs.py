"""What the reader of the logs promises: every line is kept, or refused with a reason, and none is lost."""

import random
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.sources.cert import pieces
from itd_lightning.sources.cert.logs import check_header, outside_quotes, parse_rows, quotes_fit, split_fields
from itd_lightning.sources.cert.release_folder import read_headers
from itd_lightning.sources.cert.releases import Log, find_release

LOGS = {log.name: log for log in find_release("r4.2").logs}
HEADER = "id,date,user,pc,activity"
GOOD = "{A1},01/04/2010 07:12:31,ABC0001,PC-0001,Logon"
LATER = "{A2},01/04/2010 17:30:00,ABC0001,PC-0001,Logoff"
EMAIL_HEADER = "id,date,user,pc,to,cc,bcc,from,size,attachments,content"
EMAIL = "{E1},01/04/2010 09:00:00,ABC0001,PC-0001,a@dtaa.com;b@x.org,c@dtaa.com,,d@dtaa.com,30,2,two words"


NOW = datetime(2026, 1, 1)
NOON = "01/04/2010 12:00:00"


class Read:
    """A log that was read piece by piece and block by block, put together."""

    def __init__(self, path: Path, log: Log) -> None:
        rows, rejects, digests = [pl.DataFrame(schema={**EVENTS, "line": pl.UInt32})], [], []
        self.blocks, line = 0, 2
        for piece in pieces.cut_log(path, log.name, quoted=log.quoted):
            header = check_header(piece.header, path, log.columns)
            digest = xxh3_128()
            for whole in pieces.read_blocks(piece, digest, quoted=log.quoted):
                block = split_fields(whole.text, header, log, line, fits=whole.fits)
                parsed = parse_rows(block.rows, log, NOW)
                assert len(parsed.events) + len(parsed.refused) == len(block.rows)
                rows.append(parsed.events)
                rejects.append(pl.concat([block.refused, parsed.refused]).sort("line"))
                line, self.blocks = line + block.lines, self.blocks + 1
            digests.append(digest.hexdigest())
        self.fingerprint = (piece.header, *digests)
        self.rows = pl.concat(rows)
        self.rejects = [row for part in rejects for row in part.rows()]
        self.read = len(self.rows) + len(self.rejects)


def read(folder: Path, text: str | bytes, name: str = "logon") -> Read:
    """Write a log and read it."""
    path = folder / f"{name}.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Read(path, LOGS[name])


def lines(*rows: str) -> str:
    """Lines of a log, each with its end."""
    return "".join(f"{row}\n" for row in rows)


def test_a_whole_row_becomes_an_event_and_what_its_log_does_not_record_is_null(tmp_path: Path) -> None:
    found = read(tmp_path, lines(HEADER, GOOD))
    assert found.rows.row(0, named=True) == {
        "event_id": "{A1}",
        "user": "ABC0001",
        "time": datetime(2010, 1, 4, 7, 12, 31),
        "pc": "PC-0001",
        "kind": "logon",
        "object": None,
        "size": None,
        "attachments": None,
        "to_removable": None,
        "from_removable": None,
        "content": None,
        "line": 2,
    }
    assert found.rows.drop("line").schema == EVENTS


def test_recipients_of_all_three_columns_are_joined_and_an_empty_one_adds_nothing(tmp_path: Path) -> None:
    row = read(tmp_path, lines(EMAIL_HEADER, EMAIL), "email").rows.row(0, named=True)
    assert row["object"] == "a@dtaa.com;b@x.org;;c@dtaa.com"
    assert (row["kind"], row["size"], row["attachments"], row["content"]) == (
        "email_send",
        30,
        2,
        "two words",
    )


def test_a_row_of_the_file_log_is_a_copy_to_a_removable_drive(tmp_path: Path) -> None:
    text = lines(
        "id,date,user,pc,filename,content", "{F1},01/04/2010 09:00:00,ABC0001,PC-0001,A.doc,D0-CF word"
    )
    row = read(tmp_path, text, "file").rows.row(0, named=True)
    assert (row["kind"], row["object"], row["to_removable"], row["from_removable"]) == (
        "file_copy",
        "A.doc",
        True,
        None,
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{A9},01/04/2010 08:0", "expected 5 fields, got 2"),
        (f"{GOOD},more", "expected 5 fields, got 6"),
        ("", "empty line"),
        ("   ", "empty line"),
        ("{A9},2010-01-04 08:00:00,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9},02/30/2010 08:00:00,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9},01/04/2010 24:00:00,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9},,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9},1/4/2010 08:00:00,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9},01/04/201008:00:00,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9}, 1/04/2010 08:00:00,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9},01/04/2010 08:00:60,ABC0001,PC-0001,Logon", "unparsable date"),
        ("{A9},01/04/0010 08:00:00,ABC0001,PC-0001,Logon", "implausible year"),
        ("{A9},01/04/2999 08:00:00,ABC0001,PC-0001,Logon", "implausible year"),
        (",01/04/2010 08:00:00,ABC0001,PC-0001,Logon", "empty id"),
        ("{A9},01/04/2010 08:00:00,,PC-0001,Logon", "empty user"),
        ("{A9},01/04/2010 08:00:00,ABC0001,,Logon", "empty pc"),
        (",,,,", "empty id"),
        ("{A9},01/04/2010 08:00:00,ABC0001,PC-0001,Reboot", "unknown activity"),
        ("{A9},01/04/2010 08:00:00,ABC0001,PC-0001,", "unknown activity"),
        ("{A9},01/04/2010 08:00:00,ABC0001,PC-0001,Logon\0", "NUL byte"),
        (HEADER, "repeated header"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_row_is_refused_with_its_line_and_reason_and_its_neighbours_stay(
    bad: str, reason: str, place: int, tmp_path: Path
) -> None:
    rows = [GOOD, LATER]
    rows.insert(place, bad)
    found = read(tmp_path, lines(HEADER, *rows))
    assert found.rejects == [(place + 2, reason)]
    assert found.rows["event_id"].to_list() == ["{A1}", "{A2}"]
    assert found.rows["line"].to_list() == [number for number in (2, 3, 4) if number != place + 2]
    assert found.read == 3


@pytest.mark.parametrize("size", ["", "large", "1.5", "1e3"])
def test_an_email_whose_size_is_no_number_is_refused(size: str, tmp_path: Path) -> None:
    found = read(tmp_path, lines(EMAIL_HEADER, EMAIL.replace(",30,", f",{size},"), EMAIL), "email")
    assert found.rejects == [(2, "size is not a whole number")]
    assert found.rows["line"].to_list() == [3]


def test_a_line_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    text = lines(HEADER, GOOD, LATER).encode().replace(b"{A1}", b"{\xff1}")
    found = read(tmp_path, text)
    assert found.rejects == [(2, "invalid UTF-8")]
    assert found.rows["event_id"].to_list() == ["{A2}"]


@pytest.mark.parametrize("rows", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0), (0, 2, 1), (1, 2, 0)])
def test_a_short_and_a_long_row_whose_commas_cancel_out_are_both_refused(
    rows: tuple[int, int, int], tmp_path: Path
) -> None:
    three = (GOOD, "{A9},01/04/2010 08:00:00,ABC0001,PC-0001", f"{LATER},more")
    found = read(tmp_path, lines(HEADER, *(three[row] for row in rows)))
    assert found.rows["line"].to_list() == [rows.index(0) + 2]
    assert sorted(found.rejects) == sorted(
        [(rows.index(1) + 2, "expected 5 fields, got 4"), (rows.index(2) + 2, "expected 5 fields, got 6")]
    )


def test_an_empty_line_and_a_line_twice_as_wide_cancel_out_and_are_both_refused(tmp_path: Path) -> None:
    found = read(tmp_path, lines(HEADER, GOOD, "", f"{GOOD},,,,"))
    assert found.rejects == [(3, "empty line"), (4, "expected 5 fields, got 9")]


def test_several_faults_are_reported_in_the_order_of_the_lines(tmp_path: Path) -> None:
    found = read(
        tmp_path, lines(HEADER, GOOD.replace("Logon", "Reboot"), "", GOOD, GOOD.replace("{A1}", ""), "x")
    )
    assert found.rejects == [
        (2, "unknown activity"),
        (3, "empty line"),
        (5, "empty id"),
        (6, "expected 5 fields, got 1"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        lines(HEADER, GOOD, LATER)[:-1],
        lines(HEADER, GOOD, LATER).replace("\n", "\r\n"),
        lines(HEADER, GOOD, LATER).replace("\n", "\r\n")[:-1],
        "\ufeff" + lines(HEADER, GOOD, LATER),
        "\ufeff" + lines(HEADER, GOOD, LATER).replace("\n", "\r\n"),
    ],
    ids=["no last line end", "CRLF", "half a last CRLF", "BOM", "BOM and CRLF"],
)
def test_line_ends_and_byte_order_marks_change_nothing(text: str, tmp_path: Path) -> None:
    found = read(tmp_path, text)
    assert found.rejects == []
    assert found.rows.equals(read(tmp_path, lines(HEADER, GOOD, LATER)).rows)


@pytest.mark.parametrize("name", ["extra", "line", "reason"])
def test_an_extra_column_is_ignored_whatever_its_name(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, lines(f"{HEADER},{name}", f"{GOOD},7", f"{LATER},", f"{HEADER},{name}"))
    assert found.rejects == [(4, "repeated header")]
    assert found.rows.equals(read(tmp_path, lines(HEADER, GOOD, LATER)).rows)


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    found = read(
        tmp_path, lines("activity,pc,user,date,id", "Logon,PC-0001,ABC0001,01/04/2010 07:12:31,{A1}")
    )
    assert found.rows.equals(read(tmp_path, lines(HEADER, GOOD)).rows)


def test_a_quote_is_a_character_like_any_other(tmp_path: Path) -> None:
    header, row = "id,date,user,pc,url,content", "{H1},01/04/2010 09:00:00,ABC0001,PC-0001,http://x.org/"
    found = read(tmp_path, lines(header, f'{row},"open', f'{row},"all" of it', f'{row},"a,b"'), "http")
    assert found.rows["content"].to_list() == ['"open', '"all" of it']
    assert found.rejects == [(4, "expected 6 fields, got 7")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 7, 50, 120, 1000])
def test_the_size_of_a_block_changes_nothing(
    size: int, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [GOOD, "", LATER, "cut", GOOD.replace("Logon", "x"), HEADER, f"{GOOD},,", *[LATER] * 5]
    text = end.join([HEADER, *rows])
    whole = read(tmp_path, text)
    monkeypatch.setattr(pieces, "BLOCK", size)
    parts = read(tmp_path, text)
    assert parts.blocks > whole.blocks or size == 1000
    assert parts.rows.equals(whole.rows)
    assert parts.rows["line"].to_list() == [2, 4, *range(9, 14)]
    assert parts.rejects == whole.rejects
    assert [line for line, _ in parts.rejects] == [3, 5, 6, 7, 8]
    assert (parts.read, parts.fingerprint) == (12, whole.fingerprint)


def test_a_log_without_rows_holds_no_events(tmp_path: Path) -> None:
    assert read(tmp_path, lines(HEADER)).read == 0
    assert read(tmp_path, HEADER).read == 0


def test_another_byte_gives_another_fingerprint(tmp_path: Path) -> None:
    texts = [lines(HEADER, GOOD), lines(HEADER, LATER), lines(f"{HEADER},x", f"{GOOD},")]
    assert len({read(tmp_path, text).fingerprint for text in [*texts, texts[0]]}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"has no logon\.csv; a release needs it$"),
        ("", r"logon\.csv is empty: its first line must be id,date,user,pc,activity$"),
        ("\n", r"logon\.csv is empty"),
        (
            lines("id,date,user,activity"),
            r"lacks the column 'pc'; its first line is 'id,date,user,activity'$",
        ),
        (lines("id,day,user"), "lacks the column 'date', 'pc', 'activity'"),
        (lines(f"{HEADER},user"), "names a column twice: 'id,date,user,pc,activity,user'$"),
        (lines(GOOD), "lacks the column 'id'"),
    ],
    ids=["missing file", "empty file", "empty line", "missing column", "three missing", "twice", "no header"],
)
def test_a_file_that_is_not_the_log_is_refused_in_one_line(
    text: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "logon.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        read_headers(tmp_path)
    assert "\n" not in str(raised.value)


def mutated(text: bytes, dice: random.Random) -> bytes:
    """Damage a text in one to four places: cut it, swap bytes, put bytes in, double or join lines."""
    for _ in range(dice.randint(1, 4)):
        one, two = sorted(dice.randrange(len(text)) for _ in range(2))
        rows = text.split(b"\n")
        row = dice.randrange(len(rows))
        text = dice.choice(
            [
                text[: max(two, 1)],
                text[:one]
                + text[two : two + 1]
                + text[one + 1 : two]
                + text[one : one + 1]
                + text[two + 1 :],
                text[:one] + bytes(dice.choices(b'\0\xff\r\n,"{ a', k=dice.randint(1, 3))) + text[one:],
                b"\n".join([*rows[:row], rows[row], *rows[row:]]),
                text.replace(b"\n", b"", 1) if row % 2 else text[:one] + text[one:].replace(b"\n", b"", 1),
            ]
        )
    return text


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [64, 1 << 20])
def test_no_damage_crashes_the_reader_or_loses_a_line(
    block: int, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK", block)
    dice = random.Random(7)
    whole = lines(EMAIL_HEADER, *[EMAIL.replace("{E1}", f"{{E{n}}}") for n in range(6)]).replace("\n", end)
    refused = kept = 0
    for _ in range(60):
        text = mutated(whole.encode(), dice)
        try:
            found = read(tmp_path, text, "email")
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - an error is allowed, not asked for
            continue
        _, *rows = text.split(b"\n")
        assert found.read == len(rows) - (not rows[-1] if rows else 0)
        numbers = [*found.rows["line"], *(line for line, _ in found.rejects)]
        assert sorted(numbers) == list(range(2, found.read + 2))
        refused, kept = refused + len(found.rejects), kept + len(found.rows)
    assert refused > 20
    assert kept > 60


def test_the_fast_and_the_plain_look_at_quotes_agree() -> None:
    dice = random.Random(6)
    found = []
    for _ in range(2000):
        text = bytes(dice.choices(b'"""a,,\n', k=dice.randrange(12))) + b"\n"
        found.append(quotes_fit(text))
        assert found[-1] == (outside_quotes(text) is not None)
    assert min(found.count(True), found.count(False)) > 300


def test_what_becomes_of_a_quoted_row_does_not_depend_on_its_neighbours() -> None:
    log = {log.name: log for log in find_release("r6.2").logs}["http"]
    dice = random.Random(5)
    kept = refused = 0
    for _ in range(300):
        rows = []
        for number in range(dice.randint(2, 6)):
            signs = dice.choices(
                ["a", " ", '"', '""', ",", '"x"', "\n", "é", "\r", "{", ""], k=dice.randrange(6)
            )
            content = dice.choice(["".join(signs), '"b, c"', '"d ""e"""', '"f\ng"'])
            if content.count('"') % 2:
                content += '"'  # one that is open reaches into its neighbours, as far as CSV goes
            rows.append(f"{{{number:04}-ABCD1234-ABCD1234}},{NOON},ann,PC-1,u,WWW Visit,{content}\n".encode())
        whole = split_fields(b"".join(rows), log.columns, log, 0)
        line = 0
        alone: list[tuple[object, ...]] = []
        reasons: list[tuple[object, ...]] = []
        for row in rows:
            block = split_fields(row, log.columns, log, line)
            alone, reasons, line = (
                alone + block.rows.rows(),
                reasons + block.refused.rows(),
                line + block.lines,
            )
        assert whole.rows.rows() == alone
        assert whole.refused.rows() == reasons
        assert whole.lines == line
        kept, refused = kept + len(alone), refused + len(reasons)
    assert kept > 400
    assert refused > 150


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_field_of_two_quotes_is_as_empty_as_one_of_none(end: str) -> None:
    log = {log.name: log for log in find_release("r6.2").logs}["logon"]
    rows = [
        '"{A1}","01/04/2010 08:00:00","ann","PC-1","Logon"',
        end,
        '"{A2}","01/04/2010 08:00:00","","PC-1","Logon"',
        end,
    ]
    parsed = parse_rows(split_fields("".join(rows).encode(), log.columns, log, 2).rows, log, NOW)
    assert parsed.events["event_id"].to_list() == ["{A1}"]
    assert parsed.refused.rows() == [(3, "empty user")]
