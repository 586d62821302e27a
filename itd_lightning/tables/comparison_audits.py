"""The audits of all methods beside each other, below their common table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from itd_lightning.audits import AUDITS
from itd_lightning.contracts.results import AuditResult
from itd_lightning.evaluation.comparison import FUSION, CommonTable

ResultsByMethod = Mapping[str, Sequence[AuditResult]]
_ANSWERS = {True: "pass", False: "FAIL", None: "open"}
TITLE = "Could it be an artefact?"
INTRODUCTION = (
    "What `itd audit` asked of the first seed's run when it was made, at the grain of the method: single "
    "behaviours, sequences or days. pass: this artefact was not found; FAIL: it was, or the method is not "
    "shown to beat a count; open: these data cannot tell, or the method is not what decides. The numbers:"
)


class AuditTable(NamedTuple):
    """The audits of all methods.

    Attributes:
        names: Names of the results, in the order in which they come up.
        heads: The same below an empty corner; empty where no audit was run.
        meanings: Legend: what the number of each audit means; the last line names unknown audits.
        rows: By method, the answers with their numbers.
        failures: In words, what failed, and which methods were not audited.
    """

    names: list[str]
    heads: list[str]
    meanings: list[str]
    rows: list[list[str]]
    failures: list[str]


def audit_table(table: CommonTable, results: ResultsByMethod) -> AuditTable:
    """Put the answers of each method beside each other."""
    methods = {row.name: {result.name: result for result in results.get(row.name, ())} for row in table.rows}
    names = list(dict.fromkeys(name for by_name in methods.values() for name in by_name))
    rows = [
        [method, *(_answer(by_name.get(name)) for name in names)]
        for method, by_name in methods.items()
        if by_name
    ]
    failures = [
        f"{method}, {result.name}: {result.verdict}"
        for method, by_name in methods.items()
        for result in by_name.values()
        if result.passed is False
    ]
    if silent := [method for method, by_name in methods.items() if not by_name and method != FUSION]:
        failures.append(f"Not audited: {', '.join(silent)}.")
    return AuditTable(names, ["", *names] if names else [], legend(names), rows, failures)


def legend(names: Sequence[str]) -> list[str]:
    """Return the meanings of audits; those that this program does not have are named in the last line."""
    meanings = {audit.name: audit.meaning for audit in AUDITS}
    kinds = list(dict.fromkeys(name.partition(":")[0] for name in names))
    unknown = [kind for kind in kinds if kind not in meanings]
    lines = [f"{kind}: {meanings[kind]}" for kind in kinds if kind in meanings]
    if unknown:
        lines.append(f"{', '.join(unknown)}: unknown to this program, so the meaning is not given here")
    return lines


def _answer(result: AuditResult | None) -> str:
    """Return an answer and its number in a few letters; a dash where the audit was not run."""
    if result is None:
        return "-"
    return _ANSWERS[result.passed] + ("" if result.number is None else f" {result.number:.2g}")


def answer_columns(results: Sequence[AuditResult], names: Sequence[str]) -> dict[str, str | float | None]:
    """Return the answers of a method and their numbers as columns; null where an audit was not run."""
    by_name = {result.name: result for result in results}
    columns: dict[str, str | float | None] = {}
    for name in names:
        result = by_name.get(name)
        columns[f"audit_{name}"] = None if result is None else _ANSWERS[result.passed]
        columns[f"audit_{name}_number"] = None if result is None else result.number
    return columns
