"""The page's tables, as data: groups of rows, and for each measure one cell a run."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from itd_lightning.evaluation.baselines import BASELINES
from itd_lightning.report.parts.numbers import DASH, Cell, count, many, measured
from itd_lightning.report.runs import Run
from itd_lightning.runs.folder import Evaluation

NO_INTERVAL = "fewer than three users have a malicious unit, which says nothing about other users"
MEASURES = {
    "pr_auc": "PR-AUC",
    "base_rate": "Base rate",
    "roc_auc": "ROC-AUC",
    "clean_recall": "Recall before a false alarm",
}
POLICIES = "event: malicious events only, or what holds one; interval: all that overlaps a campaign"
NOT_MEASURED = "this run's evaluation does not hold it"


class Row(NamedTuple):
    """One row: a label, then for each measure one cell a run."""

    label: str
    cells: list[Cell]

    @property
    def agreed(self) -> bool:
        """Whether all cells say the same."""
        return len(set(self.cells)) == 1


class Group(NamedTuple):
    """Rows under one heading; the heading may be empty."""

    title: str
    rows: list[Row]


class Table(NamedTuple):
    """A table in which runs stand side by side under each measure.

    Attributes:
        title: What it is about.
        corner: What the rows are.
        measures: Headings; each spans one column a run.
        groups: The rows.
    """

    title: str
    corner: str
    measures: list[str]
    groups: list[Group]

    @property
    def reasons(self) -> list[str]:
        """Footnotes, in the order in which they first appear."""
        cells = (cell for group in self.groups for row in group.rows for cell in row.cells)
        return list(dict.fromkeys(cell.reason for cell in cells if cell.reason))


def about_table(runs: Sequence[Run]) -> Table:
    """What was run, on what."""
    facts: dict[str, Callable[[Run], str]] = {
        "Method": lambda run: run.about.method,
        "View": lambda run: f"{run.about.view}; one score a {run.about.grain}",
        "Split": lambda run: run.about.split,
        "Labels": lambda run: str(run.evaluation["protocol"].get("labels", run.about.labels)),
        "Seed": lambda run: str(run.about.seed),
        "Data": data,
        "Test part": tested,
        "Malicious": by_scenario,
        "Threshold rule": lambda run: str(run.evaluation["protocol"].get("threshold_rule", DASH)),
        "Intervals": lambda run: str(run.evaluation["protocol"].get("intervals", DASH)),
        "What the split leaks": lambda run: run.about.leaks or "nothing that is known",
        "Null attack": moved,
        "Hash of the config": lambda run: run.about.config or DASH,
    }
    rows = [Row(label, [Cell(fact(run)) for run in runs]) for label, fact in facts.items()]
    kept = [row for row in rows if any(cell.text for cell in row.cells)]
    return Table("What was run", "", [""], [Group("", kept)])


def data(run: Run) -> str:
    """Where the events come from; a store that is not at hand is known by its hash only."""
    known = run.store
    mark = f"store fingerprint {run.about.store_fingerprint[:12]}"
    if not known:
        return f"store not at hand; {mark}"
    users, events = count(known.get("users")), count(known.get("events"))
    first, last = (str(known.get(name, ""))[:10] for name in ("first", "last"))
    name = f"{'synthetic ' * bool(known.get('synthetic'))}{known.get('release', 'own logs')}"
    return f"{name}: {events} events of {users} users, {first} to {last}; {mark}"


def tested(run: Run) -> str:
    """How many units, users and insiders the numbers rest on."""
    counts, noun = run.evaluation.get("counts", {}), many([run.about.grain])
    return (
        f"{count(counts.get('units'))} {noun}, of which {count(counts.get('malicious'))} malicious; "
        f"{count(counts.get('users'))} users, of which {count(counts.get('insiders'))} insiders; "
        f"{count(counts.get('validation_units'))} validation {noun}"
    )


def by_scenario(run: Run) -> str:
    """How many malicious units and insiders each scenario has."""
    noun = many([run.about.grain])
    return "; ".join(
        f"scenario {name}: {count(entry.get('malicious'))} {noun} of {count(entry.get('insiders'))} insiders"
        for name, entry in run.evaluation.get("scenarios", {}).items()
    )


def moved(run: Run) -> str:
    """A warning where the answer key is not the true one."""
    days = run.about.moved_days
    return (
        f"every campaign is pretended to have been {days} days earlier: these are numbers of an audit"
        if days
        else ""
    )


def ranking_tables(runs: Sequence[Run]) -> list[Table]:
    """Threshold-free numbers: of the method, under each label policy, of baselines, pooled.

    One table for one or two runs; two for more, which would not fit beside each other.
    """
    title = f"How well malicious {many([run.about.grain for run in runs])} are ranked"
    halves = [list(MEASURES)] if len(runs) <= 2 else [["pr_auc", "base_rate"], ["roc_auc", "clean_recall"]]
    return [ranking_table(runs, half, title if place == 0 else "") for place, half in enumerate(halves)]


def ranking_table(runs: Sequence[Run], measures: list[str], title: str) -> Table:
    """Some threshold-free numbers of all subjects."""
    subjects = [
        ("This method", method_entries),
        (f"The same scores under each label policy ({POLICIES})", label_entries),
        ("Scores that need no method", baseline_entries),
        ("The same scores at coarser grains", pooled_entries),
    ]
    groups = [
        Group(name, ranked_rows([dict(entries(run.evaluation)) for run in runs], measures))
        for name, entries in subjects
    ]
    return Table(title, "", [MEASURES[name] for name in measures], [group for group in groups if group.rows])


Entries = Iterator[tuple[str, Evaluation]]


def method_entries(result: Evaluation) -> Entries:
    """All scenarios together, then each."""
    yield "all scenarios", {**result, "undefined": result.get("undefined", {}).get("pr_auc", "")}
    for name, entry in result.get("scenarios", {}).items():
        yield f"scenario {name}", entry


def label_entries(result: Evaluation) -> Entries:
    """Each label policy."""
    yield from result.get("labels", {}).items()


def baseline_entries(result: Evaluation) -> Entries:
    """Chance, then how much happened."""
    names = {
        "random": "random scores",
        "events": "number of events",
        "active_hours": "number of active hours",
        "day_events": "number of events on the day",
    }
    known = result.get("baselines", {})
    if "day_events" in known:  # a behaviour is one event; what counts is how many lie around it
        names["events"] = "number of events in the sequence"
    for name in [*BASELINES, *sorted(set(known) - set(BASELINES))]:
        if name in known:
            yield names.get(name, name), known[name]


def pooled_entries(result: Evaluation) -> Entries:
    """User-days, then what lies between: six units in a row, or sessions."""
    pooled = result.get("pooled", {})
    if "user_days" in pooled:
        yield "user-days, highest", pooled["user_days"]
    how = {
        "sum": "sum",
        "max": "highest",
        "top2": "mean of top two",
        "top3": "mean of top three",
    }
    for kind, what in (("sequences", "six in a row"), ("sessions", "sessions")):
        for pool, entry in pooled.get(kind, {}).items():
            yield f"{what}, {how.get(pool, pool)}", entry


def ranked_rows(entries: list[dict[str, Evaluation]], measures: list[str]) -> list[Row]:
    """One row a subject that any run has: run beside run under each measure."""
    labels = dict.fromkeys(label for run in entries for label in run)
    return [
        Row(label, [ranked_cell(run.get(label, {}), name) for name in measures for run in entries])
        for label in labels
    ]


def ranked_cell(entry: Evaluation, name: str) -> Cell:
    """One threshold-free number; only the areas have intervals."""
    reason = entry.get("undefined") or NOT_MEASURED
    interval = (entry.get("intervals") or {}).get(name)
    return measured(entry.get(name), str(reason), interval, NO_INTERVAL if name.endswith("_auc") else "")
