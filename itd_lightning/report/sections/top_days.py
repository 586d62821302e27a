"""The user-days with the highest scores."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from markupsafe import Markup

from itd_lightning.alerts.lists import ranked_days, with_reasons
from itd_lightning.contracts.history import WARM_UP_DAYS
from itd_lightning.report.parts.campaigns import campaign_days
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section

_COUNT = 10  # user-days of each run


class TopDays(Section):
    """The ten highest user-days of each run, with the main contributions to each score."""

    anchor, link, title = "days", "Look at these first", "Look at these user-days first"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render one table a run."""
        entries = [(run, top_days(run)) for run in runs]
        is_marked = any(day["warm_up"] for _, days in entries for day in days)
        knows = any(run.is_evaluated for run in runs)
        warm_up_days = WARM_UP_DAYS if is_marked else None
        return page.fragment(
            "top_days", runs, entries=entries, warm_up_days=warm_up_days, knows_campaigns=knows
        )


def top_days(run: Run) -> list[dict[str, Any]]:
    """Return the highest user-days as rows of a table; ``anchor`` is where the page tells of their user."""
    days = with_reasons(ranked_days(run.days, count=_COUNT), run.rows, run.about, run.explanations)
    users = days["user"].unique(maintain_order=True).to_list()
    return [
        {
            **row,
            "campaign": _campaign_on(run, row["user"], row["day"]),
            "anchor": f"user-{1 + users.index(row['user'])}",
        }
        for row in days.iter_rows(named=True)
    ]


def _campaign_on(run: Run, user: str, day: date) -> str:
    """Return the scenario of the campaign that runs on a user's day, or an empty text."""
    campaigns = (one for one in campaign_days(run, user) if one.first <= day <= one.last)
    return next((f"scenario {campaign.scenario}" for campaign in campaigns), "")
