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

    anchor, link, title = "days", "Top user-days", "Top ten user-days"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render one table a run."""
        entries = [(run, _top_days(run)) for run in runs]
        is_marked = any(day["warm_up"] for _, days in entries for day in days)
        warm_up_days = WARM_UP_DAYS if is_marked else None
        return page.fragment("top_days", runs, entries=entries, warm_up_days=warm_up_days)


def _top_days(run: Run) -> list[dict[str, Any]]:
    """Return the highest user-days as rows of a table."""
    days = with_reasons(ranked_days(run.days, count=_COUNT), run.rows, run.about, run.explanations)
    return [
        {**row, "campaign": _campaign_on(run, row["user"], row["day"])} for row in days.iter_rows(named=True)
    ]


def _campaign_on(run: Run, user: str, day: date) -> str:
    """Return the scenario of the campaign that runs on a user's day, or an empty text."""
    campaigns = (one for one in campaign_days(run, user) if one.first <= day <= one.last)
    return next((f"scenario {campaign.scenario}" for campaign in campaigns), "")
