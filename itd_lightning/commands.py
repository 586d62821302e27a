"""The commands beside training: each function is one, its signature the options, its docstring the help."""

import re
import sys
from collections.abc import Sequence
from datetime import date
from functools import partial
from json import dumps
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import monotonic
from typing import Literal

from jsonargparse.typing import register_type
from rich.progress import TaskID
from rich.table import Table

from itd_lightning.contracts.errors import FailedAuditsError, InputError
from itd_lightning.executors import Place
from itd_lightning.terminal import (
    column,
    console,
    costs,
    describe,
    progress,
    result_table,
    safe,
)

register_type(date, str, date.fromisoformat)


def synth(
    out: Path,
    release: str = "r4.2",
    users: int = 100,
    days: int = 120,
    seed: int = 0,
    start: date = date(2010, 1, 2),
    insiders: float = 0.07,
    workers: int = 1,
) -> None:
    """Write a synthetic release in the genuine layout, with people, answer key and planted scenarios.

    Args:
        out: Folder to make; must not exist, or be empty.
        release: Release whose layout and scenarios are written: r4.1, r4.2, r5.1, r5.2, r6.1 or r6.2.
        users: Number of employees, 8 to 9,000.
        days: Number of days, at least 28; insider scenarios take up to two months, since r5 up to five.
        seed: Equal seeds give equal files, byte for byte, for any number of workers.
        start: First day.
        insiders: Share of users who are insiders, at least one for each scenario of the release; 0 for none.
        workers: Processes that write at the same time.
    """
    from itd_lightning.cert.synth import write_release

    with progress() as bar:
        task = bar.add_task("writing days", total=None, note="")
        try:
            rows = write_release(
                out,
                release,
                users,
                days,
                seed,
                start,
                insiders,
                workers,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
        except (ValueError, FileExistsError) as error:
            raise InputError(str(error)) from error
    console().print(
        f"{out}: synthetic {release}, {users} users, {days} days, {sum(rows.values()):,} events",
        highlight=False,
    )


def prepare(
    sources: list[Path],
    store: Path,
    release: str = "auto",
    answers: Path | None = None,
    append: bool = False,
    no_content: bool = False,
    content: str | None = None,
    shards: int | None = None,
    memory: float | None = None,
    workers: int = 1,
    executor: Place = "local",
) -> None:
    """Read a release into an event store; print what was read, kept and refused.

    A build that was interrupted goes on when the same command is given again.

    Args:
        sources: Folder or .tar.bz2 of the release; several, if it lies in parts of different times.
        store: Folder to make; with --append, the store to add to.
        release: r4.1, r4.2, r5.1, r5.2, r6.1 or r6.2; auto recognises it by its files and its name.
        answers: Folder or .tar.bz2 of the key; default: answers/ of the release, answers.tar.bz2 beside it.
        append: Add to a store that is there; only the shards of users with new events are written again.
        no_content: Leave the text of mails, pages and files out.
        content: Keep the text of these kinds of event only, such as email_send,file_copy; default: of all.
        shards: Number of parts, by user; default: by size and memory.
        memory: GiB that all workers together may use, about; default: 1.5 for each.
        workers: Processes that read and sort at the same time; the store does not depend on it.
        executor: local, or ray: the cluster that RAY_ADDRESS names, which must see the same files.
    """
    from itd_lightning.events.build import build
    from itd_lightning.events.estimate import estimate
    from itd_lightning.events.inspect import refusals
    from itd_lightning.events.plan import plan_build
    from itd_lightning.events.store import Store

    if no_content and content is not None:
        raise InputError("--no-content and --content exclude one another")
    kinds = [] if no_content else None if content is None else content.split(",")
    plan = plan_build(sources, store, release, answers, shards, memory, workers, kinds, append)
    cost = estimate(plan, workers)
    say = console().print
    guess = " (a guess: an archive does not tell)" if any(source.archived for source in plan.sources) else ""
    say(f"{plan.release.name}: {costs(*cost)}{guess}", highlight=False, soft_wrap=True)
    if cost.building > cost.free:
        say("[yellow]this disk may be too small[/]")
    with progress() as bar:
        tasks: dict[str, TaskID] = {}
        began: dict[str, float] = {}

        def show(what: str, done: int, total: int, rows: int) -> None:
            if what not in tasks:
                tasks[what], began[what] = bar.add_task(what, total=total, note=""), monotonic()
            rate = rows / max(monotonic() - began[what], 0.001)
            bar.update(tasks[what], completed=done, note=f"{rows:,} rows, {rate:,.0f} a second")

        manifest = build(plan, workers, executor, show)
    table = Table(
        "log",
        *[column(name) for name in ("read", "kept", "refused")],
        title=safe(f"{' + '.join(map(str, sources))} -> {store}"),
    )
    added = manifest["sources"][-len(sources) :]
    for name in manifest["logs"]:
        counts = (sum(log[name][what] for log in added) for what in ("read", "kept", "rejected"))
        table.add_row(name, *(f"{count:,}" for count in counts))
    say(table)
    refused = refusals(Store(store), last=len(sources))
    if refused:
        say(
            f"refused: {refused}; see {store}/rejects/rejects.parquet",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
    describe(Store(store))


def inspect(store: Path) -> None:
    """Print what is in a store: users, days, events by kind, gaps, campaigns; which views can be built.

    Args:
        store: Event store, as `itd prepare` writes it.
    """
    from itd_lightning.events.inspect import summarise
    from itd_lightning.events.store import Store

    opened = Store(store)
    summary = summarise(opened)
    table = Table(
        "kind", column("events"), column("users"), column("first"), column("last"), title=safe(str(store))
    )
    for row in summary.kinds.iter_rows(named=True):
        table.add_row(
            row["kind"], f"{row['events']:,}", str(row["users"]), str(row["first"]), str(row["last"])
        )
    console().print(table)
    describe(opened)
    say = console().print
    say(f"days: {summary.days} with events, {summary.silent_days} without, between the first and the last")
    if summary.campaigns is not None and len(summary.campaigns):
        table = Table(
            "scenario", column("campaigns"), column("shortest"), column("longest"), title="campaigns"
        )
        for row in summary.campaigns.iter_rows(named=True):
            table.add_row(*(str(value) for value in row.values()))
        say(table)
    for view, missing in summary.views.items():
        say(
            f"view {view}: "
            + ("can be built" if not missing else f"cannot be built, no {', '.join(missing)}")
        )


def thin(store: Path, out: Path, share: float = 0.1, seed: int = 0) -> None:
    """Copy a store without a random share of its events, to see which results rest on exact counts.

    In genuine CERT r4.2 a user visits the same number of pages on nearly every working day, and planted
    visits come on top; random gaps hide that, and nothing else.

    Args:
        store: Event store.
        out: Store to make.
        share: Chance of each event to be lost; logons and devices stay, since they come in pairs.
        seed: Equal seeds lose the same events.
    """
    from itd_lightning.events.store import Store
    from itd_lightning.events.thinned import thin_store

    before = Store(store).manifest["events"]
    made = thin_store(store, out, share, seed)
    say = f"{made.path}: {made.data}; {made.manifest['events']:,} of {before:,} events"
    console().print(say, highlight=False, markup=False, soft_wrap=True)


def evaluate(
    scores: list[Path],
    store: Path | None = None,
    labels: Literal["event", "interval", "user"] | None = None,
    json: bool = False,
) -> None:
    """Measure score tables against the answer key, side by side.

    Args:
        scores: Score tables, or run folders that hold one.
        store: Event store with the key; default: the one that the scores name.
        labels: Which units count as malicious; default: the policy of the run's split.
        json: Print JSON instead of a table.
    """
    from itd_lightning.evaluation.evaluate import evaluate as measure

    results = {str(path): measure(score_file(path), store, labels) for path in scores}
    if json:
        sys.stdout.write(dumps(results, indent=1) + "\n")
        return
    for name, result in results.items():
        console().print(result_table(name, result))


def audit(
    run: Path, null: bool = True, future: bool = True, retrain: bool = False, strict: bool = False
) -> None:
    """Ask whether a run's result could be an artefact; write RUN/audit.json and print verdicts.

    The null attack moves each campaign to a quiet time of the same user. Where the split depends on the
    campaigns, that means training once more, in RUN/audit/null. The future probe scores the run again on a
    copy of the store that ends within the test days and hides their answers: no earlier score may change.

    Args:
        run: Folder of a run that was fitted and tested.
        null: Whether to run the null attack.
        future: Whether to run the future probe.
        retrain: Train on that copy, too, which finds what came from later days in training; takes as long.
        strict: Exit with status 1 if any audit fails; one that stays open does not count.
    """
    from itd_lightning.evaluation.audit import audit_scores
    from itd_lightning.evaluation.evaluate import evaluate as measure
    from itd_lightning.evaluation.evaluate import write_json
    from itd_lightning.future_probe import probe_future
    from itd_lightning.null_attack import null_attack
    from itd_lightning.terminal_tables import audit_table

    if retrain and not future:
        raise InputError("--retrain is part of the future probe, which --future false leaves out")
    scores = score_file(run)
    true = measure(scores)
    moved, reason = null_attack(scores) if null else (None, "left out on request")
    audits = audit_scores(scores, true, moved, reason)
    if future:
        audits += probe_future(scores, retrain=retrain)
    write_json(scores.parent / "audit.json", {"audits": [entry._asdict() for entry in audits], "null": moved})
    console().print(audit_table(str(run), audits))
    if strict and (failed := [entry.name for entry in audits if entry.passed is False]):
        raise FailedAuditsError(f"{len(failed)} of {len(audits)} audits failed: {', '.join(failed)}")


def threshold(
    run: Path, budget: str | None = None, fpr: float | None = None, fdr: float | None = None
) -> None:
    """Choose from which score on a user-day is an alarm; write RUN/threshold.json and print what it means.

    The threshold comes from validation scores, by one rule; nothing is trained. A user-day scores as its
    highest unit. `itd evaluate`, `itd alerts` and `itd report` use it until another one is chosen, and
    RUN/evaluation.json is written anew.

    Args:
        run: Folder of a run that was tested on a split with a validation part.
        budget: `10/day`: at most ten validation user-days a day lie above it, on average.
        fpr: At most this share of the harmless validation user-days lies above it.
        fdr: At most this share of the test user-days above it is expected to be harmless, by p-values.
    """
    from itd_lightning.evaluation.alarm_days import known, set_threshold
    from itd_lightning.evaluation.evaluate import evaluate as measure
    from itd_lightning.evaluation.evaluate import write_json
    from itd_lightning.evaluation.thresholds import rule
    from itd_lightning.scores.table import scan_scores
    from itd_lightning.terminal_tables import threshold_table

    scores = score_file(run)
    given = rule(budget, fpr, fdr)
    chosen = set_threshold(scores, given)
    if known(Path(scan_scores(scores)[1].store)):
        write_json(scores.parent / "evaluation.json", measure(scores))
    say = partial(console().print, highlight=False, soft_wrap=True)
    say(threshold_table(str(run), chosen))
    say(f"rule: {given.words}")
    apart = f"validation and test scores lie {chosen.drift.distance:.2f} apart, p = {chosen.drift.chance:.3f}"
    say(
        f"[yellow]drift:[/] {apart}; what holds on validation need not hold on test"
        if chosen.drifted
        else f"drift: none to warn of, {apart}"
    )
    if not chosen.test.alarms:
        say("[yellow]no test user-day is an alarm[/]")


def report(runs: list[Path], out: Path, user: str = "") -> None:
    """Write one HTML page about one or several runs; it works offline.

    Args:
        runs: Folders of runs that were tested; audits are shown where there are any.
        out: Folder to write report.html into.
        user: Whose trajectory is drawn, for runs of the view `trajectories`; default: the highest scorer's.
    """
    from itd_lightning.report import write_report

    console().print(str(write_report(runs, out, user)), highlight=False, soft_wrap=True)


def alerts(run: Path, budget: str | None = None) -> None:
    """List the user-days that an analyst should look at first, with what contributed most to each.

    Without a budget, these are the ones above the threshold that `itd threshold` chose, day by day where it
    is one of so many a day; the ten highest of all where none was chosen.

    Args:
        run: Folder of a run that was tested, or its score table.
        budget: How many: `10` for the ten highest of all, `10/day` for the ten highest of each day.
    """
    from itd_lightning.evaluation.alarm_days import with_p_values
    from itd_lightning.evaluation.thresholds import home, read_threshold
    from itd_lightning.report.alerts import top_days
    from itd_lightning.scores.table import SCORED, scan_scores
    from itd_lightning.terminal_tables import alert_table

    if budget is not None and not re.fullmatch(r"[1-9]\d*(/day)?", budget):
        raise InputError(f"budget must be a number, or a number and /day, got {budget!r}")
    folder, words = run if run.is_dir() else run.parent, ""
    checkpoint = scan_scores(folder / SCORED)[1].checkpoint
    stored = read_threshold(folder, checkpoint) if budget is None else None
    if stored is None:
        listed = budget or "10"
        days = top_days(folder, int(listed.removesuffix("/day")), daily=listed.endswith("/day"))
    else:
        days = top_days(folder, sys.maxsize, daily=stored.kind == "budget", above=stored.threshold)
        days = with_p_values(days, home(folder) / SCORED)
        words = f"{len(days):,} user-days above the threshold: {stored.words}"
    console().print(alert_table(str(run), days, words))


def reproduce(
    table: Path, store: Path, out: Path = Path("runs/reproduce"), jobs: int = 1, overlay: str | None = None
) -> None:
    """Repeat a paper's table cell by cell, beside its YAML; cells that are done are skipped.

    Args:
        table: YAML of the table, such as experiments/mask_value/table1.yaml.
        store: Event store.
        out: Folder for the runs.
        jobs: Cells that run at the same time.
        overlay: Name of an overlay for every config, such as slice; the table's name gets it, too.
    """
    from itd_lightning.reproduce import FailedCellsError, reproduce_table

    say = partial(console().print, highlight=False, markup=False, soft_wrap=True)
    try:
        say(reproduce_table(table, store, out, jobs, overlay))
    except FailedCellsError as error:
        say(error.text)
        raise


def sweep(space: Path, store: Path, out: Path = Path("runs/sweep"), trials: int = 20, seed: int = 0) -> None:
    """Search a method's settings by validation loss, offline; a search that was interrupted goes on.

    Args:
        space: YAML of a W&B sweep, such as experiments/rmsl/sweep.yaml.
        store: Event store.
        out: Folder for the fits and sweep.csv.
        trials: How many settings are tried in all.
        seed: Equal seeds try the same settings.
    """
    from itd_lightning.sweep import search

    found = search(space, store, out, trials, seed)
    table = Table(*[column(name) for name in found.columns], title=safe(f"{space}: {len(found)} settings"))
    for row in found.head(10).iter_rows():
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    console().print(table)


def track(run: Path) -> None:
    """Add what was measured of a run to its W&B dashboard: curves, scores, alerts, evaluation, audits.

    The fit must have been tracked: `itd fit ... --config configs/overlays/wandb.yaml`. People are numbers
    there. A run that is tracked offline is sent by `wandb sync`.

    Args:
        run: Folder of a run that was fitted and tested.
    """
    from itd_lightning.experiment import tracked_in
    from itd_lightning.report.dashboard import publish

    checkpoint = run / "checkpoints" / "best.ckpt"
    tracked = tracked_in(checkpoint)
    if tracked is None:
        raise InputError(f"{run} was not tracked; fit it with --config configs/overlays/wandb.yaml")
    publish(run, tracked)
    where = "wandb/, offline" if tracked.offline else "online"
    console().print(f"{run}: added to W&B run {tracked.id} ({where})", highlight=False, markup=False)


def cost(seconds: float) -> dict[str, float]:
    """What this process took so far: CPU seconds and most memory, beside its wall seconds."""
    used, unit = getrusage(RUSAGE_SELF), 2**30 if sys.platform == "darwin" else 2**20  # bytes there, KiB here
    took = {"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "gib": used.ru_maxrss / unit}
    return {name: round(value, 2) for name, value in took.items()}


def score_file(path: Path) -> Path:
    """The score table of a run folder; or the path itself, if it is no folder."""
    return path / "scores.parquet" if path.is_dir() else path


def train(args: Sequence[str]) -> None:
    """Run `fit`, `validate`, `test` or `predict`; after `test`, evaluate where there is a key."""
    from itd_lightning.evaluation.evaluate import evaluate as measure
    from itd_lightning.evaluation.evaluate import write_json
    from itd_lightning.evaluation.pieces import length
    from itd_lightning.events.store import Store
    from itd_lightning.experiment import train as run_experiment
    from itd_lightning.scores.table import scan_scores

    began = monotonic()
    try:
        cli = run_experiment(args)
    except SystemExit as stop:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt if stop.code == 1 else stop from stop
    folder = Path(cli.trainer.default_root_dir)
    say = console().print
    if args[0] == "fit":
        write_json(folder / "cost.json", cost(monotonic() - began))
        logged = cli.trainer.callback_metrics.items()
        if lost := [name for name, value in logged if not value.isfinite()]:
            raise InputError(
                f"the training diverged, {' and '.join(lost)} is no number: lower the learning rate"
            )
        best = cli.trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
        say(f"trained {cli.trainer.current_epoch} epochs; {best}", highlight=False, soft_wrap=True)
    elif args[0] == "test" and Store(cli.datamodule.store).manifest["answers"] is None:
        say("no answer key in the store: scored, not evaluated")
    elif args[0] == "test":
        result = measure(folder / "scores.parquet")
        write_json(folder / "evaluation.json", result)
        say(result_table(str(folder), result))
    elif args[0] == "predict":
        scores = folder / "scores.parquet"
        say(f"{scores}: {length(scan_scores(scores)[0]):,} units scored", highlight=False)
