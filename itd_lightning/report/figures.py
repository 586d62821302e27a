"""What all figures share, and the two simple ones: precision-recall curves and losses."""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.ranking import Ranking
from itd_lightning.report.numbers import number
from itd_lightning.report.runs import Run

# Okabe and Ito's palette without yellow, for colour-blind readers; dashes tell runs apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "5px,2px", "2px,2px", "8px,2px,2px,2px")
INK, GREY, PALE = "#1a1a1a", "#767676", "#e8e8e8"
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
POINTS = 2000  # of a curve; more cannot be seen


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
    """Plots that are read together.

    Attributes:
        kind: CSS class, which decides sizes.
        caption: One sentence that says what to see.
        panels: The plots.
        missing: Why there is none.
    """

    kind: str
    caption: str
    panels: list[Panel]
    missing: str = ""


def plain(text: object) -> str:
    """Text from a log for a Plotly label, which reads a subset of HTML."""
    return html.escape(str(text), quote=False)


def colour(run: int) -> str:
    """Colour of the run with this number."""
    return COLOURS[run % len(COLOURS)]


def dash(run: int) -> str:
    """Dash of the run with this number."""
    return DASHES[run % len(DASHES)]


def canvas(x: dict[str, Any], y: dict[str, Any]) -> go.Figure:
    """An empty plot in the page's style; the axes are Plotly's, laid over ours."""
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
            "xaxis": axis | x | {"title": axis["title"] | {"text": x.get("title", "")}},  # type: ignore[operator]
            "yaxis": axis | y | {"title": axis["title"] | {"text": y.get("title", "")}},  # type: ignore[operator]
        }
    )


def precision_recall(runs: Sequence[Run]) -> Figure:
    """Precision over recall: all scenarios together, then each; runs in one plot."""
    scenarios = sorted(
        {
            scenario
            for run in runs
            if run.labelled is not None
            for scenario in run.labelled["scenario"].drop_nulls()
        }
    )
    panels = [curves(runs, scenario) for scenario in [None, *scenarios]]
    drawn = [panel for panel in panels if panel.figure.data]
    reasons = [f"{run.name}: {undrawn(run)}" for run in runs if undrawn(run)]
    circle = any(run.evaluation.get("recall") is not None for run in runs)
    caption = (
        "The area under each step line is the PR-AUC; the part above its dotted base rate is what the method "
        f"adds to chance{'; a circle marks the threshold' if circle else ''}."
    )
    return Figure("pr", caption, drawn, "; ".join(reasons))


def undrawn(run: Run) -> str:
    """Why a run has no curve, or an empty text."""
    if run.labelled is None:
        return run.unlabelled
    try:
        Ranking(run.labelled["score"].to_numpy(), run.labelled["malicious"].to_numpy())
    except InputError as error:
        return str(error)
    return ""


def curves(runs: Sequence[Run], scenario: int | None) -> Panel:
    """The runs' curves for one scenario, or for all."""
    share = {"range": [0, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    figure = canvas(share | {"title": "recall"}, share | {"title": "precision"})
    found: list[str] = []
    for place, run in enumerate(runs):
        if run.labelled is None:
            continue
        unit = run.labelled.filter(
            ~pl.col("malicious") | (pl.col("scenario") == scenario if scenario is not None else True)
        )
        try:
            recall, precision = steps(Ranking(unit["score"].to_numpy(), unit["malicious"].to_numpy()))
        except InputError:
            continue
        add_curve(figure, run.name, place, recall, precision, base=float(unit["malicious"].to_numpy().mean()))
        if scenario is None:
            add_threshold(figure, run, place)
        entry = (
            run.evaluation if scenario is None else run.evaluation.get("scenarios", {}).get(str(scenario), {})
        )
        if entry.get("pr_auc") is not None:
            found.append(number(entry["pr_auc"]))
    title = "All scenarios" if scenario is None else f"Scenario {scenario}"
    return Panel(title, figure, f"PR-AUC {', '.join(found)}" if found else "")


def steps(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a curve: where recall grows, so the drawn area is the average precision; and its end."""
    recall, precision = ranking.curve()
    grows = np.flatnonzero(np.diff(recall, prepend=0) > 0)
    kept = grows[np.unique(np.linspace(0, len(grows) - 1, min(POINTS, len(grows))).astype(int))]
    return (
        np.concatenate([[0], recall[kept], [1]]),
        np.concatenate([precision[kept[:1]], precision[kept], precision[-1:]]),
    )


def add_curve(
    figure: go.Figure, name: str, place: int, recall: np.ndarray, precision: np.ndarray, base: float
) -> None:
    """Draw one run's curve and its base rate."""
    line = {"color": colour(place), "width": 2, "shape": "vh", "dash": dash(place)}
    hover = "recall %{x:.3f}<br>precision %{y:.3f}"
    traces = {"mode": "lines", "name": plain(name)}
    figure.add_scatter(x=recall.tolist(), y=precision.tolist(), line=line, hovertemplate=hover, **traces)
    dotted = {"color": colour(place), "width": 1.5, "dash": "2px,3px"}
    figure.add_scatter(x=[0, 1], y=[base, base], line=dotted, hovertemplate="base rate %{y:.3g}", **traces)


def add_threshold(figure: go.Figure, run: Run, place: int) -> None:
    """Mark where the threshold puts a run."""
    recall, precision = run.evaluation.get("recall"), run.evaluation.get("precision")
    if recall is None or precision is None:
        return
    marker = {"symbol": "circle-open", "size": 10, "color": colour(place), "line": {"width": 2}}
    hover = "at the threshold<br>recall %{x:.3f}<br>precision %{y:.3f}"
    figure.add_scatter(
        x=[recall], y=[precision], mode="markers", marker=marker, name=plain(run.name), hovertemplate=hover
    )


def losses(run: Run) -> Figure:
    """Loss by epoch, of training and validation."""
    if run.losses is None or run.losses.is_empty():
        return Figure("loss", "", [], "the run has no metrics.csv with losses")
    table = run.losses
    names = {"train/loss": "training loss", "val/loss": "validation loss"}
    kinds = [name for name in names if name in table.columns]
    values = np.concatenate([table[name].drop_nulls().to_numpy() for name in kinds])
    steep = values.min() > 0 and values.max() / values.min() > 20
    figure = canvas(
        {"title": "epoch"}, {"title": "loss"} | ({"type": "log"} if steep else {"rangemode": "tozero"})
    )
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"}
    figure.update_layout(showlegend=len(kinds) > 1, legend=legend)
    lowest = []
    for place, name in enumerate(kinds):
        known = table.select("epoch", name).drop_nulls()
        add_loss(figure, known["epoch"].to_list(), known[name].to_list(), names[name], place)
        epoch, value = known.row(int(known[name].to_numpy().argmin()))
        lowest.append(f"the {names[name]} is lowest at epoch {epoch} ({number(value)})")
    first, last = table["epoch"][0], table["epoch"][-1]
    return Figure("loss", f"Of epochs {first} to {last}, {' and '.join(lowest)}.", [Panel("", figure)])


def add_loss(figure: go.Figure, epochs: list[int], values: list[float], name: str, place: int) -> None:
    """Draw one loss; a single epoch is a dot."""
    figure.add_scatter(
        x=epochs,
        y=values,
        mode="lines" if len(epochs) > 1 else "markers",
        line={"color": colour(place), "width": 2, "dash": dash(place)},
        name=name,
        hovertemplate=f"epoch %{{x}}<br>{name} %{{y:.3g}}<extra></extra>",
    )
