"""Which release a folder or an archive is: told by its headers, then by its name, then by its key."""

import io
import tarfile
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.release_folder import check_layout, find_release_folder, recognise_release
from itd_lightning.sources.cert.releases import RELEASES, find_release

LATER = {"r4.1": "r4.2", "r4.2": "r4.2", "r5.1": "r5.2", "r5.2": "r5.2", "r6.1": "r6.2", "r6.2": "r6.2"}


def write_release(folder: Path, name: str) -> Path:
    """Write the headers of a release."""
    folder.mkdir()
    for log in find_release(name).logs:
        (folder / f"{log.name}.csv").write_text(",".join(log.columns) + "\n")
    return folder


def write_key(folder: Path, insiders: dict[str, str], people: list[str]) -> None:
    """Add a key with insiders by data set, and people."""
    (folder / "answers").mkdir()
    rows = [f"{dataset},1,a.csv,{user},x,x" for user, dataset in insiders.items()]
    (folder / "answers" / "insiders.csv").write_text(
        "\n".join(["dataset,scenario,details,user,start,end", *rows])
    )
    (folder / "psychometric.csv").write_text("\n".join(["user_id", *people]))


def archive(path: Path, *names: str) -> Path:
    """An archive of empty files."""
    with tarfile.open(path, "w:bz2") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    return path


@pytest.mark.parametrize("name", RELEASES)
def test_headers_alone_tell_the_layout_and_the_later_of_two_releases_is_meant(
    name: str, tmp_path: Path
) -> None:
    assert recognise_release(find_release_folder(write_release(tmp_path / "data", name))).name == LATER[name]


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("folder", ["{}", "cert-{}", "{}_cut", "CERT {} (copy)"])
def test_the_name_tells_two_releases_of_one_layout_apart(folder: str, name: str, tmp_path: Path) -> None:
    for written in (name, name.removeprefix("r")):
        path = write_release(tmp_path / folder.format(written), name)
        assert recognise_release(find_release_folder(path)).name == name


def test_headers_count_more_than_a_name(tmp_path: Path) -> None:
    assert recognise_release(find_release_folder(write_release(tmp_path / "r4.1", "r6.2"))).name == "r6.2"
    assert recognise_release(find_release_folder(write_release(tmp_path / "r4.10", "r4.2"))).name == "r4.2"


@pytest.mark.parametrize(
    ("people", "meant"), [(["a"], "r5.1"), (["b"], "r5.2"), (["c"], "r5.2"), (["a", "b"], "r5.2")]
)
def test_the_key_tells_where_no_name_does(people: list[str], meant: str, tmp_path: Path) -> None:
    folder = write_release(tmp_path / "data", "r5.1")
    write_key(folder, {"a": "5.1", "b": "5.2", "d": "4.2"}, people)
    assert recognise_release(find_release_folder(folder)).name == meant


@pytest.mark.parametrize("name", RELEASES)
def test_an_archive_is_told_by_its_name_or_by_its_folders(name: str, tmp_path: Path) -> None:
    assert (
        recognise_release(find_release_folder(archive(tmp_path / f"{name}.tar.bz2", "x/logon.csv"))).name
        == name
    )
    assert (
        recognise_release(find_release_folder(archive(tmp_path / "data.tar.bz2", f"{name}/logon.csv"))).name
        == name
    )


def test_an_archive_that_nothing_tells_of_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot tell which release .* is; name it with --release"):
        recognise_release(find_release_folder(archive(tmp_path / "data.tar.bz2", "logon.csv")))


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_passes_for_those_of_its_layout_and_no_others(name: str, tmp_path: Path) -> None:
    source = find_release_folder(write_release(tmp_path / "data", name))
    for other in RELEASES.values():
        if LATER[other.name] == LATER[name]:
            check_layout(source, other)
        else:
            with pytest.raises(InputError, match=f"laid out like .*{name}.*, and not like {other.name}$"):
                check_layout(source, other)


@pytest.mark.parametrize("name", ["data.zip", "data.tar.gz", "data.csv", "nowhere"])
def test_what_is_neither_folder_nor_archive_is_refused(name: str, tmp_path: Path) -> None:
    if "." in name:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"no folder or \.tar\.bz2 at .*; expected a CERT release$"):
        find_release_folder(tmp_path / name)


def test_a_key_lies_beside_an_archive_or_where_it_is_said_to_be(tmp_path: Path) -> None:
    path = archive(tmp_path / "r4.2.tar.bz2", "r4.2/logon.csv")
    assert find_release_folder(path).answers is None
    beside = archive(tmp_path / "answers.tar.bz2", "answers/insiders.csv")
    assert find_release_folder(path).answers == beside
    assert find_release_folder(beside).answers is None
    assert find_release_folder(write_release(tmp_path / "data", "r4.2")).answers is None
    assert find_release_folder(path, tmp_path / "data").answers == tmp_path / "data"
    with pytest.raises(InputError, match=r"no answer key at .*nowhere$"):
        find_release_folder(path, tmp_path / "nowhere")
