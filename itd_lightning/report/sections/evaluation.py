"""The numbers of the evaluation: rankings, results at the threshold, and short lists."""

from collections.abc import Sequence

from markupsafe import Markup

from itd_lightning.report.parts.budgets import daily_table, operating_table, share_table
from itd_lightning.report.parts.numbers import count, plural
from itd_lightning.report.parts.ranking import ranking_tables, warm_up_units
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class Numbers(Section):
    """Tables of all numbers, with intervals, and with a reason where one is missing."""

    anchor, link, title = "numbers", "Evaluation", "Evaluation"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether a run is measured."""
        return any(run.is_evaluated for run in runs)

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the rankings, then three small tables side by side."""
        small = [operating_table(runs), share_table(runs), daily_table(runs)]
        notes = [_warm_up_note(run) for run in runs if warm_up_units(run)]
        return page.fragment("evaluation", runs, ranking=ranking_tables(runs), small=small, notes=notes)


def _warm_up_note(run: Run) -> str:
    """Return how many of a run's test units are in warm-up, and what that means, in one sentence."""
    warm_up, units = run.evaluation["warm_up"], run.evaluation["counts"]["units"]
    return (
        f"{run.name}: {count(warm_up['units'])} of {count(units)} test {plural([run.about.grain])} are in "
        f"warm-up: their users had fewer than {warm_up['active_days']} active days before."
    )
