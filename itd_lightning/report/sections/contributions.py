"""Contributions to the highest scores: behaviours as in the store, or windows hour by hour."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from itd_lightning.alerts.behaviours import OBJECT, shorten
from itd_lightning.report.parts.heatmaps import explained_windows
from itd_lightning.report.parts.numbers import DASH
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class Contributions(Section):
    """The highest behaviours of each run, or maps of its highest windows."""

    anchor, link = "why", "Where scores come from"
    title = "Where the highest scores come from"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render a table of behaviours or maps of windows for each run."""
        entries = [(run, _behaviours(run), explained_windows(run)) for run in runs]
        return page.fragment("contributions", runs, entries=entries)


def _behaviours(run: Run) -> list[dict[str, Any]]:
    """Return the highest behaviours, as rows of a table; empty for other units."""
    table = run.behaviours if run.truth.behaviours is None else run.truth.behaviours
    if table is None:
        return []
    answers = {True: "yes", False: "no", None: DASH}
    return [
        {
            **row,
            "object": shorten(row["object"] or DASH, OBJECT),
            "malicious": answers[row.get("malicious")],
        }
        for row in table.iter_rows(named=True)
    ]
