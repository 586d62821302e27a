"""A release as it lies on disk: a folder, or the archive it is distributed as, and where its key is."""

import re
from pathlib import Path
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.archives import is_archive, read_root_name
from itd_lightning.sources.cert.logs import check_header
from itd_lightning.sources.cert.pieces import read_header
from itd_lightning.sources.cert.releases import RELEASES, Release, find_release
from itd_lightning.sources.cert.tables import read_table

_NAME = re.compile(r"(?<![\d.])r?([456]\.[12])(?!\d)")


class ReleaseFolder(NamedTuple):
    """One release on disk: a folder or an archive.

    Attributes:
        path: Folder or archive.
        answers: Folder or archive of the answer key; None where the release brings its own, or none.
    """

    path: Path
    answers: Path | None

    @property
    def archived(self) -> bool:
        """Whether the release is an archive."""
        return not self.path.is_dir()


def find_release_folder(path: Path, answers: Path | None = None) -> ReleaseFolder:
    """Return where a release and its key lie on disk.

    Args:
        path: Folder or archive of the release.
        answers: Folder or archive of the key. Default: the folder ``answers`` of the release; for an archive
            also ``answers.tar.bz2`` beside it.

    Raises:
        InputError: If there is neither a folder nor an archive, or no key where one is named.
    """
    if not path.is_dir() and not (path.is_file() and is_archive(path)):
        raise InputError(f"no folder or .tar.bz2 at {path}; expected a CERT release")
    beside = path.with_name("answers.tar.bz2")
    if answers is None and path.is_file() and beside.is_file() and beside != path:
        answers = beside
    if answers is not None and not answers.exists():
        raise InputError(f"no answer key at {answers}")
    return ReleaseFolder(path, answers)


def recognise_release(folder: ReleaseFolder) -> Release:
    """Return which release this is: by the headers of its logs, then by its name, then by its key.

    Where none tells between two releases of one layout, the later is meant: it is the one published upon.

    Raises:
        InputError: If it is none, or an archive whose name does not tell.
    """
    version = _NAME.search(folder.path.name) or (
        _NAME.search(read_root_name(folder.path)) if folder.archived else None
    )
    if folder.archived:
        if version is None:
            raise InputError(f"cannot tell which release {folder.path} is; name it with --release")
        return find_release(f"r{version[1]}")
    candidates = _match_layouts(folder.path)
    by_name = [release for release in candidates if version and release.dataset == version[1]]
    return (
        by_name or [release for release in candidates if _names_people_of(folder, release)] or candidates
    )[-1]


def check_layout(folder: ReleaseFolder, release: Release) -> None:
    """Refuse a folder whose logs are laid out like another release's; an archive shows it when it is read.

    Raises:
        InputError: If they are.
    """
    if not folder.archived and release not in (candidates := _match_layouts(folder.path)):
        names = " or ".join(other.name for other in candidates)
        raise InputError(f"{folder.path} is laid out like {names}, and not like {release.name}")


def _match_layouts(folder: Path) -> list[Release]:
    """Return the releases whose columns the logs of a folder have.

    Raises:
        InputError: If there are none.
    """
    headers = read_headers(folder)
    candidates = [release for release in RELEASES.values() if _has_columns(headers, release)]
    return [
        release for release in candidates if release.logs == candidates[-1].logs
    ]  # later ones have more columns


def read_headers(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the names in the first line of each log; all releases have the columns of r4.2.

    Raises:
        InputError: If a log is missing.
    """
    headers = {}
    for log in find_release("r4.2").logs:
        path = folder / f"{log.name}.csv"
        if not path.is_file():
            raise InputError(f"{folder} has no {path.name}; a release needs it")
        with path.open("rb") as file:
            headers[log.name] = check_header(read_header(file), path, log.columns)
    return headers


def _has_columns(headers: dict[str, tuple[str, ...]], release: Release) -> bool:
    """Return whether logs with these headers have all columns that a release needs."""
    return all(set(log.columns) <= set(headers[log.name]) for log in release.logs)


def _names_people_of(folder: ReleaseFolder, release: Release) -> bool:
    """Return whether the key's insiders of a release are among the people of the folder."""
    key = (folder.answers or folder.path / "answers") / "insiders.csv"
    people = folder.path / "psychometric.csv"
    if not key.is_file() or not people.is_file():
        return False
    insiders = read_table(key, ("dataset", "user")).filter(pl.col("dataset") == release.dataset)["user"]
    return len(insiders) > 0 and set(insiders) <= set(read_table(people, ("user_id",))["user_id"])
