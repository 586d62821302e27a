"""Five pictures of one user's trajectory: path, distance, hours, regimes and campaign paths."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl
from jaxtyping import Bool
from markupsafe import Markup

from itd_lightning.contracts.pictures import PATH_FILE, TRAJECTORY_FILE
from itd_lightning.report.parts.campaigns import HARMLESS, MALICIOUS, campaign_days, campaign_shapes
from itd_lightning.report.parts.figures import (
    BLUES,
    COLOURS,
    FONT,
    GREY,
    Figure,
    Layout,
    Panel,
    canvas,
    plain,
)
from itd_lightning.report.parts.pictures import read_pictures, user_picture
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section

_VIEW = "trajectories"  # whose runs have pictures
_BASELINE_COLOUR = "#DCE9F5"  # behind baseline days
_SHADE = "shaded blue: the baseline; shaded orange: the campaign"


class Trajectory(Section):
    """Five pictures of one user of each run that scores trajectories."""

    anchor, link, title = "trajectory", "Trajectory", "Trajectory of a user"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether any run scored the view."""
        return any(run.about.view == _VIEW for run in runs)

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the user's pictures."""
        chronos_runs = [run for run in runs if run.about.view == _VIEW]
        return page.figures(chronos_runs, [pictures(run, page.user) for run in chronos_runs])


class _Story(NamedTuple):
    """The active days of one user.

    Attributes:
        user: Who.
        table: One row an active day, as ``contracts.pictures.TRAJECTORIES`` says.
        malicious: Whether a campaign of the user runs on the day ``(P,)``.
    """

    user: str
    table: pl.DataFrame
    malicious: Bool[np.ndarray, " p"]

    @property
    def days(self) -> list[str]:
        """Return the active days as text."""
        return self.table["day"].cast(pl.String).to_list()


def pictures(run: Run, user: str = "") -> Figure:
    """Return the five pictures of a user, by default of the one who scores highest."""
    picture = user_picture(run, TRAJECTORY_FILE, user)
    if picture.reason:
        return Figure("timeline", "", [], picture.reason)
    table, signatures = picture.table.sort("day"), read_pictures(run, PATH_FILE)
    story = _Story(picture.user, table, _malicious_days(run, picture.user, table["day"].to_list()))
    baseline = int(table["baseline"].sum())
    window = signatures["window"][0] if len(signatures) else 0
    note = f"signatures of {window} active days, in two components" if window else "no user has enough days"
    panels = [
        Panel("Trajectory", _in_space(story), "first three principal components; drag to turn"),
        Panel(
            "Distance to the baseline", _over_time(run, story), f"mean of the first {baseline} active days"
        ),
        Panel("Hours of activity", _by_hour(run, story), "triangles: the most unusual hours, 2 % of days"),
        Panel("Regimes", _regimes(run, story), "lines: change points, by PELT over all days"),
        Panel("Paths of campaigns", _paths(run, signatures), note),
    ]
    caption = f"The trajectory of {story.user}, active days only; {_SHADE}."
    return Figure("timeline", caption, panels)


def _malicious_days(run: Run, user: str, days: list[date]) -> Bool[np.ndarray, " p"]:
    """Return a mask of the days on which a campaign of the user runs."""
    campaigns = campaign_days(run, user)
    return np.array(
        [any(campaign.first <= day <= campaign.last for campaign in campaigns) for day in days], dtype=bool
    )


def _in_space(story: _Story) -> go.Figure:
    """Return picture 1: the path in three principal components."""
    place = story.table.select(pl.col("x", "y", "z").round(4))
    is_baseline = story.table["baseline"].to_numpy()
    figure = go.Figure(
        layout={
            "template": "none",
            "font": {"family": FONT, "size": 11},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "paper_bgcolor": "white",
            "showlegend": False,
            "scene": {f"{axis}axis": {"title": {"text": f"{n}"}} for n, axis in enumerate("xyz", start=1)},
        }
    )
    line = {"color": "#c4c4c4", "width": 1}
    figure.add_scatter3d(**place.to_dict(as_series=False), mode="lines", line=line, hoverinfo="skip")
    parts = (
        (is_baseline & ~story.malicious, COLOURS[0], 2.5, "baseline"),
        (~is_baseline & ~story.malicious, HARMLESS, 2.5, "later"),
        (story.malicious, MALICIOUS, 5, "campaign"),
    )
    for mask, colour, size, words in parts:
        figure.add_scatter3d(
            **place.filter(mask).to_dict(as_series=False),
            mode="markers",
            marker={"color": colour, "size": size},
            text=[day for day, inside in zip(story.days, mask, strict=True) if inside],
            hovertemplate="%{text}<br>" + words + "<extra></extra>",
        )
    return figure


def _time_plot(run: Run, story: _Story, y: Layout) -> go.Figure:
    """Return an empty plot over the user's days, baseline and campaigns shaded."""
    days: list[date] = story.table["day"].to_list()
    span = [str(days[0]), str(days[-1] + timedelta(days=1))]
    figure = canvas({"type": "date", "range": span, "nticks": 5, "tickformat": "%d %b %Y"}, y)
    until = str(story.table.filter("baseline")["day"].max())
    baseline_shape = {
        "x0": span[0],
        "x1": until,
        "fillcolor": _BASELINE_COLOUR,
        "line": {"width": 0},
        "layer": "below",
    }
    full_height = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1}
    figure.layout.shapes = [full_height | baseline_shape, *campaign_shapes(run, story.user)]
    return figure


