"""Facts beside the events of a store: people, decoy files and the answer key.

A store keeps these facts as they were read, in ``raw``, so that what is added later joins them as if all had
been read at once.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from itd_lightning.contracts.store_files import (
    CAMPAIGN_FILE,
    DECOY_FILE,
    PEOPLE_FILE,
    RAW_ENTRY_FILE,
    RAW_KEY_FILE,
    RAW_TRAIT_FILE,
)
from itd_lightning.sources.base import CAMPAIGN_ORDER, KEY_ORDER, Answers, Directory, Facts
from itd_lightning.store.build.people import join_directories, update_directory, validity_periods


def join_facts(parts: Sequence[Facts], base: Facts | None = None, since: date | None = None) -> Facts:
    """Join the facts of several sources; where two speak of the same month or user, the first counts.

    Args:
        parts: Facts of the new sources.
        base: Facts of the store that is added to.
        since: Month from which on people are as the new sources have them, where these say how it is now.
    """
    current = [part.directory for part in parts if part.current and part.directory is not None]
    if base is not None:
        parts = [base, *parts]
    directories = [part.directory for part in parts if part.directory is not None]
    if base is not None and base.directory is not None and current and since is not None:
        directories = [
            update_directory(base.directory, join_directories(current), since),
            *(part.directory for part in parts[1:] if not part.current and part.directory is not None),
        ]
    keys = [part.answers for part in parts if part.answers is not None]
    decoys = [part.decoys for part in parts if part.decoys is not None]
    return Facts(
        directory=join_directories(directories) if directories else None,
        answers=_join_answers(keys) if keys else None,
        decoys=pl.concat(decoys).unique().sort("file", "pc") if decoys else None,
        synthetic=any(part.synthetic for part in parts),
    )


def _join_answers(keys: Sequence[Answers]) -> Answers:
    """Join keys into one; a campaign and a row that stand in two count once."""
    return Answers(
        pl.concat([key.campaigns for key in keys]).unique().sort(CAMPAIGN_ORDER),
        pl.concat([key.rows for key in keys]).unique().sort(KEY_ORDER),
        list(dict.fromkeys(remark for key in keys for remark in key.remarks)),
    )


def write_facts(folder: Path, facts: Facts) -> None:
    """Write the facts as read, and people and decoys as views need them."""
    tables: dict[str, pl.DataFrame] = {}
    if facts.directory is not None:
        tables[RAW_ENTRY_FILE], tables[RAW_TRAIT_FILE] = facts.directory
        tables[PEOPLE_FILE] = validity_periods(facts.directory)
    if facts.decoys is not None:
        tables[DECOY_FILE] = facts.decoys
    if facts.answers is not None:
        tables[CAMPAIGN_FILE] = facts.answers.campaigns
        tables[RAW_KEY_FILE] = facts.answers.rows
    for name, table in tables.items():
        (folder / name).parent.mkdir(exist_ok=True)
        table.rechunk().write_parquet(folder / name)


def read_raw(store: Path, remarks: list[str], *, synthetic: bool) -> Facts:
    """Return the facts of a store, as they were read."""

    def table(name: str) -> pl.DataFrame | None:
        return pl.read_parquet(store / name, glob=False) if (store / name).is_file() else None

    entries, traits = table(RAW_ENTRY_FILE), table(RAW_TRAIT_FILE)
    campaigns, rows = table(CAMPAIGN_FILE), table(RAW_KEY_FILE)
    return Facts(
        directory=None if entries is None or traits is None else Directory(entries, traits),
        answers=None if campaigns is None or rows is None else Answers(campaigns, rows, remarks),
        decoys=table(DECOY_FILE),
        synthetic=synthetic,
    )
