"""Precision over recall of all runs, and of each scenario by itself."""

from collections.abc import Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from itd_lightning.report.parts.curves import Curve, Curves
from itd_lightning.report.parts.figures import Figure, Panel, canvas, colour, dash, plain
from itd_lightning.report.parts.numbers import number
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class PrecisionRecall(Section):
    """One plot of all scenarios and one of each, with all runs in it."""

    anchor, link, title = "curves", "Precision and recall", "Precision and recall"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether a run is measured."""
        return any(run.is_evaluated for run in runs)

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the legend of the runs and the plots."""
        lines = [
            {"name": run.name, "colour": colour(place), "dash": _svg_dash(place)}
            for place, run in enumerate(runs)
        ]
        return page.fragment("curves", runs, lines=lines, curves=_precision_recall(runs))


def _svg_dash(place: int) -> str:
    """Return a run's dash as SVG writes it."""
    return "" if dash(place) == "solid" else dash(place).replace("px", "")


def _precision_recall(runs: Sequence[Run]) -> Figure:
    """Return the precision over recall: all scenarios together, then each; runs in one plot.

    Runs that score units of different kinds are compared at the user-day.
    """
    is_mixed = len({run.about.grain for run in runs}) > 1
    by_run = [run.truth.day_curves if is_mixed else run.truth.curves for run in runs]
    scenarios = {name for curves in by_run for name in curves.by_scenario}
    panels = [
        _panel(runs, by_run, scenario, mark=not is_mixed)
        for scenario in sorted(scenarios, key=lambda name: -1 if name is None else name)
    ]
    reasons = [
        (run.name, run.truth.reason or curves.reason) for run, curves in zip(runs, by_run, strict=True)
    ]
    circle = not is_mixed and any(run.evaluation.get("recall") is not None for run in runs)
    caption = (
        "The area under each step line is the PR-AUC; the part above its dotted base rate is what the method "
        f"adds to chance{'; a circle marks the threshold' if circle else ''}."
    )
    if is_mixed:
        caption += (
            " The runs score units of different kinds, so user-days are compared, each as its highest unit."
        )
    return Figure("pr", caption, panels, "; ".join(f"{name}: {reason}" for name, reason in reasons if reason))


def _panel(runs: Sequence[Run], by_run: Sequence[Curves], scenario: int | None, *, mark: bool) -> Panel:
    """Return the runs' curves for one scenario, or for all with ``mark`` at each run's threshold."""
    share = {"range": [0, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    figure = canvas(share | {"title": "recall"}, share | {"title": "precision"})
    areas: list[str] = []
    for place, (run, curves) in enumerate(zip(runs, by_run, strict=True)):
        curve = curves.by_scenario.get(scenario)
        if curve is None:
            continue
        _add_curve(figure, run.name, place, curve)
        if mark and scenario is None:
            _add_threshold(figure, run, place)
        areas.append(number(curve.area))
    title = "All scenarios" if scenario is None else f"Scenario {scenario}"
    return Panel(title, figure, f"PR-AUC {', '.join(areas)}")


def _add_curve(figure: go.Figure, name: str, place: int, curve: Curve) -> None:
    """Draw one run's curve and its base rate."""
    line = {"color": colour(place), "width": 2, "shape": "vh", "dash": dash(place)}
    hover = "recall %{x:.3f}<br>precision %{y:.3f}"
    traces = {"mode": "lines", "name": plain(name)}
    x, y, base = curve.recall.tolist(), curve.precision.tolist(), curve.base_rate
    figure.add_scatter(x=x, y=y, line=line, hovertemplate=hover, **traces)
    base_line = {"color": colour(place), "width": 1.5, "dash": "2px,3px"}
    figure.add_scatter(x=[0, 1], y=[base, base], line=base_line, hovertemplate="base rate %{y:.3g}", **traces)


def _add_threshold(figure: go.Figure, run: Run, place: int) -> None:
    """Mark the threshold of a run."""
    recall, precision = run.evaluation.get("recall"), run.evaluation.get("precision")
    if recall is None or precision is None:
        return
    marker = {"symbol": "circle-open", "size": 10, "color": colour(place), "line": {"width": 2}}
    hover = "at the threshold<br>recall %{x:.3f}<br>precision %{y:.3f}"
    figure.add_scatter(
        x=[recall], y=[precision], mode="markers", marker=marker, name=plain(run.name), hovertemplate=hover
    )
