"""The drawing of a user's days: scores, numbers of events, and hours, one lane below the other."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from itd_lightning.alerts.records import AlertRecord
from itd_lightning.serve.company import Presence

WIDTH = 760
_LEFT, _RIGHT = 44, 8  # margins
_TOPS = {"scores": 22, "events": 180, "hours": 272}  # of the lanes
_HEIGHTS = {"scores": 120, "events": 60, "hours": 72}
HEIGHT = 368
_TICKS = 6  # dates below
_MIDNIGHT = 24.0


class _Bar(NamedTuple):
    """A bar, with words for whoever points at it."""

    x: float
    y: float
    width: float
    height: float
    words: str


class Mark(NamedTuple):
    """A point of a day; an alert names its case."""

    x: float
    y: float
    words: str
    case: int | None


class _Tick(NamedTuple):
    """A line with a label at a place of an axis."""

    place: float
    label: str


class _Timeline(NamedTuple):
    """What is drawn.

    Attributes:
        words: The same in a sentence, for whoever does not see it.
        line: Scores of days one after the other, as SVG's points; one text for each stretch of days.
        scores: The days' scores.
        alerts: Those with an alert.
        events: Numbers of events.
        hours: From the first to the last event of each day.
        dates: Below all lanes.
        score_ticks: At the left.
        event_ticks: At the left.
        hour_ticks: At the left.
    """

    words: str
    line: list[str]
    scores: list[Mark]
    alerts: list[Mark]
    events: list[_Bar]
    hours: list[_Bar]
    dates: list[_Tick]
    score_ticks: list[_Tick]
    event_ticks: list[_Tick]
    hour_ticks: list[_Tick]


class _Scale:
    """Where days and values lie.

    Args:
        first: The first day.
        days: How many.
    """

    def __init__(self, first: date, days: int) -> None:
        self.first, self.days = first, days
        self.step = (WIDTH - _LEFT - _RIGHT) / days

    def x(self, day: date) -> float:
        """Return the middle of a day."""
        return round(_LEFT + ((day - self.first).days + 0.5) * self.step, 1)

    def has(self, day: date) -> bool:
        """Return whether a day is drawn."""
        return 0 <= (day - self.first).days < self.days

    def bar(self, day: date, lane: str, low: float, high: float, words: str) -> _Bar:
        """Return the bar of a day between two shares of a lane's height."""
        width = max(round(self.step * 0.7, 1), 1.0)
        top, bottom = self.y(lane, high), self.y(lane, low)
        return _Bar(round(self.x(day) - width / 2, 1), top, width, max(round(bottom - top, 1), 1.0), words)

    def y(self, lane: str, share: float) -> float:
        """Return the place of a share of a lane's height."""
        return round(_TOPS[lane] + (1 - share) * _HEIGHTS[lane], 1)


def draw_timeline(
    first: date,
    last: date,
    scores: Mapping[date, float],
    alerts: Sequence[AlertRecord],
    counts: Mapping[date, int],
    presence: Iterable[Presence],
) -> _Timeline:
    """Return the drawing of some days of a user.

    Args:
        first: The first day.
        last: The last one.
        scores: Those of the days that are known.
        alerts: The user's alerts.
        counts: Events a day.
        presence: First and last event of each day.
    """
    scale = _Scale(first, (last - first).days + 1)
    alerts = [alert for alert in alerts if scale.has(alert.day)]
    # An alert's own score stands where no table of scores is kept.
    known = {alert.day: alert.score for alert in alerts} | {
        day: score for day, score in scores.items() if scale.has(day)
    }
    low, high = min(known.values(), default=0.0), max(known.values(), default=1.0)
    low = min(low, 0.0)
    span = (high - low) or 1.0
    places = {day: scale.y("scores", (score - low) / span) for day, score in sorted(known.items())}
    by_day = {day: count for day, count in counts.items() if scale.has(day)}
    most = max(by_day.values(), default=1)
    return _Timeline(
        words=_words(first, last, alerts, by_day),
        line=_line(scale, {day: places[day] for day in sorted(scores) if scale.has(day)}),
        scores=[
            Mark(scale.x(day), places[day], f"{day}: score {known[day]:.3g}", None)
            for day in places
            if day in scores
        ],
        alerts=[
            Mark(
                scale.x(one.day),
                places[one.day],
                f"{one.day}: alert, rank {one.rank}, score {one.score:.3g}",
                one.case_id,
            )
            for one in alerts
        ],
        events=[
            scale.bar(day, "events", 0.0, count / most, f"{day}: {count:,} events")
            for day, count in by_day.items()
        ],
        hours=[_hour_bar(scale, one) for one in presence if scale.has(one.day)],
        dates=_dates(scale),
        score_ticks=[_Tick(scale.y("scores", share), f"{low + share * span:.3g}") for share in (0.0, 1.0)]
        if known
        else [],
        event_ticks=[_Tick(scale.y("events", 1.0), f"{most:,}"), _Tick(scale.y("events", 0.0), "0")],
        hour_ticks=[_Tick(scale.y("hours", 1 - hour / _MIDNIGHT), f"{hour} h") for hour in (0, 12, 24)],
    )


def _words(first: date, last: date, alerts: Sequence[AlertRecord], counts: Mapping[date, int]) -> str:
    """Return what is drawn, in a sentence."""
    days = ", ".join(str(day) for day in sorted({alert.day for alert in alerts}))
    told = f"alerts on {days}" if days else "no alert"
    return f"{first} to {last}: {told}; {sum(counts.values()):,} events on {len(counts)} days."


def _line(scale: _Scale, places: Mapping[date, float]) -> list[str]:
    """Return the points of each stretch of days without a gap."""
    stretches: list[list[str]] = []
    before: date | None = None
    for day, place in places.items():
        if before is None or day - before > timedelta(days=1):
            stretches.append([])
        stretches[-1].append(f"{scale.x(day)},{place}")
        before = day
    return [" ".join(stretch) for stretch in stretches if len(stretch) > 1]


def _hour_bar(scale: _Scale, one: Presence) -> _Bar:
    """Return the bar from the first to the last event of a day; hours run downwards."""
    start = one.first.hour + one.first.minute / 60
    end: float = one.last.hour + one.last.minute / 60 if one.last.date() == one.day else _MIDNIGHT
    words = f"{one.day}: {one.first:%H:%M} to {one.last:%H:%M}"
    return scale.bar(one.day, "hours", 1 - end / _MIDNIGHT, 1 - start / _MIDNIGHT, words)


def _dates(scale: _Scale) -> list[_Tick]:
    """Return the dates below the lanes."""
    every = max(-(-scale.days // _TICKS), 1)
    days = (scale.first + timedelta(days=number) for number in range(0, scale.days, every))
    return [_Tick(scale.x(day), f"{day:%d %b}") for day in days]
