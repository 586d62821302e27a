"""Log2Sig's first figure: how often a user did what each day, and the rhythms that this decomposes into.

Axes: T days, K modes, C channels.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.report.parts.figures import COLOURS, INK, Figure, Panel, canvas
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.timelines import campaigns
from itd_lightning.report.sections.trajectories import highest
from itd_lightning.store.read import Store
from itd_lightning.views.signals.features import (
    CHANNELS,
    daily_counts,
    decompose_days,
    every_day,
    moments_of,
    standardise,
)
from itd_lightning.views.signals.view import Signals

DRAWN = ("http", "email")  # as in the paper's figure
USUAL = 30  # days before the test that tell what is usual; of fewer, all days do
NEEDED = ("modes", "window", "days", "alpha", "tol")


class Story(NamedTuple):
    """What one user did.

    Attributes:
        days: The T days from the first to the last one with activity.
        signals: Standardised counts, then the modes, ``(T, K + 1, C)``.
    """

    days: list[date]
    signals: Float[np.ndarray, "t k c"]


def decomposition(run: Run, user: str = "") -> Figure:
    """Counts and modes of a user, or of the one who scores highest; nothing for other views."""
    if run.about.view != Signals.name:
        return Figure("timeline", "", [])
    chosen = user or highest(run)
    try:
        story = told(run, chosen)
    except InputError as error:
        return Figure("timeline", "", [], str(error))
    names = ["counts", *(f"mode {number}" for number in range(1, story.signals.shape[1]))]
    panels = [
        Panel(f"{channel}: {name}", drawn(run, chosen, story, row, CHANNELS.index(channel)))
        for row, name in enumerate(names)
        for channel in DRAWN
    ]
    known = "all days, later ones too" if run.settings["window"] == "whole" else "the days up to then"
    caption = (
        f"How often {chosen} did what each day, in standard deviations of the user's own, and the "
        f"rhythms that this decomposes into, slow ones first, each day from {known}; shaded: the campaign."
    )
    return Figure("timeline", caption, panels)


def told(run: Run, user: str) -> Story:
    """One user's counts and modes, with the run's settings, on a scale of the picture's own.

    The view standardises by training days; here those before the test do, or all where they are few.

    Raises:
        InputError: If the store or the run's settings are not at hand, or the store does not know the user.
    """
    if not run.store or any(name not in run.settings for name in NEEDED):
        raise InputError("the event store or the run's scored.yaml is not at hand, so no signal can be drawn")
    shards = Store(Path(run.about.store)).shards
    needed = ["user", "time", "kind"]
    rows = pl.concat(
        pl.scan_parquet(shard, glob=False).select(needed).filter(user=user).collect() for shard in shards
    )
    counts = every_day(daily_counts(rows))
    if counts.is_empty():
        raise InputError(f"no events of {user} to decompose")
    before = counts.filter(pl.col("day") < run.tested["start"].min())
    values = standardise(counts, moments_of(before if len(before) >= USUAL else counts))
    modes, window, days, alpha, tol = (run.settings[name] for name in NEEDED)
    kept = days if window == "trailing" else None
    found = decompose_days(values, np.array([len(counts)]), modes, kept, alpha, tol)
    return Story(counts["day"].to_list(), np.concatenate([values[:, None], found], axis=1))


def drawn(run: Run, user: str, story: Story, row: int, channel: int) -> go.Figure:
    """One signal over time."""
    span = [str(story.days[0]), str(story.days[-1] + timedelta(days=1))]
    time: dict[str, Any] = {"type": "date", "range": span, "nticks": 5, "tickformat": "%d %b %Y"}
    figure = canvas(time, {"nticks": 4})
    figure.layout.shapes = campaigns(run, user)
    figure.add_scatter(
        x=[str(day) for day in story.days],
        y=story.signals[:, row, channel].round(4).tolist(),
        mode="lines",
        line={"color": COLOURS[0] if row else INK, "width": 1},
        hovertemplate="%{x}: %{y:.2f}<extra></extra>",
    )
    return figure
