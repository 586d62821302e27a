"""Commands about tested runs: evaluation, audits, thresholds, reports and alerts."""

import sys
from datetime import date
from functools import partial
from json import dumps
from pathlib import Path
from typing import Literal

import polars as pl

from itd_lightning.cli.terminal import alert_table, audit_table, console, result_table, threshold_table
from itd_lightning.contracts.errors import FailedAuditsError, InputError
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.run_files import EVALUATION_FILE, best_checkpoint
from itd_lightning.runs.folder import score_file


def evaluate(
    scores: list[Path],
    store: Path | None = None,
    labels: LabelPolicy | None = None,
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


def audit(run: Path, strict: bool = False, **options: bool) -> None:
    """Ask whether a run's result could be an artefact; write RUN/audit.json and print verdicts.

    The null attack moves each campaign to a quiet time of the same user. Where the split depends on the
    campaigns, that means training once more, in RUN/audit/null. The future probe scores the run again on a
    copy of the store that ends within the test days and hides their answers: no earlier score may change.

    Args:
        run: Folder of a run that was fitted and tested.
        strict: Exit with status 1 if any audit fails; one that stays open does not count.
        options: The flags of the audits, by name.
    """
    from itd_lightning.runs.audit import audit_run

    results = audit_run(run, options)
    console().print(audit_table(str(run), results))
    if strict and (failures := [result.name for result in results if result.passed is False]):
        raise FailedAuditsError(f"{len(failures)} of {len(results)} audits failed: {', '.join(failures)}")


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
    from itd_lightning.evaluation.alarm_days import choose_run_threshold, has_answer_key
    from itd_lightning.evaluation.evaluate import evaluate as measure
    from itd_lightning.evaluation.evaluate import write_json
    from itd_lightning.evaluation.thresholds import parse_rule
    from itd_lightning.scores.table import scan_scores

    scores = score_file(run)
    rule = parse_rule(budget, fpr, fdr)
    choice = choose_run_threshold(scores, rule)
    if has_answer_key(Path(scan_scores(scores)[1].store)):
        write_json(scores.parent / EVALUATION_FILE, measure(scores))
    say = partial(console().print, highlight=False, soft_wrap=True)
    say(threshold_table(str(run), choice))
    say(f"rule: {rule.words}")
    shift = f"validation and test scores lie {choice.drift.distance:.2f} apart, p = {choice.drift.chance:.3f}"
    say(
        f"[yellow]drift:[/] {shift}; what holds on validation need not hold on test"
        if choice.has_drifted
        else f"drift: none to warn of, {shift}"
    )
    if not choice.test.alarms:
        say("[yellow]no test user-day is an alarm[/]")


def report(runs: list[Path], out: Path, user: str = "") -> None:
    """Write one HTML page about one or several runs; it works offline.

    Args:
        runs: Folders of runs that were tested; audits are shown where there are any.
        out: Folder to write report.html into.
        user: Whose trajectory or signals are drawn, where a run has any: one of the 20 users with the highest
            scores; default: the first of them.
    """
    from itd_lightning.report.page import write_report

    console().print(str(write_report(runs, out, user)), highlight=False, soft_wrap=True)


def alerts(
    run: Path,
    budget: str | None = None,
    format: Literal["table", "json", "ndjson", "csv", "ocsf", "ecs"] = "table",  # noqa: A002 - the option
    day: date | None = None,
    since: date | None = None,
    user: str | None = None,
) -> None:
    """List the user-days that an analyst should look at first, with what contributed most to each.

    Without a budget, these are the ones above the threshold that `itd threshold` chose, day by day where it
    is one of so many a day; the ten highest of all where none was chosen. Where a user had fewer than 20
    active days before, the list says "warm-up": little is known of what is usual for that user. Lists of so
    many a day begin with the newest day.

    Other programs read `ocsf` (Detection Findings of OCSF 1.8.0) and `ecs` (events of Elastic's schema), one
    JSON object a line. Both name the MITRE ATT&CK techniques that a rule finds in the reasons.

    Args:
        run: Folder of a run that was tested, or its score table.
        budget: How many: `10` for the ten highest of all, `10/day` for the ten highest of each day.
        format: How they are printed; in `csv` no text becomes a formula.
        day: Only this day, such as 2010-03-08.
        since: Only this day and later ones.
        user: Only this user's; the ranks stay those of the whole list.
    """
    from itd_lightning.alerts.lists import alert_days, run_alerts

    if day is not None and since is not None:
        raise InputError("--day and --since exclude one another")
    days, words = alert_days(run, budget, day or since, day)
    if user is not None:
        days = days.filter(pl.col("user") == user)
    if format == "table":
        console().print(alert_table(str(run), days, words))
        return
    from itd_lightning.alerts.exports.formats import render

    sys.stdout.write(render(run_alerts(run, days), format))


def track(run: Path, project: str | None = None, entity: str | None = None) -> None:
    """Add what was measured of a run to its W&B dashboard: curves, scores, alerts, evaluation, audits.

    The fit must have been tracked: `itd fit ... --config configs/overlays/wandb.yaml`. People are numbers
    there. A run that is tracked offline stays so, and is sent by `wandb sync`. Where it goes is yours to say,
    never the checkpoint's.

    Args:
        run: Folder of a run that was fitted and tested.
        project: On W&B; default: $WANDB_PROJECT, or itd_lightning.
        entity: Team or user; default: $WANDB_ENTITY, or the account's own.
    """
    from itd_lightning.callbacks.wandb_run import wandb_mode
    from itd_lightning.runs.config import find_tracked_run
    from itd_lightning.tracking.dashboard import choose_destination, publish

    checkpoint = best_checkpoint(run)
    fit_run = find_tracked_run(checkpoint)
    if fit_run is None:
        raise InputError(f"{run} was not tracked; fit it with --config configs/overlays/wandb.yaml")
    publish(run, choose_destination(fit_run, project, entity))
    mode = wandb_mode(offline=fit_run.offline)
    where = "wandb/, offline" if mode == "offline" else mode
    console().print(f"{run}: added to W&B run {fit_run.id} ({where})", highlight=False, markup=False)
