"""An archive gives what its folder would: the same pieces, the same small files, and nothing else."""

import bz2
import io
import random
import tarfile
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert import archives, pieces
from itd_lightning.sources.cert import record_ends as records
from itd_lightning.sources.cert.archives import member_name, read_archive, read_root_name, unpacking_rate
from itd_lightning.sources.cert.pieces import Piece
from itd_lightning.sources.cert.releases import Log, find_release
from tests.sources.cert.test_pieces import random_log

TRIALS = 40


def archive(path: Path, members: dict[str, bytes]) -> Path:
    """An archive of these files."""
    with tarfile.open(path, "w:bz2") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def http(*, quoted: bool) -> dict[str, Log]:
    """The log of visits of a release with quotes, or without."""
    release = find_release("r6.2" if quoted else "r4.2")
    return {log.name: log for log in release.logs if log.name == "http"}


@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
@pytest.mark.parametrize(("size", "longest"), [(100, 40), (257, 100), (1000, 400), (4096, 400)])
def test_pieces_from_an_archive_are_those_of_the_file(
    size: int, longest: int, quoted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", size)
    for module in (pieces, records):
        monkeypatch.setattr(module, "MAX_LINE", longest)
    monkeypatch.setattr(archives, "BUFFER", 50)
    dice = random.Random(2)
    for _ in range(TRIALS):
        text = random_log(dice)
        (tmp_path / "http.csv").write_bytes(text)
        packed = archive(tmp_path / "r.tar.bz2", {"r/http.csv": text})
        wanted = [
            text[piece.start : piece.stop]
            for piece in pieces.cut_log(tmp_path / "http.csv", "http", quoted=quoted)
        ]
        read: list[bytes] = []
        for piece in read_archive(packed, http(quoted=quoted), tmp_path, lambda *_: False):
            assert (piece.number, piece.start, piece.header) == (len(read), 0, text[: text.index(b"\n") + 1])
            read.append(piece.path.read_bytes()[: piece.stop])
            piece.path.unlink()
        assert read == wanted


def test_a_piece_that_is_done_is_named_but_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 100)
    text = random_log(random.Random(3))
    packed = archive(tmp_path / "r.tar.bz2", {"r/http.csv": text})

    def read(done: set[int]) -> list[Piece]:
        (tmp_path / "out").mkdir(exist_ok=True)
        return list(
            read_archive(packed, http(quoted=True), tmp_path / "out", lambda _, number: number in done)
        )

    whole = read(set())
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    rest = read({0, 2, 3})
    assert [piece.number for piece in rest] == [piece.number for piece in whole]
    left = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert left == {name: text for name, text in written.items() if int(name[-6:]) not in {0, 2, 3}}


def test_small_files_come_out_under_their_own_names_and_others_not_at_all(tmp_path: Path) -> None:
    wanted = [
        "LDAP/2010-01.csv",
        "answers/insiders.csv",
        "answers/r4.2-1/r4.2-1-ABC0001.csv",
        "psychometric.csv",
    ]
    other = ["readme.txt", "LDAP/notes.csv", "answers/x/y/z.csv", "answers/tool.py", "x/y/psychometric.csv"]
    packed = archive(tmp_path / "r.tar.bz2", {f"r4.2/{name}": name.encode() for name in wanted + other})
    assert list(read_archive(packed, http(quoted=False), tmp_path / "out", lambda *_: False)) == []
    found = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in found) == wanted
    assert all(path.read_text() == str(path.relative_to(tmp_path / "out")) for path in found)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("logon.csv", "logon.csv"),
        ("./r4.2/logon.csv", "logon.csv"),
        ("r4.2/logon.csv", "logon.csv"),
        ("answers/r4.2-1/a.csv", "answers/r4.2-1/a.csv"),
        ("r4.2/answers/r4.2-1/a.csv", "answers/r4.2-1/a.csv"),
        ("a/b/logon.csv", ""),
        ("../logon.csv", ""),
        ("r4.2/LDAP/../../logon.csv", ""),
        ("/a/logon.csv", ""),
        ("", ""),
    ],
)
def test_a_member_stands_where_its_last_folders_say(name: str, found: str) -> None:
    assert member_name(tarfile.TarInfo(name)) == found


@pytest.mark.parametrize(
    ("name", "root"),
    [("r4.2/logon.csv", "r4.2"), ("./r4.2/x", "r4.2"), ("logon.csv", "logon.csv"), (".", "")],
)
def test_the_folder_of_an_archive_is_that_of_its_first_member(name: str, root: str, tmp_path: Path) -> None:
    assert read_root_name(archive(tmp_path / "r.tar.bz2", {name: b""})) == root


def test_an_empty_archive_has_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is an empty archive"):
        read_root_name(archive(tmp_path / "r.tar.bz2", {}))


def test_names_of_members_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(tmp_path / "r.tar.bz2", {f"r/{number}": b"" for number in range(50)})
    kept: list[int] = []

    def placed(_: tarfile.TarInfo) -> str:
        kept.append(len(held[0].members))  # type: ignore[attr-defined]
        return ""

    held: list[tarfile.TarFile] = []
    whole = tarfile.open

    def opened(*args: object, **options: object) -> tarfile.TarFile:
        held.append(whole(*args, **options))  # type: ignore[call-overload]
        return held[-1]

    monkeypatch.setattr(tarfile, "open", opened)
    monkeypatch.setattr(archives, "member_name", placed)
    assert list(read_archive(packed, {}, tmp_path, lambda *_: False)) == []
    assert len(kept) == 50
    assert max(kept) <= 1


def test_the_size_of_an_archive_is_told_from_its_beginning(tmp_path: Path) -> None:
    packed = archive(tmp_path / "r.tar.bz2", {"r/http.csv": random.Random(4).randbytes(100_000)})
    size, rate = unpacking_rate(packed, 10_000_000)
    assert size == pytest.approx(len(bz2.decompress(packed.read_bytes())), rel=0.01)
    assert rate > 0
    (tmp_path / "cut.tar.bz2").write_bytes(packed.read_bytes()[:500])
    with pytest.raises(InputError, match="damaged or cut short"):
        unpacking_rate(tmp_path / "cut.tar.bz2", 10_000_000)
