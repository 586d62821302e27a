"""A log in pieces and blocks: nothing is lost between two of them, and none depends on who reads it."""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert import logs, pieces
from itd_lightning.sources.cert import record_ends as records
from itd_lightning.sources.cert.pieces import Piece, read_blocks
from itd_lightning.sources.cert.record_ends import RECORD

HEADER = b"id,date,user,pc,url,activity,content\n"
LONG = 500  # bytes; as a line, over the small limit
TRIALS = 25


@pytest.fixture(autouse=True)
def _short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lines be long that are a few hundred bytes."""
    for module in (logs, pieces, records):
        monkeypatch.setattr(module, "MAX_LINE", LONG - 100)
    for module in (pieces, records):
        monkeypatch.setattr(module, "REACH", 2 * LONG)


def random_log(dice: random.Random) -> bytes:
    """A log whose fields hold quotes, line ends, much text or nothing; rows may be cut or be none."""
    rows = []
    for number in range(dice.randrange(40)):
        content = dice.choice(
            ["", "x" * dice.randrange(90), "x" * LONG, '"a' + "\n" * dice.randrange(4) + 'b, ""q"""', '"open']
        )
        record = (
            f"{{{number:04d}-ABCD1234-ABCD1234}},01/04/2010 07:12:31,ABC0001,PC-0001,u,WWW Visit,{content}"
        )
        rows.append(record if dice.random() < 0.9 else record[dice.randrange(len(record)) :])
    end = "\n" if dice.random() < 0.5 else ""
    return HEADER + ("\n".join(rows) + end).encode()


def random_logs() -> Iterator[bytes]:
    """Some such logs, the same each time."""
    dice = random.Random(1)
    return (random_log(dice) for _ in range(TRIALS))


@pytest.mark.parametrize("block", [100, 300, 4096])
def test_a_piece_says_where_its_blocks_end_if_all_its_quotes_fit(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 500)
    monkeypatch.setattr(pieces, "SCAN", 100)
    monkeypatch.setattr(pieces, "BLOCK", block)
    path = tmp_path / "http.csv"
    row = '{{{:04d}-ABCD1234-ABCD1234}},01/04/2010 07:12:31,ABC0001,PC-0001,u,WWW Visit,"a\nb"'
    text = HEADER + "".join(f"{row.format(number)}\n" for number in range(40)).encode()
    path.write_bytes(text)
    *checked, last = pieces.cut_log(path, "http", quoted=True)
    assert last.ends == ()
    for piece in checked:
        assert piece.ends[-1] == piece.stop - piece.start
        read = list(read_blocks(piece, xxh3_128(), quoted=True))
        assert b"".join(part.text for part in read) == text[piece.start : piece.stop]
        assert all(part.fits and part.text.endswith(b'b"\n') for part in read)
        assert max(len(part.text) for part in read) <= max(block, len(row) + 10)
    path.write_bytes(text.replace(b"0020-ABCD1234", b'00"0-ABCD1234'))
    assert [piece.ends == () for piece in pieces.cut_log(path, "http", quoted=True)].count(True) == 2


@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
@pytest.mark.parametrize("size", [7, 64, 257, 4096])
def test_the_pieces_of_a_log_are_the_log(
    size: int, quoted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", size)
    for text in random_logs():
        (tmp_path / "http.csv").write_bytes(text)
        found = list(pieces.cut_log(tmp_path / "http.csv", "http", quoted=quoted))
        assert [piece.number for piece in found] == list(range(max(1, -(-len(text) // size))))
        assert {piece.header for piece in found} == {HEADER}
        assert (found[0].start, found[-1].stop) == (len(HEADER), len(text))
        assert all(one.stop == other.start for one, other in pairwise(found))
        begins = [piece.start for piece in found if piece.start < piece.stop]
        assert all(text[begin - 1 : begin] == b"\n" for begin in begins)


@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
@pytest.mark.parametrize("block", [1, 16, 100, 5000])
def test_blocks_of_any_size_cover_a_piece_exactly(
    block: int, quoted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK", block)
    for text in random_logs():
        text = text.replace(b"x" * LONG, b"y")  # a long line loses its end, which is another test's matter
        (tmp_path / "http.csv").write_bytes(text)
        digest = xxh3_128()
        piece = Piece("http", 0, tmp_path / "http.csv", len(HEADER), len(text), HEADER)
        blocks = [block.text for block in read_blocks(piece, digest, quoted=quoted)]
        rows = text[len(HEADER) :]
        assert b"".join(blocks) == rows + b"\n" * (bool(rows) and not rows.endswith(b"\n"))
        assert all(block.endswith(b"\n") for block in blocks)
        assert digest.digest() == xxh3_128(rows).digest()


@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
@pytest.mark.parametrize("block", [1, 100])
def test_a_long_line_is_cut_short_and_costs_no_memory_but_every_byte_is_hashed(
    block: int, quoted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK", block)
    text = b"x" * 9999 + b"\nshort\n" + b"y" * 9999
    (tmp_path / "http.csv").write_bytes(text)
    digest = xxh3_128()
    piece = Piece("http", 0, tmp_path / "http.csv", 0, len(text), HEADER)
    first, *_, last = lines = b"".join(
        block.text for block in read_blocks(piece, digest, quoted=quoted)
    ).splitlines()
    assert len(lines) == 3
    assert all(records.MAX_LINE <= len(line) < 4 * records.MAX_LINE for line in (first, last))
    assert lines[1] == b"short"
    assert digest.digest() == xxh3_128((tmp_path / "http.csv").read_bytes()).digest()


def test_a_quoted_line_end_does_not_end_a_block_where_records_can_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK", 40)
    record = b'{%04d-ABCD1234-ABCD1234},"one\n{two\n\nthree"\n'
    text = b"".join(record % number for number in range(20))
    (tmp_path / "http.csv").write_bytes(text)
    piece = Piece("http", 0, tmp_path / "http.csv", 0, len(text), HEADER)
    blocks = [block.text for block in read_blocks(piece, xxh3_128(), quoted=True)]
    assert len(blocks) > 5
    assert all(RECORD.match(block) for block in blocks)


def test_lines_behind_an_unclosed_quote_do_not_pile_up_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK", 100)
    text = b'{0000-ABCD1234-ABCD1234},"open\n' + b"no record\n" * 1000
    (tmp_path / "http.csv").write_bytes(text)
    piece = Piece("http", 0, tmp_path / "http.csv", 0, len(text), HEADER)
    blocks = [block.text for block in read_blocks(piece, xxh3_128(), quoted=True)]
    assert b"".join(blocks) == text
    assert max(map(len, blocks)) < 2 * LONG


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "logon.csv"
    path.write_bytes(b"id\n" + b"x\n" * 50)
    (piece,) = pieces.cut_log(path, "logon", quoted=False)
    path.write_bytes(b"id\n" + b"x\n" * 20)
    with pytest.raises(InputError, match="became shorter while it was read"):
        list(read_blocks(piece, xxh3_128(), quoted=False))
