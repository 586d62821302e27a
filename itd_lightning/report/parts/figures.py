"""Parts of all figures: colours, an empty plot, and how plots are grouped."""

import html
from collections.abc import Mapping
from typing import NamedTuple

import plotly.graph_objects as go

# Okabe and Ito's palette without yellow, for colour-blind readers; dashes tell runs apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("solid", "5px,2px", "2px,2px", "8px,2px,2px,2px")
BLUES = [[0, "#ffffff"], [0.25, "#c6dbef"], [0.6, "#4a90c4"], [1, "#08306b"]]
INK, GREY, PALE = "#1a1a1a", "#767676", "#e8e8e8"
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"


Layout = dict[str, object]  # an axis, a shape, a line or a marker, as Plotly names its parts


class Panel(NamedTuple):
    """One plot of a figure.

    Attributes:
        title: Heading, HTML text.
        figure: What Plotly draws.
        note: Said under the heading.
    """

    title: str
    figure: go.Figure
    note: str = ""


class Figure(NamedTuple):
    """Plots with one caption.

    Attributes:
        kind: CSS class, which decides sizes.
        caption: One sentence that says what to see.
        panels: The plots.
        reason: Why there is none.
    """

    kind: str
    caption: str
    panels: list[Panel]
    reason: str = ""


def plain(text: object) -> str:
    """Return text from a log as a Plotly label, which reads a subset of HTML."""
    return html.escape(str(text), quote=False)


def colour(run: int) -> str:
    """Return the colour of the run with this number."""
    return COLOURS[run % len(COLOURS)]


def dash(run: int) -> str:
    """Return the dash of the run with this number."""
    return _DASHES[run % len(_DASHES)]


def canvas(x: Mapping[str, object], y: Mapping[str, object]) -> go.Figure:
    """Return an empty plot in the page's style; the axes are Plotly's, laid over ours."""
    axis = {
        "fixedrange": True,
        "zeroline": False,
        "showline": True,
        "linecolor": GREY,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": GREY,
        "gridcolor": PALE,
        "automargin": True,
        "title": {"standoff": 6},
    }
    return go.Figure(
        layout={
            "template": "none",
            "font": {"family": FONT, "size": 12, "color": INK},
            "margin": {"l": 44, "r": 10, "t": 8, "b": 36},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "showlegend": False,
            "dragmode": False,
            "hoverlabel": {"font": {"family": FONT}},
            "xaxis": axis | dict(x) | {"title": axis["title"] | {"text": x.get("title", "")}},  # type: ignore[operator]
            "yaxis": axis | dict(y) | {"title": axis["title"] | {"text": y.get("title", "")}},  # type: ignore[operator]
        }
    )
