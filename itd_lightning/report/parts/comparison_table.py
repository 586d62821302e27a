"""Cells of the table of all methods on common user-days, as text: for the report and for its own files."""

from collections.abc import Mapping

from itd_lightning.evaluation.comparison import HEADLINE_BUDGET, CommonTable, MethodRow
from itd_lightning.metrics.operating import BUDGETS

Cost = Mapping[str, float]  # seconds, cpu_seconds and gib of a method's fit, where they are known

_HEADS = (
    "PR-AUC (95 %)",
    "behind the best",
    "ROC-AUC",
    *(f"recall at {budget} a day" for budget in BUDGETS),
    f"found at {HEADLINE_BUDGET} a day",
    "days until found",
)


def heads(table: CommonTable) -> list[str]:
    """Return the heads of the columns; the first has none."""
    return ["", *_HEADS, *(f"scenario {name}" for name in table.scenarios), "fit s", "GiB"]


def notes(table: CommonTable) -> list[str]:
    """Return notes on how to read the table."""
    return [_summary(table), *([_fusion_note(table)] if len(table.weights) > 1 else [])]


def cells(row: MethodRow, table: CommonTable, cost: Cost) -> list[str]:
    """Return one row of the table, as text."""
    spread = "" if row.seeds == 1 else f" [{row.spread[0]:.3f}, {row.spread[1]:.3f}]"
    span = "" if row.interval is None else f" ({row.interval[0]:.2f}-{row.interval[1]:.2f})"
    return [
        row.name,
        f"{row.pr_auc:.3f}{spread}{span}",
        _lag(row),
        f"{row.roc_auc:.3f}",
        *(f"{row.recall[budget]:.2f}" for budget in BUDGETS),
        f"{row.insiders_found} of {table.insiders}",
        "-" if row.days_until_found is None else f"{row.days_until_found:g}",
        *(f"{row.scenarios[name]:.3f}" for name in table.scenarios),
        f"{cost['seconds']:.0f}" if "seconds" in cost else "-",
        f"{cost['gib']:.1f}" if "gib" in cost else "-",
    ]


def _lag(row: MethodRow) -> str:
    """Return the difference to the best method, and whether chance among users could explain it."""
    if row.behind is None:
        return "-"
    low, high = row.behind
    return f"{low:.2f} to {high:.2f}" if low > 0 else f"not shown ({low:.2f} to {high:.2f})"


def _summary(table: CommonTable) -> str:
    """Return the numbers of user-days and insiders, and the meaning of the columns."""
    counts = ", ".join(f"{count} of scenario {name}" for name, count in table.scenarios.items())
    return (
        f"{table.user_days:,} test user-days of {table.users} users, about {table.per_day:.0f} a day; "
        f"{table.malicious} are malicious ({counts}), of {table.insiders} insiders, so chance has PR-AUC "
        f"{table.malicious / table.user_days:.3f}. "
        "PR-AUC is average precision, the mean over seeds [least, greatest]; all else is of the first seed: "
        "in brackets the 95 % interval over users; behind the best, that of the difference of PR-AUC, paired "
        "over the same draws of users, not shown where it reaches 0. A scenario's numbers are PR-AUC of its "
        "days among all harmless ones; fit s and GiB are what training took. No method is behind the rows "
        "random, number of events, and days before the last: how near a day is to its user's last one."
    )


def _fusion_note(table: CommonTable) -> str:
    """Return the weights of the fused row."""
    shares = sorted(table.weights.items(), key=lambda item: -item[1])
    weights = ", ".join(f"{name} {share:.2f}" for name, share in shares if share >= 0.005)
    return (
        "Fused: the weighted sum of conformal surprises, -log of the share of harmless validation days that "
        f"score as high or higher; weights from validation days: {weights}."
    )
