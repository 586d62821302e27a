"""A folder of logs in several formats, with the people, the PCs, the answer key and a mapping for each."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from itd_lightning.sources.cert.releases import SYNTHETIC
from itd_lightning.synth.formats import m365, windows, zeek
from itd_lightning.synth.formats.base import ADDRESS, COMPUTER

FORMATS = ("windows", "zeek", "m365")
_COLUMNS = {
    "user": "user_id",
    "mail": "email",
    "name": "employee_name",
    "email": "email",
    **{name: name for name in ("role", "department", "team", "supervisor")},
}
_MAPPING = """\
# Synthetic logs of the same company as those beside it.
preset: {preset}
folder: {preset}
zone: UTC
identity: {{table: people.csv, account: [sam, mail], user: user}}
hosts: {{table: hosts.csv, address: [name, address], pc: pc}}
"""


def check_formats(formats: Sequence[str], release: str) -> None:
    """Refuse unknown formats, and releases that they are not written of.

    Raises:
        ValueError: If there is one.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"as must be cert, or some of {','.join(FORMATS)}, got {','.join(formats)}")
    if not release.startswith("r4"):
        raise ValueError(f"windows, zeek and m365 are written of r4.1 and r4.2, not of {release}")


def write_formats(release: Path, out: Path, formats: Sequence[str]) -> dict[str, int]:
    """Write the logs of a release of CERT 4 in other formats; return the rows of each.

    Args:
        release: Folder of the release.
        out: Folder that is there; each format gets a folder in it, and a mapping that reads it.
        formats: Some of ``FORMATS``.
    """
    shutil.copy(release / SYNTHETIC, out)
    people = _people(release)
    people.write_csv(out / "people.csv")
    _hosts(release).write_csv(out / "hosts.csv")
    key = pl.read_csv(release / "answers" / "insiders.csv", infer_schema=False)
    _campaigns(key).write_csv(out / "answers.csv")
    rows = {}
    for name in formats:
        if name == "m365":
            rows[name] = m365.write(release, out / name, people.select("user", "mail"))
        else:
            rows[name] = {"windows": windows, "zeek": zeek}[name].write(release, out / name)
        (out / f"{name}.yaml").write_text(_MAPPING.format(preset=name) + "answers: answers.csv\n")
    return rows


def _people(release: Path) -> pl.DataFrame:
    """Return everybody who was ever in the directory, as they first stood there."""
    months = sorted((release / "LDAP").glob("*.csv"))
    entries = pl.concat(pl.read_csv(month, infer_schema=False) for month in months)
    first = entries.unique("user_id", keep="first", maintain_order=True)
    return first.select(
        *(pl.col(column).alias(name) for name, column in _COLUMNS.items()),
        sam=pl.col("user_id").str.to_lowercase(),
    )


def _hosts(release: Path) -> pl.DataFrame:
    """Return the PCs, and the name and address of each in the logs."""
    pcs = pl.concat(
        pl.scan_csv(release / f"{log}.csv", infer_schema=False, quote_char=None, glob=False).select("pc")
        for log in ("logon", "device", "file", "email", "http")
    )
    name = COMPUTER.str.split(".").list.first().str.to_lowercase()
    return pcs.unique().collect().sort("pc").select("pc", name=name, address=ADDRESS)


def _campaigns(key: pl.DataFrame) -> pl.DataFrame:
    """Return the known cases of the release: user and span of each."""
    times = [
        pl.col(name)
        .str.to_datetime("%m/%d/%Y %H:%M:%S", time_unit="us")
        .dt.strftime("%Y-%m-%d %H:%M:%S")
        .alias(name)
        for name in ("start", "end")
    ]
    return key.filter(pl.col("dataset").str.starts_with("4.")).select("user", *times, "scenario")
