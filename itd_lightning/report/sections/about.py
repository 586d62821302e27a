"""Section "What was run": method, view, split and data of each run."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from itd_lightning.report.parts.numbers import DASH, Cell, count, plural
from itd_lightning.report.parts.tables import Group, Row, Table
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section


class About(Section):
    """Facts of each run: method, view, split, labels, data, and what the split leaks."""

    anchor, link, title = "what", "What was run", "What was run"

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render the facts as one table."""
        return page.fragment("about", runs, about=_about_table(runs))


def _about_table(runs: Sequence[Run]) -> Table:
    """Return the facts of each run: method, view, split and data."""
    facts: dict[str, Callable[[Run], str]] = {
        "Method": lambda run: run.about.method,
        "View": lambda run: f"{run.about.view}; one score a {run.about.grain}",
        "Split": lambda run: run.about.split,
        "Labels": lambda run: _protocol(run, "labels", run.about.labels),
        "Seed": lambda run: str(run.about.seed),
        "Data": _data,
        "Test part": _test_part,
        "Malicious": _by_scenario,
        "Threshold rule": lambda run: _protocol(run, "threshold_rule"),
        "Intervals": lambda run: _protocol(run, "intervals"),
        "What the split leaks": lambda run: run.about.leaks or "nothing that is known",
        "Null attack": _null_attack_warning,
        "Hash of the config": lambda run: run.about.config or DASH,
    }
    rows = [Row(label, [Cell(fact(run)) for run in runs]) for label, fact in facts.items()]
    rows_with_text = [row for row in rows if any(cell.text for cell in row.cells)]
    return Table("What was run", "", [""], [Group("", rows_with_text)])


def _protocol(run: Run, name: str, default: str = DASH) -> str:
    """Return a condition of the run's numbers; the default where there are no numbers."""
    return str(run.evaluation.get("protocol", {}).get(name, default))


def _data(run: Run) -> str:
    """Return the source of the events; a missing store appears by its hash only."""
    manifest = run.store
    mark = f"store fingerprint {run.about.store_fingerprint[:12]}"
    if not manifest:
        return f"store not at hand; {mark}"
    users, events = count(manifest.get("users")), count(manifest.get("events"))
    first, last = (str(manifest.get(name, ""))[:10] for name in ("first", "last"))
    name = f"{'synthetic ' * bool(manifest.get('synthetic'))}{manifest.get('release', 'own logs')}"
    return f"{name}: {events} events of {users} users, {first} to {last}; {mark}"


def _test_part(run: Run) -> str:
    """Return the numbers of units, users and insiders in the test part."""
    counts, noun = run.evaluation.get("counts", {}), plural([run.about.grain])
    if not run.is_evaluated:
        units, users = count(len(run.test_units)), count(run.test_units["user"].n_unique())
        return f"{units} {plural([run.about.grain if run.behaviours is None else 'user-day'])}; {users} users"
    return (
        f"{count(counts.get('units'))} {noun}, of which {count(counts.get('malicious'))} malicious; "
        f"{count(counts.get('users'))} users, of which {count(counts.get('insiders'))} insiders; "
        f"{count(counts.get('validation_units'))} validation {noun}"
    )


def _by_scenario(run: Run) -> str:
    """Return the numbers of malicious units and insiders of each scenario."""
    noun = plural([run.about.grain])
    return "; ".join(
        f"scenario {name}: {count(entry.get('malicious'))} {noun} of {count(entry.get('insiders'))} insiders"
        for name, entry in run.evaluation.get("scenarios", {}).items()
    )


def _null_attack_warning(run: Run) -> str:
    """Return a warning where the answer key is not the true one."""
    days = run.about.moved_days
    return (
        f"every campaign is pretended to have been {days} days earlier: these are numbers of an audit"
        if days
        else ""
    )
