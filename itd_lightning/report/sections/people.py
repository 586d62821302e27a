"""The people behind the highest user-days: who they are, when they stood out, why, and what they did."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup

from itd_lightning.alerts.behaviours import OBJECT, shorten
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.events.people import as_of
from itd_lightning.report.parts.numbers import DASH, number
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section
from itd_lightning.report.sections.top_days import top_days
from itd_lightning.store.read import Store

_EVENTS = 100  # of a day that are shown
_WIDTH, _HEIGHT, _EDGE = 600.0, 60.0, 4.0  # of a timeline, in units of its own


class _Point(NamedTuple):
    """A place on a timeline, and what it says."""

    x: float
    y: float
    title: str


class _Timeline(NamedTuple):
    """The scores of a user's test days, as a line from the first day to the last.

    Attributes:
        line: Corners of the line, as SVG writes them.
        marks: The listed days.
        first: First day.
        last: Last day.
    """

    line: str
    marks: list[_Point]
    first: date
    last: date


class _Day(NamedTuple):
    """A listed user-day.

    Attributes:
        row: As in the list.
        summary: Hours and kinds of its events, in words.
        events: Its first events.
        more: Number of events beyond them.
    """

    row: dict[str, Any]
    summary: str
    events: list[dict[str, Any]]
    more: int


class _Person(NamedTuple):
    """One user of the list."""

    user: str
    anchor: str
    identity: list[tuple[str, str]]
    timeline: _Timeline
    days: list[_Day]


class People(Section):
    """Each user of the list: identity, scores over time, reasons, and the raw events of the listed days."""

    anchor, link, title = "people", "People", "The people behind them"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether the page is about one run: the lists of several would be told apart by nobody."""
        return len(runs) == 1 and not runs[0].days.is_empty()

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render one part a user, the highest first."""
        (run,) = runs
        return page.fragment("people", runs, people=_people(run))


def _people(run: Run) -> list[_Person]:
    """Return the users of the list, in its order."""
    listed = top_days(run)
    days = pl.DataFrame({"user": [row["user"] for row in listed], "day": [row["day"] for row in listed]})
    events, identities = _read_store(Path(run.about.store), days)
    people: list[_Person] = []
    for user in days["user"].unique(maintain_order=True):
        own = [row for row in listed if row["user"] == user]
        people.append(
            _Person(
                user=user,
                anchor=own[0]["anchor"],
                identity=identities.get(user, []),
                timeline=_timeline(run.days.filter(user=user), own),
                days=[_day(row, events.filter(user=user, day=row["day"])) for row in own],
            )
        )
    return people


def _read_store(path: Path, days: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, list[tuple[str, str]]]]:
    """Return the events of user-days, and who the users are; neither where the store is not at hand."""
    try:
        store = Store(path)
        events, people = store.events_of(days), store.people()
    except InputError:
        return pl.Schema({**EVENTS, "day": pl.Date()}).to_frame(), {}
    if people is None:
        return events, {}
    latest = days.group_by("user").agg(pl.col("day").max())
    names = ("role", "department", "team", "supervisor")
    return events, {
        row["user"]: [(name, row[name]) for name in names if row[name]]
        for row in as_of(people, latest, lag=0).iter_rows(named=True)
    }


def _timeline(days: pl.DataFrame, listed: list[dict[str, Any]]) -> _Timeline:
    """Return a user's scores as a line, with the listed days marked."""
    table = days.select(day=pl.col("start").dt.date(), score="score").filter(pl.col("score").is_finite())
    table = table.sort("day")
    first, last = table["day"][0], table["day"][-1]
    low, high = float(table["score"].min()), float(table["score"].max())  # type: ignore[arg-type]
    span, height = max((last - first).days, 1), (high - low) or 1.0

    def place(day: date, score: float) -> tuple[float, float]:
        x = _EDGE + (day - first).days / span * (_WIDTH - 2 * _EDGE)
        y = _HEIGHT - _EDGE - (score - low) / height * (_HEIGHT - 2 * _EDGE)
        return round(x, 1), round(y, 1)

    corners = [place(*row) for row in table.iter_rows()]
    marks = [
        _Point(*place(row["day"], row["score"]), f"{row['day']:%a, %d %b %Y}: score {number(row['score'])}")
        for row in listed
    ]
    return _Timeline(" ".join(f"{x},{y}" for x, y in corners), marks, first, last)


def _day(row: dict[str, Any], events: pl.DataFrame) -> _Day:
    """Return a listed day with its events."""
    if events.is_empty():
        return _Day(row, "", [], 0)
    first, last = (f"{moment:%H:%M}" for moment in (events["time"][0], events["time"][-1]))
    kinds = events["kind"].cast(pl.String).value_counts(sort=True)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.iter_rows())
    shown = [
        {
            "time": event["time"],
            "kind": event["kind"],
            "object": shorten(event["object"] or DASH, OBJECT),
            "pc": event["pc"] or DASH,
            "id": event["event_id"],
        }
        for event in events.head(_EVENTS).iter_rows(named=True)
    ]
    return _Day(row, f"{first} to {last}: {counts}", shown, max(len(events) - _EVENTS, 0))
