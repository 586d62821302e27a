"""What was run, on what."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from itd_lightning.report.parts.numbers import DASH, Cell, count, many
from itd_lightning.report.parts.tables import Group, Row, Table
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class About(Section):
    """Facts of each run: method, view, split, labels, data, and what the split leaks."""

    anchor, link, title = "what", "What was run", "What was run"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the facts as one table."""
        return page.fragment("about", runs, about=about_table(runs))


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
