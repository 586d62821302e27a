"""The numbers of the evaluation: rankings, results at the threshold, and short lists."""

from collections.abc import Sequence

from markupsafe import Markup

from itd_lightning.report.parts.budgets import daily_table, operating_table, share_table
from itd_lightning.report.parts.ranking import ranking_tables
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class Numbers(Section):
    """Tables of all numbers, with intervals, and with a reason where one is missing."""

    anchor, link, title = "numbers", "Evaluation", "Evaluation"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the rankings, then three small tables side by side."""
        small = [operating_table(runs), share_table(runs), daily_table(runs)]
        return page.fragment("evaluation", runs, ranking=ranking_tables(runs), small=small)
