"""Five pictures of one user: where the trajectory went, how far, at what hours, in which regimes and paths.

Axes: P active days of the user, D features, W windows of all users, K coordinates of a signature.
"""

import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.numerics.change_points import change_points, severities
from itd_lightning.numerics.events_in_time import unusual_hours
from itd_lightning.numerics.signature import sliding_with_time
from itd_lightning.numerics.trajectory import anchors, drift
from itd_lightning.report.parts.figures import COLOURS, FONT, GREY, Figure, Panel, canvas, plain
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.heatmaps import BLUES
from itd_lightning.report.sections.timelines import HARMLESS, MALICIOUS, campaigns
from itd_lightning.splits import Dates
from itd_lightning.views import Trajectories
from itd_lightning.views.trajectories.features import SETS

BASELINE, WINDOW = 60, 14  # active days, as the page has them
EVERY = 20  # active days between the windows of harmless paths
CALM = "#DCE9F5"  # behind baseline days
DISRUPTED = 0.02  # of days, whose hours are marked
SHADE = "shaded blue: the baseline; shaded orange: the campaign"


class Story(NamedTuple):
    """What one user did.

    Attributes:
        user: Who.
        days: The P active days.
        values: Standardised features ``(P, D)``.
        hours: Events in each hour ``(P, 24)``.
        malicious: Whether a campaign of the user runs on the day ``(P,)``.
    """

    user: str
    days: list[date]
    values: Float[Tensor, "p d"]
    hours: Float[Tensor, "p h"]
    malicious: Bool[np.ndarray, " p"]

    @property
    def drift(self) -> Float[Tensor, " p"]:
        """Distance of each day to the mean of the baseline."""
        active = torch.ones(1, len(self.days), dtype=torch.bool)
        anchor = anchors(self.values[None], active, BASELINE)
        found: Tensor = drift(self.values, anchor.expand_as(self.values)).distance
        return found


def pictures(run: Run, user: str = "") -> Figure:
    """The five pictures of a user, or of the one who scores highest; nothing for other views."""
    if run.about.view != Trajectories.name:
        return Figure("timeline", "", [])
    try:
        view = standing_view(run)
    except InputError as error:
        return Figure("timeline", "", [], str(error))
    users = view.units["user"].unique().sort().to_list()
    chosen = user or highest(run)
    if chosen not in users:
        return Figure("timeline", "", [], f"no trajectory of {chosen}")
    batch = view.batch("train", "val", "test", context=True)
    story = told(run, chosen, batch, users.index(chosen))
    caption = f"The trajectory of {chosen}, active days only; {SHADE}."
    panels = [
        Panel("Trajectory", in_space(story), "first three principal components; drag to turn"),
        Panel("Distance to the baseline", over_time(run, story), "mean of the first 60 active days"),
        Panel("Hours of activity", by_hour(run, story), "triangles: the most unusual hours, 2 % of days"),
        Panel("Regimes", regimes(run, story), "lines: change points, by PELT over all days"),
        Panel(
            "Paths of campaigns", paths(run, batch, users), "signatures of 14 active days, in two components"
        ),
    ]
    return Figure("timeline", caption, panels)


def standing_view(run: Run) -> Trajectories:
    """The view as it was built for the store, standardised by the days before the first that is scored.

    Raises:
        InputError: If the store is not at hand, or the view was not built.
    """
    first = run.tested["start"].min()
    if not run.store or not isinstance(first, date):
        raise InputError("the event store is not at hand, so no trajectory can be drawn")
    day = date(first.year, first.month, first.day)
    for features in SETS:
        view = Trajectories(Path(run.about.store), Dates(day, day + timedelta(days=1)), features)
        if view.path.exists():
            view.setup("fit")
            return view
    raise InputError("the store holds no trajectories; `itd test` builds them")


def highest(run: Run) -> str:
    """The user with the highest score."""
    best = run.tested.filter(pl.col("score").is_finite()).sort(["score", "user"], descending=[True, False])
    return str(best["user"][0]) if len(best) else ""


