"""Tables of alarms at the threshold, and of short lists under a budget."""

from collections.abc import Callable, Sequence

from itd_lightning.contracts.results import Numbers
from itd_lightning.report.parts.numbers import DASH, Cell, number_cell, plural
from itd_lightning.report.parts.tables import NO_INTERVAL, NOT_MEASURED, Group, Row, Table
from itd_lightning.report.runs import Run

_HEADLINE = {
    "precision": "Precision",
    "recall": "Recall (detection rate)",
    "fpr": "False positive rate",
    "f1": "F1",
    "accuracy": "Accuracy",
}


def operating_table(runs: Sequence[Run]) -> Table:
    """Return the numbers at the threshold: everything above it is an alarm."""
    rows = [Row("Threshold", [_operating_cell(run.evaluation, "threshold") for run in runs])]
    rows += [
        Row(label, [_operating_cell(run.evaluation, name) for run in runs])
        for name, label in _HEADLINE.items()
    ]
    return Table("At the threshold", "", [""], [Group("", rows)])


def _operating_cell(result: Numbers, name: str) -> Cell:
    """Return one number at the threshold."""
    reason = str(result.get("undefined", {}).get(name, NOT_MEASURED))
    footnote = "" if name == "threshold" else NO_INTERVAL
    return number_cell(result.get(name), reason, result["intervals"].get(name), footnote)


def share_table(runs: Sequence[Run]) -> Table:
    """Return the detection rate among the highest scores."""
    units = plural([run.about.grain for run in runs])
    shares = dict.fromkeys(share for run in runs for share in _budget(run, "share"))
    rows = [
        Row(
            f"highest {100 * float(share):.0f} % of {units}",
            [_positives_cell(_budget(run, "share").get(share), run) for run in runs],
        )
        for share in shares
    ]
    return Table(f"Recall within a share of all {units}", "", ["Recall"], [Group("", rows)])


def daily_table(runs: Sequence[Run]) -> Table:
    """Return the results of daily lists of user-days."""
    sizes = dict.fromkeys(size for run in runs for size in _budget(run, "per_day"))
    columns: dict[str, Callable[[Numbers, Run], Cell]] = {
        "Recall": lambda entry, run: _positives_cell(entry.get("recall"), run),
        "Precision": lambda entry, run: _positives_cell(entry.get("precision"), run),
        "Insiders found": _insiders,
        "Median days until found": _days_until_found,
    }
    rows = [
        Row(
            f"{size} user-day{'' if size == '1' else 's'} a day",
            [cell(_budget(run, "per_day").get(size) or {}, run) for cell in columns.values() for run in runs],
        )
        for size in sizes
    ]
    return Table("Daily lists for an analyst", "", list(columns), [Group("", rows)])


def _budget(run: Run, kind: str) -> Numbers:
    """Return the numbers of one kind of budget, by its size."""
    budgets: Numbers = run.evaluation.get("budgets", {})
    sizes: Numbers = budgets.get(kind, {})
    return sizes


def _positives_cell(value: float | int | None, run: Run) -> Cell:
    """Return a number whose only reason to be undefined is that the test part has no malicious unit."""
    return number_cell(value, str(run.evaluation.get("undefined", {}).get("pr_auc", NOT_MEASURED)))


def _insiders(entry: Numbers, run: Run) -> Cell:
    """Return the number of insiders that a list finds."""
    count = entry.get("insiders_found")
    return _positives_cell(None, run) if count is None else Cell(f"{count} of {entry.get('insiders', DASH)}")


def _days_until_found(entry: Numbers, run: Run) -> Cell:
    """Return the days until an insider is found."""
    if not entry:
        return _positives_cell(None, run)
    return number_cell(entry.get("days_until_found"), "no insider is found within this list")
