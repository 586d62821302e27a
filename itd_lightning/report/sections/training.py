"""Losses by epoch, in the stages of a training."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from itd_lightning.contracts.run_files import METRIC_FILE
from itd_lightning.report.parts.figures import GREY, Figure, Layout, Panel, canvas, colour, dash
from itd_lightning.report.parts.numbers import number
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class Training(Section):
    """Losses of each run by epoch."""

    anchor, link, title = "training", "Training", "Training"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render one plot a run."""
        return page.figures(runs, [_losses(run) for run in runs])


def _losses(run: Run) -> Figure:
    """Return the loss by epoch, of training and validation."""
    if run.losses is None or run.losses.is_empty():
        return Figure("loss", "", [], f"the run has no {METRIC_FILE} with losses")
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
    if "stage" in table.columns:
        _add_stages(figure, table["epoch"].to_list(), table["stage"].to_list())
    lowest = []
    for place, name in enumerate(kinds):
        points = table.select("epoch", name).drop_nulls()
        _add_loss(figure, points["epoch"].to_list(), points[name].to_list(), names[name], place)
        epoch, value = points.row(int(points[name].to_numpy().argmin()))
        lowest.append(f"the {names[name]} is lowest at epoch {epoch} ({number(value)})")
    first, last = table["epoch"][0], table["epoch"][-1]
    return Figure("loss", f"Of epochs {first} to {last}, {' and '.join(lowest)}.", [Panel("", figure)])


def _add_loss(figure: go.Figure, epochs: list[int], values: list[float], name: str, place: int) -> None:
    """Draw one loss; a single epoch is a dot."""
    figure.add_scatter(
        x=epochs,
        y=values,
        mode="lines" if len(epochs) > 1 else "markers",
        line={"color": colour(place), "width": 2, "dash": dash(place)},
        name=name,
        hovertemplate=f"epoch %{{x}}<br>{name} %{{y:.3g}}<extra></extra>",
    )


def _add_stages(figure: go.Figure, epochs: list[int], stages: list[int]) -> None:
    """Draw a line where a stage begins, with its number; one stage needs none."""
    stage_starts = [
        (epoch, stage)
        for place, (epoch, stage) in enumerate(zip(epochs, stages, strict=True))
        if not place or stage != stages[place - 1]
    ]
    if len(stage_starts) < 2:
        return
    for epoch, stage in stage_starts:
        place: Layout = {"x": epoch - 0.5 if epoch > epochs[0] else epoch, "yref": "paper"}
        if epoch > epochs[0]:
            line = {"color": GREY, "width": 1}
            figure.add_shape(type="line", x0=place["x"], x1=place["x"], yref="paper", y0=0, y1=1, line=line)
        label = {"text": f"stage {stage}", "showarrow": False, "font": {"size": 11, "color": GREY}}
        figure.add_annotation(**place, y=1, xanchor="left", yanchor="top", xshift=3, **label)
