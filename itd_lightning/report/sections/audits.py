"""Section "Audits": one line an audit."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from itd_lightning.report.parts.numbers import Cell, number, number_cell
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section

_ANSWER = {True: "passed", False: "failed", None: "open"}


class _AuditRow(NamedTuple):
    """One line of the audit table."""

    run: str
    name: str
    number: Cell
    reference: str
    answer: str
    verdict: str


class Audits(Section):
    """The audits of all runs as one table, or how to run them."""

    anchor, link, title = "audits", "Audits", "Audits"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether a run is measured."""
        return any(run.is_evaluated for run in runs)

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the table."""
        return page.fragment("audits", runs, audits=_audit_rows(runs))


def _audit_rows(runs: Sequence[Run]) -> list[_AuditRow]:
    """Return all audits of all runs; failed ones are not sorted first, so that runs compare by line."""
    return [
        _AuditRow(
            run=run.name,
            name=audit.name,
            number=number_cell(audit.number, audit.verdict, audit.interval),
            reference="" if audit.reference is None else number(audit.reference),
            answer=_ANSWER[audit.passed],
            verdict=audit.verdict,
        )
        for run in runs
        for audit in run.audits
    ]
