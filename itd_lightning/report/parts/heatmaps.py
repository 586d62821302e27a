"""Maps of the highest scoring windows: observed, expected and contribution, hour by hour.

Axes: T hours, F features.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl
from jaxtyping import Float

from itd_lightning.report.parts.figures import BLUES, GREY, PALE, Figure, Layout, Panel, canvas, plain
from itd_lightning.report.parts.numbers import number
from itd_lightning.report.runs import Run

_WINDOWS = 3
_LONGEST = 24  # letters of a feature beside a map
_ORANGES = [[0, "#ffffff"], [0.25, "#fdd0a2"], [0.6, "#e6762f"], [1, "#7f2704"]]
_BOTH_WAYS = [[0, "#08306b"], [0.25, "#6baed6"], [0.5, "#ffffff"], [0.75, "#f0925a"], [1, "#7f2704"]]


class _Window(NamedTuple):
    """One explained unit.

    Attributes:
        user: Whose it is.
        start: Its first moment.
        score: Its score.
        features: Names of the F features.
        observed: Counts ``(F, T)``.
        expected: Probability of activity, or standardised value ``(F, T)``.
        part: What each cell adds to the score ``(F, T)``.
    """

    user: str
    start: datetime
    score: float
    features: list[str]
    observed: Float[np.ndarray, "f t"]
    expected: Float[np.ndarray, "f t"]
    part: Float[np.ndarray, "f t"]


def explained_windows(run: Run) -> list[tuple[_Window, Figure]]:
    """Return the highest explained units, each with its three maps."""
    hourly = None if run.explanations is None else run.explanations.filter(pl.col("hour").is_not_null())
    if hourly is None or hourly.is_empty():
        return []
    return [(window, Figure("heat", _caption(window), _maps(window))) for window in _windows(hourly)]


def _windows(cells: pl.DataFrame, count: int = _WINDOWS) -> list[_Window]:
    """Return the highest units of the table of cells."""
    units = (
        cells.select("user", "start", "end", "score")
        .unique(["user", "start", "end"])
        .sort(["score", "user", "start"], descending=[True, False, False])
    )
    features = cells["feature"].unique(maintain_order=True).to_list()
    return [
        _window(cells.filter(user=user, start=start, end=end), user, start, score, features)
        for user, start, end, score in units.head(count).iter_rows()
    ]


def _window(
    own_cells: pl.DataFrame, user: str, start: datetime, score: float, features: list[str]
) -> _Window:
    """Return one unit as grids; a cell that is not in the table is 0."""
    grids = np.zeros((3, len(features), int(own_cells["hour"].max()) + 1))  # type: ignore[arg-type]
    place = {feature: row for row, feature in enumerate(features)}
    rows = own_cells["feature"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    for layer, name in enumerate(("seen", "expected", "part")):
        grids[layer, rows, own_cells["hour"].to_numpy()] = own_cells[name].to_numpy()
    return _Window(user, start, score, features, *grids)


def _caption(window: _Window) -> str:
    """Return the caption: the feature and the hour that add most."""
    row, hour = np.unravel_index(int(window.part.argmax()), window.part.shape)
    by_feature = window.part.sum(axis=1)
    top = int(by_feature.argmax())
    total = float(by_feature.sum())
    share = (
        f" ({100 * by_feature[top] / total:.0f} % of the score)"
        if by_feature.min() >= 0 and total > 0
        else ""
    )
    value = float(window.expected[row, hour])
    scale = "a probability of activity" if _probable(window) else "a standardised value"
    expected = f"{scale} of {number(value)}" if abs(value) >= 0.001 else f"{scale} of almost 0"
    return (
        f"The feature that adds most is {window.features[top]}{share}; the hour that adds most is that of "
        f"{window.features[row]} at {_clock(window.start, int(hour))}: "
        f"{window.observed[row, hour]:.0f} seen, "
        f"where {expected} was expected."
    )


def _probable(window: _Window) -> bool:
    """Return whether the expected values are probabilities."""
    return float(window.expected.min()) >= 0 and float(window.expected.max()) <= 1


def _maps(window: _Window) -> list[Panel]:
    """Return the maps of observed, expected and contribution, on the same hours."""
    is_probability = _probable(window)
    most = max(float(window.observed.max()), 1)
    marks = [mark for mark in (0, 1, 3, 10, 30, 100, 300, 1000, 3000) if mark <= most]
    colours = {"zmin": 0, "zmax": np.log1p(most), "colorscale": BLUES}
    ticks = {"tickvals": np.log1p(marks).tolist(), "ticktext": [str(mark) for mark in marks]}
    limit = max(float(np.abs(window.expected).max()), 1e-12)
    expected = {"zmin": 0, "zmax": 1, "colorscale": BLUES} if is_probability else _diverging(limit)
    largest = max(float(np.abs(window.part).max()), 1e-12)
    is_signed = float(window.part.min()) < 0
    part = _diverging(largest) if is_signed else {"zmin": 0, "zmax": largest, "colorscale": _ORANGES}
    return [
        Panel(
            "Seen",
            _heat(window, np.log1p(window.observed), window.observed, colours, ticks),
            "events in the hour",
        ),
        Panel(
            "Expected",
            _heat(window, window.expected, window.expected, expected, {"nticks": 5}),
            "probability of activity" if is_probability else "standardised value",
        ),
        Panel(
            "Contribution", _heat(window, window.part, window.part, part, {"nticks": 4}), "added to the score"
        ),
    ]


def _diverging(limit: float) -> Layout:
    """Return a scale with white at 0."""
    return {"zmin": -limit, "zmax": limit, "colorscale": _BOTH_WAYS}


def _heat(
    window: _Window,
    z: Float[np.ndarray, "f t"],
    hover_values: Float[np.ndarray, "f t"],
    scale: Layout,
    ticks: Layout,
) -> go.Figure:
    """Return one map; colours follow ``z``, the hover text has ``hover_values``."""
    hours = z.shape[1]
    step = 6 if hours <= 48 else 24
    at = [hour for hour in range(hours) if (window.start + timedelta(hours=hour)).hour % step == 0] or [0]
    x = {
        "tickvals": at,
        "ticktext": [_clock(window.start, hour) for hour in at],
        "showgrid": False,
        "ticklen": 3,
    }
    y = {
        "tickvals": list(range(len(window.features))),
        "ticktext": [plain(_short_name(feature)) for feature in window.features],
        "autorange": "reversed",
        "showgrid": False,
        "ticks": "",
    }
    figure = canvas(x, y)
    bar = {"orientation": "h", "thickness": 8, "len": 1, "y": 1, "yanchor": "bottom", "ypad": 0}
    labels = [
        [plain(f"{feature}, {_clock(window.start, hour)}") for hour in range(hours)]
        for feature in window.features
    ]
    figure.add_heatmap(
        z=z.round(6).tolist(),
        customdata=hover_values.round(6).tolist(),
        text=labels,
        hovertemplate="%{text}: %{customdata:.3g}<extra></extra>",
        xgap=1,
        ygap=1,
        colorbar=bar
        | ticks
        | {"tickfont": {"size": 10}, "ticklen": 2, "outlinecolor": GREY, "outlinewidth": 0.5},
        **scale,
    )
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 4, "b": 32}, plot_bgcolor=PALE
    )  # lines between the cells
    return figure


def _short_name(feature: str) -> str:
    """Return a name that leaves room for the map beside it."""
    return feature if len(feature) <= _LONGEST else f"{feature[: _LONGEST - 1]}…"


def _clock(start: datetime, hour: int) -> str:
    """Return the time of day of a window's hour."""
    return (start + timedelta(hours=hour)).strftime("%H:%M")
