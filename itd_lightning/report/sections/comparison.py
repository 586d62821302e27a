"""Several runs on their common user-days: results, agreement and cost.

Axes: N test user-days, R runs, D days.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl
from jaxtyping import Float
from markupsafe import Markup

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import read_json
from itd_lightning.contracts.parts import TEST
from itd_lightning.contracts.run_files import COST_FILE, SCORE_FILE
from itd_lightning.evaluation.comparison import CommonTable, common_table
from itd_lightning.evaluation.comparison_days import common_days, fill_missing
from itd_lightning.report.parts.comparison_table import Cost, cells, heads, notes
from itd_lightning.report.parts.figures import BLUES, GREY, INK, Figure, Panel, canvas, colour, plain
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section

_CAMPAIGNS = 8  # insiders whose days are drawn
_SECONDS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10000]
_AROUND = 14  # days before the first and after the last malicious one


class SideBySide(Section):
    """Several runs on their common user-days."""

    anchor, link = "common", "Side by side"
    title = "Side by side, on the same user-days"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether there is anything to compare."""
        return len(runs) > 1

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the common table and the figures, or say why the runs cannot be compared."""
        return page.fragment("comparison", runs, comparison=comparison(runs))


class _Comparison(NamedTuple):
    """Runs beside each other.

    Attributes:
        table: The common table; None where there is none.
        heads: Its heads.
        rows: Its rows as text, methods first.
        notes: How it is read.
        figures: By heading: scenarios, campaigns, agreement and cost.
        reason: Why there is none.
    """

    table: CommonTable | None
    heads: list[str]
    rows: list[list[str]]
    notes: list[str]
    figures: dict[str, Figure]
    reason: str = ""


def comparison(runs: Sequence[Run]) -> _Comparison:
    """Return the table and the figures of several runs, or the reason why there are none."""
    score_files = {run.name: [run.folder / SCORE_FILE] for run in runs}
    try:
        table = common_table(score_files)
        days, methods = common_days(score_files)
    except InputError as error:
        return _Comparison(None, [], [], [], {}, str(error))
    is_test = (days["part"] == TEST).to_numpy()
    days = days.filter(is_test)
    scores = np.stack([fill_missing(methods[run.name][0])[is_test] for run in runs])
    ranks = np.stack([ranked_share(row) for row in scores])
    names = [run.name for run in runs]
    costs = {run.name: cost(run.folder) for run in runs}
    figures = {
        "What each scenario is found by": _by_scenario(table, names),
        "Campaigns by method": _campaigns(days, ranks, names),
        "Agreement": _agreement(ranks, names),
        "Cost against quality": _cost_plot(table, costs),
    }
    rows = [cells(row, table, costs.get(row.name, {})) for row in (*table.rows, *table.references)]
    return _Comparison(table, heads(table), rows, notes(table), figures)


def cost(folder: Path) -> dict[str, float]:
    """Return the cost of a run's fit: wall ``seconds``, ``cpu_seconds``, most memory in ``gib``."""
    return dict(read_json(folder / COST_FILE)) if (folder / COST_FILE).is_file() else {}


