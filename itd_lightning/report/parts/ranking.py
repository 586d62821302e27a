"""Tables of threshold-free numbers: of the method, under each label policy, of baselines, pooled."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from itd_lightning.contracts.results import Evaluation, Numbers
from itd_lightning.evaluation.baselines import BASELINES
from itd_lightning.report.parts.numbers import Cell, number_cell, plural
from itd_lightning.report.parts.tables import NO_INTERVAL, NOT_MEASURED, Group, Row, Table
from itd_lightning.report.runs import Run

_MEASURES = {
    "pr_auc": "PR-AUC",
    "base_rate": "Base rate",
    "roc_auc": "ROC-AUC",
    "clean_recall": "Recall before a false alarm",
}
_Entries = Iterator[tuple[str, Numbers]]
_POLICIES = "event: malicious events only, or what holds one; interval: all that overlaps a campaign"


def ranking_tables(runs: Sequence[Run]) -> list[Table]:
    """Return the threshold-free numbers: of the method, under each label policy, of baselines, pooled.

    One table for one or two runs; two for more, which would not fit beside each other.
    """
    title = f"How well malicious {plural([run.about.grain for run in runs])} are ranked"
    columns = [list(_MEASURES)] if len(runs) <= 2 else [["pr_auc", "base_rate"], ["roc_auc", "clean_recall"]]
    return [_ranking_table(runs, names, title if place == 0 else "") for place, names in enumerate(columns)]


def _ranking_table(runs: Sequence[Run], measures: list[str], title: str) -> Table:
    """Return some threshold-free numbers of all subjects."""
    has_warm_up = any(warm_up_units(run) for run in runs)
    subjects: list[tuple[str, Callable[[Evaluation], _Entries]]] = [
        ("This method", partial(_method_entries, has_warm_up=has_warm_up)),
        (f"The same scores under each label policy ({_POLICIES})", _label_entries),
        ("Scores that need no method", _baseline_entries),
        ("The same scores at coarser grains", _pooled_entries),
    ]
    groups = [
        Group(name, _subject_rows([dict(entries(run.evaluation)) for run in runs], measures))
        for name, entries in subjects
    ]
    return Table(title, "", [_MEASURES[name] for name in measures], [group for group in groups if group.rows])


def warm_up_units(run: Run) -> int:
    """Return the number of a run's test units in warm-up; 0 where its evaluation does not say."""
    warm_up = run.evaluation.get("warm_up")
    return (warm_up["units"] or 0) if warm_up else 0


def _method_entries(result: Evaluation, has_warm_up: bool) -> _Entries:
    """Yield all scenarios together, also without units in warm-up where a run has any; then each."""
    yield "all scenarios", {**result, "undefined": result.get("undefined", {}).get("pr_auc", "")}
    if has_warm_up and (warm_up := result.get("warm_up")):
        yield "without units in warm-up", warm_up["without"]
    for name, entry in result.get("scenarios", {}).items():
        yield f"scenario {name}", entry


def _label_entries(result: Evaluation) -> _Entries:
    """Yield each label policy."""
    yield from result.get("labels", {}).items()


def _baseline_entries(result: Evaluation) -> _Entries:
    """Return chance, then the volume baselines."""
    names = {
        "random": "random scores",
        "events": "number of events",
        "active_hours": "number of active hours",
        "day_events": "number of events on the day",
        "oracle": "ceiling: an oracle that knows every malicious event",
    }
    baselines = result.get("baselines", {})
    if "day_events" in baselines:  # a behaviour is one event; what counts is how many lie around it
        names["events"] = "number of events in the sequence"
    for name in [*BASELINES, *sorted(set(baselines) - set(BASELINES))]:
        if name in baselines:
            yield names.get(name, name), baselines[name]


def _pooled_entries(result: Evaluation) -> _Entries:
    """Return user-days, then the grain in between: six units in a row, or sessions."""
    pooled: Numbers = result.get("pooled", {})
    if "user_days" in pooled:
        yield "user-days, highest", pooled["user_days"]
    how = {
        "sum": "sum",
        "max": "highest",
        "top2": "mean of top two",
        "top3": "mean of top three",
    }
    for kind, label in (("sequences", "six in a row"), ("sessions", "sessions")):
        for pool, entry in pooled.get(kind, {}).items():
            yield f"{label}, {how.get(pool, pool)}", entry


def _subject_rows(entries: list[dict[str, Numbers]], measures: list[str]) -> list[Row]:
    """Return one row per subject of any run: run beside run under each measure."""
    labels = dict.fromkeys(label for run in entries for label in run)
    return [
        Row(label, [_number_of(run.get(label, {}), name) for name in measures for run in entries])
        for label in labels
    ]


def _number_of(entry: Numbers, name: str) -> Cell:
    """Return one threshold-free number; only the areas have intervals."""
    reason = entry.get("undefined") or NOT_MEASURED
    interval = (entry.get("intervals") or {}).get(name)
    return number_cell(entry.get(name), str(reason), interval, NO_INTERVAL if name.endswith("_auc") else "")
