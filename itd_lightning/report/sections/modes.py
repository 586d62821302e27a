"""Log2Sig's first figure: a user's daily counts of actions, and their decomposition into rhythms."""

from collections.abc import Sequence
from datetime import timedelta

import plotly.graph_objects as go
import polars as pl
from markupsafe import Markup

from itd_lightning.contracts.pictures import MODE_FILE
from itd_lightning.report.parts.campaigns import campaign_shapes
from itd_lightning.report.parts.figures import COLOURS, INK, Figure, Layout, Panel, canvas
from itd_lightning.report.parts.pictures import user_picture
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section

_VIEW = "signals"  # whose runs have modes
_CHANNELS = ("http", "email")  # as in the paper's figure
_HISTORY = {
    "trailing": ", each day from the days up to then",
    "whole": ", each day from all days, later ones too",
}


class Modes(Section):
    """Counts and modes of one user of each run that decomposes them."""

    anchor, link, title = "modes", "Rhythms", "Counts of a user and their rhythms"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether any run scored the view."""
        return any(run.about.view == _VIEW for run in runs)

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the user's counts and modes."""
        log2sig_runs = [run for run in runs if run.about.view == _VIEW]
        return page.figures(log2sig_runs, [decomposition(run, page.user) for run in log2sig_runs])


def decomposition(run: Run, user: str = "") -> Figure:
    """Return counts and modes of a user, or of the one who scores highest."""
    picture = user_picture(run, MODE_FILE, user)
    if picture.reason:
        return Figure("timeline", "", [], picture.reason)
    modes = sorted(picture.table["mode"].unique())
    panels = [
        Panel(f"{channel}: {f'mode {mode}' if mode else 'counts'}", _plot(run, picture.table, mode, channel))
        for mode in modes
        for channel in _CHANNELS
        if channel in picture.table.columns
    ]
    history = _HISTORY.get(str(run.settings.get("window")), "")
    caption = (
        f"How often {picture.user} did what each day, in standard deviations of the user's own training "
        f"days, and the rhythms that this decomposes into, slow ones first{history}; shaded: the campaign."
    )
    return Figure("timeline", caption, panels)


def _plot(run: Run, table: pl.DataFrame, mode: int, channel: str) -> go.Figure:
    """Return one signal over time."""
    signal = table.filter(mode=mode).sort("day")
    days = signal["day"].to_list()
    span = [str(days[0]), str(days[-1] + timedelta(days=1))]
    time: Layout = {"type": "date", "range": span, "nticks": 5, "tickformat": "%d %b %Y"}
    figure = canvas(time, {"nticks": 4})
    figure.layout.shapes = campaign_shapes(run, str(signal["user"][0]))
    figure.add_scatter(
        x=[str(day) for day in days],
        y=signal[channel].round(4).to_list(),
        mode="lines",
        line={"color": COLOURS[0] if mode else INK, "width": 1},
        hovertemplate="%{x}: %{y:.2f}<extra></extra>",
    )
    return figure