def told(run: Run, user: str, batch: TrajectoryBatch, row: int) -> Story:
    """One user's active days."""
    active = batch.active[row]
    days = [date(1970, 1, 1) + timedelta(days=int(day)) for day in batch.day[active]]
    spans = [
        (str(campaign["start"])[:10], str(campaign["end"])[:10])
        for campaign in run.evaluation.get("campaigns", [])
        if campaign["user"] == user
    ]
    malicious = np.array([any(a <= day.isoformat() <= b for a, b in spans) for day in days], dtype=bool)
    return Story(user, days, batch.values[row][active], batch.hours[row][active].float(), malicious)


def components(points: Float[np.ndarray, "n d"], count: int) -> Float[np.ndarray, "n c"]:
    """Principal components of points; 0 where there are fewer."""
    centred = points - points.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(points), count))
    found[:, : min(count, len(size))] = (left * size)[:, :count]
    return found


def in_space(story: Story) -> go.Figure:
    """Picture 1: the path in three principal components."""
    place = components(story.values.double().numpy(), 3)
    later = np.arange(len(place)) >= BASELINE
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
    x, y, z = place.T.round(4).tolist()
    figure.add_scatter3d(x=x, y=y, z=z, mode="lines", line=line, hoverinfo="skip")
    parts = (
        (~later & ~story.malicious, COLOURS[0], 2.5, "baseline"),
        (later & ~story.malicious, HARMLESS, 2.5, "later"),
        (story.malicious, MALICIOUS, 5, "campaign"),
    )
    for chosen, colour, size, words in parts:
        x, y, z = place[chosen].T.round(4).tolist()
        figure.add_scatter3d(
            x=x,
            y=y,
            z=z,
            mode="markers",
            marker={"color": colour, "size": size},
            text=[str(day) for day, here in zip(story.days, chosen, strict=True) if here],
            hovertemplate="%{text}<br>" + words + "<extra></extra>",
        )
    return figure


def dated(run: Run, story: Story, y: dict[str, Any]) -> go.Figure:
    """An empty plot over the user's days, baseline and campaigns shaded."""
    span = [str(story.days[0]), str(story.days[-1] + timedelta(days=1))]
    figure = canvas({"type": "date", "range": span, "nticks": 5, "tickformat": "%d %b %Y"}, y)
    until = story.days[min(BASELINE, len(story.days)) - 1]
    calm = {"x0": span[0], "x1": str(until), "fillcolor": CALM, "line": {"width": 0}, "layer": "below"}
    whole = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1}
    figure.layout.shapes = [whole | calm, *campaigns(run, story.user)]
    return figure


def over_time(run: Run, story: Story) -> go.Figure:
    """Picture 2: how far each day lies from the baseline."""
    figure = dated(run, story, {"title": "distance", "rangemode": "tozero", "nticks": 5})
    colour = [MALICIOUS if malicious else HARMLESS for malicious in story.malicious]
    figure.add_scatter(
        x=[str(day) for day in story.days],
        y=story.drift.double().numpy().round(4).tolist(),
        mode="lines+markers",
        line={"color": "#c4c4c4", "width": 1},
        marker={"color": colour, "size": 5},
        hovertemplate="%{x}: %{y:.2f}<extra></extra>",
    )
    return figure


