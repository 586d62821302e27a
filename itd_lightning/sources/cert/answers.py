"""The red-team answer key: who was malicious, when, in which scenario, by which events.

Only ``sources.cert.source`` imports this module. The build copies the key into the store, where ``store.key``
reads it.
"""

import csv
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.base import CAMPAIGN_ORDER, CAMPAIGNS, KEY_ORDER, KEY_ROWS, Answers
from itd_lightning.sources.cert.releases import TIME_FORMAT, YEARS, Log, Release
from itd_lightning.sources.cert.tables import read_small, read_table

_COLUMNS = ("dataset", "scenario", "details", "user", "start", "end")


class _KeyRow(NamedTuple):
    """A row of a detail file, without the columns that its log has anyway."""

    event_id: str
    user: str
    time: datetime
    pc: str
    kind: str


def read_answers(folder: Path, release: Release) -> Answers | None:
    """Return the key of one release, or None where there is no key.

    Args:
        folder: Holds ``insiders.csv``, which covers every release, and the detail files.
        release: The release whose key is wanted.

    Raises:
        InputError: If the key has no row for the release, lacks a column, or holds a date that cannot be
            read.
    """
    path = folder / "insiders.csv"
    if not folder.exists():
        return None
    if not path.is_file():
        raise InputError(f"{folder} has no insiders.csv; remove the folder if there is no answer key")
    entries = list(_read_campaigns(path, release).iter_rows(named=True))
    remarks = [remark for entry in entries if (remark := _repair_start(path, entry, release))]
    campaigns = [_parse_campaign(path, entry, release) for entry in entries]
    rows: list[tuple[object, ...]] = []
    names = [entry["details"] for entry in entries]
    if not any(_find_details(folder, release, name) for name in names):
        raise InputError(f"{folder} has no {names[0]}, which its insiders.csv names")
    for entry, (user, scenario, _, _) in zip(entries, campaigns, strict=True):
        details = _find_details(folder, release, entry["details"])
        if details is None:  # the key as it is distributed lacks r6.1-4.csv
            remarks.append(
                f"insiders.csv: there is no {entry['details']}, so only start and end of {user}'s campaign "
                "are known; labels by event have nothing of it, those by interval do"
            )
            continue
        read, bad = _read_details(details, release)
        rows += [(user, scenario, *row) for row in read]
        remarks += bad
    return Answers(
        pl.DataFrame(campaigns, schema=CAMPAIGNS, orient="row").sort(CAMPAIGN_ORDER),
        pl.DataFrame(rows, schema=KEY_ROWS, orient="row").unique().sort(KEY_ORDER),
        remarks,
    )


def _read_campaigns(path: Path, release: Release) -> pl.DataFrame:
    """Return the rows of ``insiders.csv`` that are of a release, as text."""
    key = read_table(path, _COLUMNS)
    # The data set is compared as text: "2" stands in "4.2" and "5.2".
    campaigns = key.filter(pl.col("dataset") == release.dataset).unique(maintain_order=True)
    if campaigns.is_empty():
        others = ", ".join(sorted(set(key["dataset"].drop_nulls())))
        raise InputError(f"{path} holds no campaign of {release.dataset}, only of {others or 'nothing'}")
    return campaigns


def _repair_start(path: Path, entry: dict[str, str], release: Release) -> str | None:
    """Replace a start without a month (r6.2, scenario 4) by the time of the first row; return a remark."""
    if not (entry["start"] or "").startswith("/") or not entry["details"]:
        return None
    details = _find_details(path.parent, release, entry["details"])
    rows = [] if details is None else _read_details(details, release)[0]
    if not rows:
        return None
    entry["start"] = min(row.time for row in rows).strftime(TIME_FORMAT)
    return (
        f"{path.name}: the start of scenario {entry['scenario']} has no month; taken from {entry['details']}"
    )


def _parse_campaign(
    path: Path, entry: dict[str, str], release: Release
) -> tuple[str, int, datetime, datetime]:
    """Return user, scenario, start and end of a row of ``insiders.csv``, checked."""
    if missing := [name for name in _COLUMNS if not entry[name]]:
        raise InputError(f"{path} has a row of {release.dataset} without {', '.join(missing)}")
    try:
        start, end = (datetime.strptime(entry[name], TIME_FORMAT) for name in ("start", "end"))
        scenario = int(entry["scenario"])
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} has a row of {release.dataset} that cannot be read: {error}") from error
    if not (start <= end and YEARS[0] <= start.year and end.year <= YEARS[1] and 0 < scenario < 100):
        raise InputError(f"{path} has an impossible campaign: scenario {scenario}, {start} to {end}")
    return entry["user"], scenario, start, end


def _find_details(folder: Path, release: Release, name: str) -> Path | None:
    """Return where a detail file lies: in a folder of its scenario, beside ``insiders.csv``, or nowhere."""
    for place in [*sorted(folder.glob(f"{release.name}-*")), folder]:
        if (path := place / Path(name).name).is_file():
            return path
    return None


def _read_details(path: Path, release: Release) -> tuple[list[_KeyRow], list[str]]:
    """Return the rows of one detail file, and a remark for each line that is none.

    The file is no proper CSV: no header, rows of different logs and widths interleaved, some quoted, and in
    r5 and r6 a topic before the content, which no log holds.
    """
    logs = release.by_name
    rows: list[_KeyRow] = []
    remarks: list[str] = []
    for number, line in enumerate(
        read_small(path).decode("utf-8", "replace").removesuffix("\n").split("\n"), 1
    ):
        try:
            fields = _split_row(line)
            log, event_id, time, user, pc = fields[:5]
            kind = _key_kind(logs[log], fields)
            rows.append(_KeyRow(event_id, user, datetime.strptime(time, TIME_FORMAT), pc, kind))
        except (ValueError, LookupError, csv.Error):
            remarks.append(f"{path.name}:{number}: not a row of a log")
    return rows, remarks


def _split_row(line: str) -> list[str]:
    """Return the fields of a key row; it is CSV if it has quoted fields, else a quote is a character.

    Example:
        >>> _split_row('http,"{A}","a,b"')
        ['http', '{A}', 'a,b']
    """
    line = line.strip()
    return next(csv.reader([line])) if '"' in line.split(",", 2)[1] or line[:1] == '"' else line.split(",")


def _key_kind(log: Log, fields: list[str]) -> str:
    """Return the kind of a key row, which has the log's own columns behind the log's name."""
    return log.kinds[""] if "" in log.kinds else log.kinds[fields[1 + log.columns.index("activity")]]