def ranked_share(score: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return the share of the days that score lower, half of a tie."""
    ascending = np.sort(score)
    first, last = (np.searchsorted(ascending, score, side=side) for side in ("left", "right"))
    share: Float[np.ndarray, " n"] = (first + last) / (2 * len(score))
    return share


def _by_scenario(table: CommonTable, names: list[str]) -> Figure:
    """Return the PR-AUC of each scenario's days among all harmless ones, one dot a run."""
    rows = {row.name: row for row in table.rows}
    panels = []
    for scenario, count in table.scenarios.items():
        figure = canvas(
            {"title": "PR-AUC", "range": [0, 1.02]},
            {"autorange": "reversed", "showline": False, "ticks": "", "dtick": 1},
        )
        values = [rows[name].scenarios[scenario] for name in names]
        figure.add_scatter(
            x=values,
            y=[plain(name) for name in names],
            mode="markers",
            marker={"size": 9, "color": [colour(place) for place in range(len(names))]},
            hovertemplate="PR-AUC %{x:.3f}<extra></extra>",
        )
        chance = count / (table.user_days - table.malicious + count)
        figure.add_vline(x=chance, line={"color": GREY, "dash": "dot", "width": 1})
        panels.append(Panel(f"Scenario {scenario}", figure, f"{count} user-days"))
    caption = (
        "Each dot is a run's PR-AUC for one scenario's user-days among all harmless ones; the dotted line is "
        "chance."
    )
    return Figure("compare", caption, panels)


def _campaigns(days: pl.DataFrame, ranks: Float[np.ndarray, "r n"], names: list[str]) -> Figure:
    """Return each insider's daily ranks by every run, with the malicious days marked."""
    rows = days.with_row_index("row")
    insiders = rows.filter("malicious")["user"].unique(maintain_order=True).to_list()
    panels = [_campaign(rows.filter(user=user), ranks, names) for user in insiders[:_CAMPAIGNS]]
    caption = (
        "The darker a day, the higher it ranks among all test user-days; triangles mark the malicious ones. "
        "A good method is dark under the triangles and pale elsewhere."
    )
    return Figure("compare", caption, panels)


def _campaign(own_days: pl.DataFrame, ranks: Float[np.ndarray, "r n"], names: list[str]) -> Panel:
    """Return the panel of one insider."""
    malicious_days = own_days.filter("malicious")
    days = own_days.filter(
        pl.col("start").is_between(
            malicious_days["start"].min() - pl.duration(days=_AROUND),
            malicious_days["start"].max() + pl.duration(days=_AROUND),
        )
    )
    dates = days["start"].dt.date().to_list()
    figure = canvas({"nticks": 6}, {"showline": False, "ticks": "", "dtick": 1})
    labels = [plain(name) for name in reversed(names)]
    figure.add_heatmap(
        x=dates,
        y=labels,
        z=ranks[::-1, days["row"].to_numpy()].round(3).tolist(),
        zmin=0.5,
        zmax=1,
        colorscale=BLUES,
        showscale=False,
        hovertemplate="%{y}, %{x}: above %{z:.1%} of all days<extra></extra>",
    )
    figure.add_scatter(
        x=malicious_days["start"].dt.date().to_list(),
        y=[" "] * len(malicious_days),
        mode="markers",
        marker={"symbol": "triangle-down", "size": 8, "color": INK},
        hovertemplate="malicious, %{x}<extra></extra>",
    )
    user, scenario = malicious_days["user"][0], malicious_days["scenario"][0]
    return Panel(plain(user), figure, f"scenario {scenario}, {len(malicious_days)} malicious days")


def _agreement(ranks: Float[np.ndarray, "r n"], names: list[str]) -> Figure:
    """Return the rank correlation of the scores of every two runs."""
    correlation = np.corrcoef(ranks)
    labels = [plain(name) for name in names]
    figure = canvas(
        {"showline": False, "ticks": ""},
        {"autorange": "reversed", "showline": False, "ticks": "", "dtick": 1},
    )
    figure.add_trace(
        go.Heatmap(
            x=labels,
            y=labels,
            z=correlation.round(2).tolist(),
            zmin=0,
            zmax=1,
            colorscale=BLUES,
            showscale=False,
            texttemplate="%{z:.2f}" if len(names) <= 12 else "",
            hovertemplate="%{x} and %{y}: %{z:.2f}<extra></extra>",
        )
    )
    caption = (
        "Rank correlation of the scores of test user-days: runs that agree closely add little to one "
        "another, and the fused row gains from those that do not."
    )
    return Figure("agree", caption, [Panel("", figure)])


def _cost_plot(table: CommonTable, costs: Mapping[str, Cost]) -> Figure:
    """Return the PR-AUC over the seconds of the fit."""
    rows = [row for row in table.rows if costs.get(row.name, {}).get("seconds")]
    if not rows:
        return Figure("loss", "", [], "no run's folder says what its fit took")
    figure = canvas(
        {"title": "seconds of the fit", "type": "log", "tickvals": _SECONDS},
        {"title": "PR-AUC", "range": [0, 1.04]},
    )
    figure.add_scatter(
        x=[costs[row.name]["seconds"] for row in rows],
        y=[row.pr_auc for row in rows],
        text=[plain(row.name) for row in rows],
        mode="markers+text",
        textposition="top center",
        cliponaxis=False,
        marker={"size": 9, "color": "#0072B2"},
        hovertemplate="%{text}: %{x:.0f} s, PR-AUC %{y:.3f}<extra></extra>",
    )
    caption = "Up and to the left is better: more of the malicious user-days found after less training."
    return Figure("loss", caption, [Panel("", figure)])