def by_hour(run: Run, story: Story) -> go.Figure:
    """Picture 3: events in each hour of each day, unusual days marked."""
    figure = dated(run, story, {"title": "hour", "tickvals": [0, 6, 12, 18, 24], "range": [0, 25.5]})
    figure.layout.shapes = []  # they would lie behind the map
    figure.add_heatmap(
        x=[str(day) for day in story.days],
        y=(np.arange(24) + 0.5).tolist(),
        z=story.hours.double().log1p().numpy().round(3).T.tolist(),
        customdata=story.hours.long().numpy().T.tolist(),
        colorscale=BLUES,
        showscale=False,
        hovertemplate="%{x}, hour %{y:.0f}: %{customdata}<extra></extra>",
    )
    first = (story.hours[:BASELINE] > 0).float()
    usual, count = first.sum(dim=0), torch.full((len(story.days),), float(len(first)))
    odd = unusual_hours(story.hours, usual.expand_as(story.hours), count)
    marked = (odd >= odd.quantile(1 - DISRUPTED)) & (odd > 0)
    figure.add_scatter(
        x=[str(day) for day, here in zip(story.days, marked.tolist(), strict=True) if here],
        y=[24.8] * int(marked.sum()),
        mode="markers",
        marker={"symbol": "triangle-down", "color": MALICIOUS, "size": 8},
        hovertemplate="%{x}: unusual hours<extra></extra>",
    )
    return figure


def regimes(run: Run, story: Story) -> go.Figure:
    """Picture 4: change points over the first principal component."""
    figure = dated(run, story, {"title": "first component", "nticks": 5})
    first = components(story.values.double().numpy(), 1)[:, 0]
    days = [str(day) for day in story.days]
    marker = {"color": HARMLESS, "size": 4}
    figure.add_scatter(x=days, y=first.round(4).tolist(), mode="markers", marker=marker, hoverinfo="skip")
    cuts = change_points(story.values)
    edges = [0, *cuts.tolist(), len(days)]
    for begin, end in itertools.pairwise(edges):
        level = [float(first[begin:end].mean().round(4))] * 2
        line = {"color": COLOURS[0], "width": 2}
        figure.add_scatter(x=[days[begin], days[end - 1]], y=level, mode="lines", line=line, hoverinfo="skip")
    for cut, size in zip(cuts.tolist(), severities(story.values, cuts).tolist(), strict=True):
        figure.add_scatter(
            x=[days[cut]] * 2,
            y=[float(first.min()), float(first.max())],
            mode="lines",
            line={"color": COLOURS[3], "width": 1.5, "dash": "4px,3px"},
            hovertemplate=f"change, severity {size:.2f}<extra></extra>",
        )
    return figure


def paths(run: Run, batch: TrajectoryBatch, users: list[str]) -> go.Figure:
    """Picture 5: signatures of the days up to each campaign's end, beside those of other times."""
    found, scenario, label = [], [], []
    for row, user in enumerate(users):
        active = batch.active[row]
        if int(active.sum()) < WINDOW:
            continue
        days = batch.day[active]
        each = sliding_with_time(batch.values[row][active][None].double(), days[None].double(), WINDOW)[0]
        ends = dict.fromkeys(range(WINDOW - 1, len(days), EVERY), 0)
        for campaign in run.evaluation.get("campaigns", []):
            if campaign["user"] == user:
                end = (date.fromisoformat(str(campaign["end"])[:10]) - date(1970, 1, 1)).days
                ends[max(int((days <= end).sum()) - 1, 0)] = int(campaign["scenario"])
        found.append(each[list(ends)].numpy())
        scenario += list(ends.values())
        label += [f"{user}, {date(1970, 1, 1) + timedelta(days=int(days[end]))}" for end in ends]
    figure = canvas({"title": "first component", "nticks": 5}, {"title": "second component", "nticks": 5})
    if not found:
        return figure
    # Squared coordinates have long tails; a few windows would set the axes.
    every = np.concatenate(found)
    place = components(np.sign(every) * np.log1p(np.abs(every)), 2)
    kinds = np.array(scenario)
    for kind in sorted(set(scenario)):
        colour = GREY if kind == 0 else COLOURS[kind % len(COLOURS)]
        x, y = place[kinds == kind].T.round(4).tolist()
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            name=f"scenario {kind}" if kind else "other times",
            marker={"color": colour, "size": 8 if kind else 3, "opacity": 1.0 if kind else 0.4},
            text=[plain(words) for words, here in zip(label, kinds == kind, strict=True) if here],
            hovertemplate="%{text}",
        )
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return figure
