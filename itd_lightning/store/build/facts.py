"""What a release says beside its logs: who works there, which files are decoys, and the answer key.

A store keeps these facts as they were read, in ``raw``, so that what is added later joins them as if all had
been read at once.
"""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.answers import Answers, join_answers, read_answers
from itd_lightning.sources.cert.archives import is_archive, read_archive
from itd_lightning.sources.cert.people import Directory, join_directories, people_of, read_directory
from itd_lightning.sources.cert.release_folder import Source
from itd_lightning.sources.cert.releases import SYNTHETIC, Release
from itd_lightning.sources.cert.tables import read_table

DECOYS = pl.Schema({"file": pl.String(), "pc": pl.String()})


class Facts(NamedTuple):
    """Everything but events.

    Attributes:
        directory: LDAP and psychometric data; None where there is no LDAP.
        answers: The key; None where there is none.
        decoys: Decoy files and their PCs; None where the release has no list of them.
        synthetic: Whether our generator wrote the release.
    """

    directory: Directory | None
    answers: Answers | None
    decoys: pl.DataFrame | None
    synthetic: bool


def read_facts(folder: Path, answers: Path | None, release: Release) -> Facts:
    """Read the facts of a release.

    Args:
        folder: Holds the small files of the release.
        answers: Folder of the key; default: ``answers`` in the folder.
        release: Which release it is.
    """
    decoys = folder / "decoy_file.csv"
    return Facts(
        directory=read_directory(folder),
        answers=read_answers(answers or folder / "answers", release),
        decoys=read_decoys(decoys) if release.decoys and decoys.is_file() else None,
        synthetic=(folder / SYNTHETIC).is_file(),
    )


def unpack_answers(source: Source, folder: Path) -> Path | None:
    """Folder of the key that stands apart from its release; None where it does not.

    Args:
        source: The release.
        folder: Where a packed key is unpacked.

    Raises:
        InputError: If an archive holds no key.
    """
    if source.answers is None or not is_archive(source.answers):
        return source.answers
    for _ in read_archive(source.answers, {}, folder, lambda *_: False):
        pass
    if not (folder / "answers").is_dir():
        raise InputError(f"{source.answers} holds no folder answers")
    return folder / "answers"


def read_decoys(path: Path) -> pl.DataFrame:
    """Read the list of decoy files."""
    rows = read_table(path, ("decoy_filename", "pc"))
    return rows.select(pl.col("decoy_filename").alias("file"), "pc").drop_nulls().unique().sort("file", "pc")


def join_facts(parts: list[Facts]) -> Facts:
    """Facts of several sources; where two speak of the same month or user, the first counts."""
    directories = [part.directory for part in parts if part.directory is not None]
    keys = [part.answers for part in parts if part.answers is not None]
    decoys = [part.decoys for part in parts if part.decoys is not None]
    return Facts(
        directory=join_directories(directories) if directories else None,
        answers=join_answers(keys) if keys else None,
        decoys=pl.concat(decoys).unique().sort("file", "pc") if decoys else None,
        synthetic=any(part.synthetic for part in parts),
    )


def write_facts(folder: Path, facts: Facts) -> None:
    """Write the facts as read, and people and decoys as views need them."""
    tables: dict[str, pl.DataFrame] = {}
    if facts.directory is not None:
        tables["raw/entries.parquet"], tables["raw/traits.parquet"] = facts.directory
        tables["people.parquet"] = people_of(facts.directory)
    if facts.decoys is not None:
        tables["decoys.parquet"] = facts.decoys
    if facts.answers is not None:
        tables["answers/campaigns.parquet"] = facts.answers.campaigns
        tables["raw/key.parquet"] = facts.answers.rows
    for name, table in tables.items():
        (folder / name).parent.mkdir(exist_ok=True)
        table.rechunk().write_parquet(folder / name)


def read_raw(store: Path, remarks: list[str], *, synthetic: bool) -> Facts:
    """The facts of a store, as they were read."""

    def table(name: str) -> pl.DataFrame | None:
        return pl.read_parquet(store / name, glob=False) if (store / name).is_file() else None

    entries, traits = table("raw/entries.parquet"), table("raw/traits.parquet")
    campaigns, rows = table("answers/campaigns.parquet"), table("raw/key.parquet")
    return Facts(
        directory=None if entries is None or traits is None else Directory(entries, traits),
        answers=None if campaigns is None or rows is None else Answers(campaigns, rows, remarks),
        decoys=table("decoys.parquet"),
        synthetic=synthetic,
    )