def _over_time(run: Run, story: _Story) -> go.Figure:
    """Return picture 2: the distance of each day to the baseline."""
    figure = _time_plot(run, story, {"title": "distance", "rangemode": "tozero", "nticks": 5})
    colour = [MALICIOUS if malicious else HARMLESS for malicious in story.malicious]
    figure.add_scatter(
        x=story.days,
        y=story.table["distance"].round(4).to_list(),
        mode="lines+markers",
        line={"color": "#c4c4c4", "width": 1},
        marker={"color": colour, "size": 5},
        hovertemplate="%{x}: %{y:.2f}<extra></extra>",
    )
    return figure


def _by_hour(run: Run, story: _Story) -> go.Figure:
    """Return picture 3: events in each hour of each day, unusual days marked."""
    figure = _time_plot(run, story, {"title": "hour", "tickvals": [0, 6, 12, 18, 24], "range": [0, 25.5]})
    figure.layout.shapes = []  # they would lie behind the map
    hours = np.array(story.table["hours"].to_list()).T
    figure.add_heatmap(
        x=story.days,
        y=(np.arange(24) + 0.5).tolist(),
        z=np.log1p(hours).round(3).tolist(),
        customdata=hours.tolist(),
        colorscale=BLUES,
        showscale=False,
        hovertemplate="%{x}, hour %{y:.0f}: %{customdata}<extra></extra>",
    )
    unusual_days = story.table.filter("unusual")["day"].cast(pl.String).to_list()
    figure.add_scatter(
        x=unusual_days,
        y=[24.8] * len(unusual_days),
        mode="markers",
        marker={"symbol": "triangle-down", "color": MALICIOUS, "size": 8},
        hovertemplate="%{x}: unusual hours<extra></extra>",
    )
    return figure


def _regimes(run: Run, story: _Story) -> go.Figure:
    """Return picture 4: change points over the first principal component."""
    figure = _time_plot(run, story, {"title": "first component", "nticks": 5})
    first, table = story.table["x"], story.table.with_columns(pl.col("day").cast(pl.String))
    marker = {"color": HARMLESS, "size": 4}
    figure.add_scatter(
        x=story.days, y=first.round(4).to_list(), mode="markers", marker=marker, hoverinfo="skip"
    )
    spans = table.group_by("regime", maintain_order=True).agg(
        pl.col("day").first().alias("begin"), pl.col("day").last().alias("end"), pl.col("x").mean().round(4)
    )
    line = {"color": COLOURS[0], "width": 2}
    for begin, end, level in spans.select("begin", "end", "x").iter_rows():
        figure.add_scatter(x=[begin, end], y=[level] * 2, mode="lines", line=line, hoverinfo="skip")
    for day, size in table.drop_nulls("severity").select("day", "severity").iter_rows():
        figure.add_scatter(
            x=[day] * 2,
            y=[first.min(), first.max()],
            mode="lines",
            line={"color": COLOURS[3], "width": 1.5, "dash": "4px,3px"},
            hovertemplate=f"change, severity {size:.2f}<extra></extra>",
        )
    return figure


def _paths(run: Run, signatures: pl.DataFrame) -> go.Figure:
    """Return picture 5: signatures of the days up to each campaign's end, beside other times."""
    figure = canvas({"title": "first component", "nticks": 5}, {"title": "second component", "nticks": 5})
    points_table = _with_scenarios(run, signatures)
    for (kind,), points in points_table.sort("scenario").group_by("scenario", maintain_order=True):
        colour = COLOURS[int(str(kind)) % len(COLOURS)] if kind else GREY
        figure.add_scatter(
            x=points["x"].round(4).to_list(),
            y=points["y"].round(4).to_list(),
            mode="markers",
            name=f"scenario {kind}" if kind else "other times",
            marker={"color": colour, "size": 8 if kind else 3, "opacity": 1.0 if kind else 0.4},
            text=[plain(f"{user}, {day}") for user, day in points.select("user", "day").iter_rows()],
            hovertemplate="%{text}",
        )
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return figure


def _with_scenarios(run: Run, signatures: pl.DataFrame) -> pl.DataFrame:
    """Return the regular windows, of scenario 0, and those that end with a campaign, of its ``scenario``."""
    ends = [(campaign.user, campaign.last, campaign.scenario) for campaign in campaign_days(run)]
    names = ["user", "end", "scenario"]
    campaign_ends = pl.DataFrame(
        ends, schema=dict(zip(names, (pl.String, pl.Date, pl.Int64), strict=True)), orient="row"
    )
    last = (
        signatures.join(campaign_ends, on="user")
        .filter(pl.col("day") <= pl.col("end"))
        .group_by("user", "end", "scenario")
        .agg(pl.col("day").max())
        .sort("user", "day", "end", "scenario")
        .unique(["user", "day"], keep="last", maintain_order=True)
    )
    days = last.select("user", "day", "scenario")
    with_scenario = signatures.join(days, on=["user", "day"], how="left", maintain_order="left")
    rows = with_scenario.filter(pl.col("regular") | pl.col("scenario").is_not_null())
    return rows.with_columns(pl.col("scenario").fill_null(0))
