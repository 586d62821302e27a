"""The answer key: ``answers/insiders.csv`` for all releases, and detail files of the campaigns."""

from pathlib import Path

import numpy as np

from itd_lightning.sources.cert.releases import Release
from itd_lightning.synth.company.calendar import DateText
from itd_lightning.synth.company.people import People
from itd_lightning.synth.layout import own_columns, records_mail_reads
from itd_lightning.synth.scenarios.campaigns import Campaign, KeyRow

_HEADER = "dataset,scenario,details,user,start,end"
# The genuine key covers all releases; readers must pick theirs by an exact match, "2" and "5.2" included.
# The first of these rows has dates without zero padding, as the genuine r2 has.
_OTHER_RELEASES = (
    "2,1,r2.csv,QQA9901,3/4/2010 2:05:09,3/9/2010 4:41:00",
    "4.2,2,r4.2-2-QQC9903.csv,QQC9903,07/07/2010 10:02:14,09/01/2010 15:12:20",
    "5.2,2,r5.2-2-QQB9902.csv,QQB9902,07/06/2010 09:12:44,08/30/2010 16:02:31",
)
_FOLDER_RELEASES = ("r4.2", "r5.2")  # of detail files, one folder a scenario
_NO_PADDING = (("r6.2", 1), ("r6.2", 3))  # dates without zero padding
_NO_START_MONTH = ("r6.2", 4)  # the start of the campaign lacks its month


def strip_padding(date: str) -> str:
    """Return a date without zero padding.

    Example:
        >>> strip_padding("03/04/2010 02:05:09")
        '3/4/2010 2:05:09'
    """
    month, day, rest = date.split("/")
    year, clock = rest.split(" ")
    return f"{int(month)}/{int(day)}/{year} {clock[1:] if clock[0] == '0' else clock}"


def _quote(text: str) -> str:
    """Return a field in quotes, with inner quotes doubled."""
    return '"' + text.replace('"', '""') + '"'


def _key_line(row: KeyRow, date: str, release: Release, scenario: int) -> str:
    """Return a row of a detail file: log type, columns, and since r5 the topic before the content.

    In r6 rows are quoted but those of http, whose content has neither commas nor quotes here.
    """
    columns = list(own_columns(release.by_name[row.log]))
    values = [row.values[column] for column in columns]
    plain_file = row.log == "file" and scenario == 4 and not release.decoys
    if row.topic and records_mail_reads(release) and not plain_file:
        values.insert(columns.index("content"), row.topic)
    cells = [row.log, row.id, date, row.user, row.pc, *values]
    if not release.decoys:
        return ",".join(cells)
    if row.log == "http":
        return ",".join([*cells[:-1], cells[-1].replace(",", "").replace('"', "")])
    return ",".join(_quote(cell) for cell in cells)


def _details_path(release: Release, scenario: int, user: str, only_one: bool) -> Path:
    """Return the path of a campaign's detail file; without the user's name if its scenario has only one."""
    name = f"{release.name}-{scenario}"
    if release.name in _FOLDER_RELEASES:
        return Path(name) / f"{name}-{user}.csv"
    return Path(f"{name}.csv" if only_one else f"{name}-{user}.csv")


def write_answers(
    folder: Path, release: Release, campaigns: list[Campaign], people: People, date_text: DateText
) -> None:
    """Write the key; start and end equal the first and last row of the detail file."""
    answers = folder / "answers"
    answers.mkdir()
    scenarios = [campaign.scenario for campaign in campaigns]
    key = [_HEADER, *(line for line in _OTHER_RELEASES if line.split(",")[0] < release.dataset)]
    for campaign in sorted(campaigns, key=lambda c: (c.scenario, people.user[c.actor])):
        user, scenario = people.user[campaign.actor], campaign.scenario
        details = answers / _details_path(release, scenario, user, scenarios.count(scenario) == 1)
        details.parent.mkdir(exist_ok=True)
        rows = [row for row in campaign.rows if row.in_key]
        dates: list[str] = date_text(np.array([row.t for row in rows])).to_list()
        if (release.name, scenario) in _NO_PADDING:
            dates = [strip_padding(date) for date in dates]
        lines = [_key_line(row, date, release, scenario) for row, date in zip(rows, dates, strict=True)]
        details.write_text("\n".join(lines) + "\n", newline="\n")
        start = dates[0].lstrip("0123456789") if (release.name, scenario) == _NO_START_MONTH else dates[0]
        key.append(f"{release.dataset},{scenario},{details.name},{user},{start},{dates[-1]}")
    key += [line for line in _OTHER_RELEASES if line.split(",")[0] > release.dataset]
    (answers / "insiders.csv").write_text("\n".join(key) + "\n", newline="\n")
