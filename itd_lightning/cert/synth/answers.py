"""The answer key: ``answers/insiders.csv`` for all releases, and one detail file a campaign."""

from pathlib import Path

import numpy as np

from itd_lightning.cert.synth.calendar import DateText
from itd_lightning.cert.synth.campaigns import Campaign, KeyRow
from itd_lightning.cert.synth.logs import Logs
from itd_lightning.cert.synth.people import People

HEADER = "dataset,scenario,details,user,start,end"
# The genuine key covers all releases; readers must pick theirs by an exact match, "2" and "5.2" included.
# The first of these rows has dates without zero padding, as the genuine r2 has.
OTHER_RELEASES = (
    "2,1,r2.csv,QQA9901,3/4/2010 2:05:09,3/9/2010 4:41:00",
    "5.2,2,r5.2-2-QQB9902.csv,QQB9902,07/06/2010 09:12:44,08/30/2010 16:02:31",
)


def _line(row: KeyRow, date: str) -> str:
    """A row of a detail file: the type of its log, then the log's own columns."""
    return ",".join((Logs._fields[row.log], row.id, date, row.user, row.pc, *row.rest))


def write_answers(folder: Path, campaigns: list[Campaign], people: People, date_text: DateText) -> None:
    """Write the key of dataset 4.2; start and end equal the first and last row of the detail file."""
    answers = folder / "answers"
    answers.mkdir()
    key = [HEADER, OTHER_RELEASES[0]]
    for campaign in sorted(campaigns, key=lambda c: (c.scenario, people.user[c.actor])):
        user, scenario = people.user[campaign.actor], campaign.scenario
        details = answers / f"r4.2-{scenario}" / f"r4.2-{scenario}-{user}.csv"
        details.parent.mkdir(exist_ok=True)
        dates = date_text(np.array([row.t for row in campaign.rows]))
        lines = [_line(row, date) for row, date in zip(campaign.rows, dates, strict=True)]
        details.write_text("\n".join(lines) + "\n", newline="\n")
        key.append(f"4.2,{scenario},{details.name},{user},{dates[0]},{dates[-1]}")
    key.append(OTHER_RELEASES[1])
    (answers / "insiders.csv").write_text("\n".join(key) + "\n", newline="\n")
