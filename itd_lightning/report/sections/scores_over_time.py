"""Scores over time, of the users who score highest."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import plotly.graph_objects as go
import polars as pl
from markupsafe import Markup

from itd_lightning.report.parts.campaigns import HARMLESS, MALICIOUS, campaign_shapes
from itd_lightning.report.parts.figures import INK, Figure, Layout, Panel, canvas
from itd_lightning.report.parts.numbers import number
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section

_USERS = 6
_UNITS = 1500  # of a user; more are pooled to their day's highest


class ScoresOverTime(Section):
    """The scores of the users who score highest, one plot a user."""

    anchor, link, title = "time", "Scores over time", "Scores over time"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the plots of each run."""
        return page.figures(runs, [_timelines(run) for run in runs])


def _timelines(run: Run) -> Figure:
    """Return one panel a user: scores as dots, malicious units as diamonds, campaigns shaded."""
    units_without_labels = run.test_units.with_columns(malicious=pl.lit(None, pl.Boolean))
    labelled_units = run.truth.labelled_units
    units = (units_without_labels if labelled_units is None else labelled_units).filter(
        pl.col("score").is_finite()
    )
    if units.is_empty():
        return Figure("timeline", "", [], "the run holds no test units")
    best = units.group_by("user").agg(pl.col("score").max()).sort(["score", "user"], descending=[True, False])
    users = best["user"].head(_USERS).to_list()
    top_units = units.filter(pl.col("user").is_in(users))
    low, high = float(top_units["score"].min()), float(top_units["score"].max())  # type: ignore[arg-type]
    room = (high - low or 1) * 0.06
    scale = [low - room, high + room]
    panels = [_panel(run, top_units.filter(pl.col("user") == user), user, scale) for user in users]
    return Figure("timeline", _caption(run, top_units, len(users)), panels, run.truth.reason)


def _caption(run: Run, top_units: pl.DataFrame, users: int) -> str:
    """Return the caption, which says whether the peaks are malicious."""
    subject = (
        "The user with the highest score" if users == 1 else f"The {users} users with the highest scores"
    )
    threshold_words = "" if run.evaluation.get("threshold") is None else "; dashed: the threshold"
    dots = "units" if run.behaviours is None else "user-days, each as its highest behaviour"
    words = f"{subject}, on one scale{threshold_words}; shaded: the campaign; grey dots: {dots}"
    if run.truth.labelled_units is None:
        return f"{words}; which of them are malicious is not known here."
    peaks = top_units.sort("score", descending=True).group_by("user", maintain_order=True).first()
    malicious_peaks = int(peaks["malicious"].sum())
    return f"{words}; orange diamonds: malicious ones, which hold the peak of {malicious_peaks} of {users}."


def _panel(run: Run, units: pl.DataFrame, user: str, scale: list[float]) -> Panel:
    """Return one user's scores as a panel."""
    points = _thin_units(units).sort("start")
    first, last = points["start"][0], points["end"].max()
    margin = max((last - first) * 0.02, timedelta(hours=12))
    span = [str(first - margin), str(last + margin)]
    figure = canvas(
        {"type": "date", "range": span, "nticks": 5, "tickformat": "%d %b %Y"},
        {"range": scale, "nticks": 5, "title": "score"},
    )
    figure.layout.shapes = [*campaign_shapes(run, user), *_threshold(run)]
    x, y = _line_with_gaps(points)
    line = {"color": "#c4c4c4", "width": 1}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", connectgaps=False)
    malicious = pl.col("malicious").fill_null(value=False)
    _add_units(figure, points.filter(~malicious), "", {"color": HARMLESS, "size": 4})
    mark = {"color": MALICIOUS, "size": 8, "symbol": "diamond", "line": {"color": "white", "width": 0.5}}
    _add_units(figure, points.filter(malicious), "<br>malicious", mark)
    return Panel(user, figure, f"highest {number(float(units['score'].max()))}{_scenarios(run, user)}")  # type: ignore[arg-type]


def _thin_units(units: pl.DataFrame) -> pl.DataFrame:
    """Return the units; of a user with very many, each day's highest."""
    if len(units) <= _UNITS:
        return units
    day = pl.col("start").dt.truncate("1d").alias("day")
    highest = pl.col("score").max(), pl.col("malicious").any(), pl.col("start").min(), pl.col("end").max()
    return units.group_by(day).agg(highest)


def _line_with_gaps(points: pl.DataFrame) -> tuple[list[datetime | None], list[float | None]]:
    """Return the times and scores, with a gap in the line where more than a day passes without a unit."""
    x: list[datetime | None] = []
    y: list[float | None] = []
    before: datetime | None = None
    for start, end, score in points.select("start", "end", "score").iter_rows():
        middle = start + (end - start) / 2
        if before is not None and start - before > timedelta(days=1):
            x.append(before)
            y.append(None)
        x.append(middle)
        y.append(score)
        before = end
    return x, y


def _add_units(figure: go.Figure, units: pl.DataFrame, suffix: str, marker: Layout) -> None:
    """Draw units of one kind, each in the middle of its time."""
    hover = "%{customdata}<br>score %{y:.3g}" + suffix + "<extra></extra>"
    middle = units.select(pl.col("start") + (pl.col("end") - pl.col("start")) / 2).to_series()
    figure.add_scatter(
        x=middle.to_list(),
        y=units["score"].to_list(),
        customdata=units["start"].dt.strftime("from %d %b %Y %H:%M").to_list(),
        mode="markers",
        marker=marker,
        hovertemplate=hover,
        cliponaxis=False,
    )


def _threshold(run: Run) -> list[Layout]:
    """Return the threshold as a dashed line, where there is one."""
    value = run.evaluation.get("threshold")
    if value is None:
        return []
    line = {"color": INK, "width": 1, "dash": "4px,3px"}
    return [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line}]


def _scenarios(run: Run, user: str) -> str:
    """Return the user's campaigns, for the heading."""
    numbers = sorted(
        {str(entry["scenario"]) for entry in run.evaluation.get("campaigns", []) if entry["user"] == user}
    )
    if numbers:
        return f"; insider of scenario {', '.join(numbers)}"
    return "" if run.truth.labelled_units is None else "; no insider"
