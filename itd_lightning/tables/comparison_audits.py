"""The audits of all methods beside each other, below their common table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from itd_lightning.evaluation.comparison import FUSED, CommonTable
from itd_lightning.runs.folder import Audit

Audits = Mapping[str, Sequence[Audit]]  # by method
ANSWERS = {True: "pass", False: "FAIL", None: "open"}
AUDITS = "Could it be an artefact?"
ASKED = (
    "What `itd audit` asked of the first seed's run when it was made, at the grain of the method: single "
    "behaviours, sequences or days. pass: this artefact was not found; FAIL: it was, or the method is not "
    "shown to beat a count; open: these data cannot tell, or the method is not what decides. The numbers:"
)
MEANINGS = {
    "null attack": "PR-AUC with every campaign moved to a quiet time of its user (of behaviours: all of that "
    "time stand for its events); fails if surely above chance",
    "empty units": "share of harmless test units without an event; fails above one half, or where windows "
    "do not start on the hour",
    "volume": "by how much PR-AUC exceeds that of counting events, or those of the behaviour's day",
    "length": "the same for counting hours with an event, or the behaviours of the sequence",
    "leavers": "mean rank, 0 to 1, of the last days of people who left and did nothing",
    "identity": "ROC-AUC of insiders' malicious days among their own; fails where who it is explains it all",
    "prevalence": "malicious share of test days, relative to all days of that time",
    "exact counts": "PR-AUC of the surplus over a user's usual number alone: a property of the data, by "
    "which no method fails, and to which each may owe something",
    "label shuffle": "p of the PR-AUC among labels given to other users",
    "future": "share of scores that change when later days are cut off",
    "answer key": "the same when later answers are hidden",
}


class Audited(NamedTuple):
    """What the audits of all methods say.

    Attributes:
        names: What was asked, in the order in which it comes up.
        heads: The same below an empty corner; empty where no audit was run.
        meanings: What each number is.
        rows: By method, the answers with their numbers.
        failed: In words, what failed, and who was not asked.
    """

    names: list[str]
    heads: list[str]
    meanings: list[str]
    rows: list[list[str]]
    failed: list[str]


def audited(table: CommonTable, audits: Audits) -> Audited:
    """Put the answers of each method beside each other."""
    asked = {row.name: {one.name: one for one in audits.get(row.name, ())} for row in table.rows}
    names = list(dict.fromkeys(name for found in asked.values() for name in found))
    rows = [[row, *(answer(found.get(name)) for name in names)] for row, found in asked.items() if found]
    failed = [
        f"{row}, {one.name}: {one.verdict}"
        for row, found in asked.items()
        for one in found.values()
        if one.passed is False
    ]
    if silent := [row for row, found in asked.items() if not found and row != FUSED]:
        failed.append(f"Not audited: {', '.join(silent)}.")
    kinds = dict.fromkeys(name.partition(":")[0] for name in names)
    meanings = [f"{kind}: {MEANINGS[kind]}" for kind in kinds if kind in MEANINGS]
    return Audited(names, ["", *names] if names else [], meanings, rows, failed)


def answer(audit: Audit | None) -> str:
    """An answer and its number, shortly; a dash where it was not asked."""
    if audit is None:
        return "-"
    return ANSWERS[audit.passed] + ("" if audit.number is None else f" {audit.number:.2g}")


def answers(audits: Sequence[Audit], names: Sequence[str]) -> dict[str, str | float | None]:
    """The answers of a method and their numbers for a program; null where it was not asked."""
    found = {audit.name: audit for audit in audits}
    told: dict[str, str | float | None] = {}
    for name in names:
        audit = found.get(name)
        told[f"audit_{name}"] = None if audit is None else ANSWERS[audit.passed]
        told[f"audit_{name}_number"] = None if audit is None else audit.number
    return told
