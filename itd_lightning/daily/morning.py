"""One call of ``itd daily``: append, score, alert, export, drop; safe to repeat and to kill at any moment.

Each step asks what is there and does what is missing. A day is done when its row is in the case store, which
is written in one transaction with its alerts and with what is to be sent.
"""

import shutil
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from itd_lightning.alerts.cases.rows import DayRecord
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.exports.formats import ENDINGS, Format, render
from itd_lightning.alerts.exports.webhook import deliver
from itd_lightning.alerts.pseudonyms import Pseudonyms
from itd_lightning.alerts.records import AlertRecord
from itd_lightning.contracts.errors import FailedRunError, InputError, LockedError, one_line
from itd_lightning.contracts.files import atomic_file, lock_folder, private_files
from itd_lightning.daily.deployment import Deployment
from itd_lightning.daily.logs import append_new_logs
from itd_lightning.daily.scoring import ScoredUsers, score_day
from itd_lightning.store.read import Store
from itd_lightning.store.trim import trim_store

_WORK = ".morning"  # in the folder `out`
_ALERTS, _SHADOW = "alerts", "shadow"  # likewise
_SLACK = 7  # days that the store may reach back beyond the horizon, so that it is not written anew each day
_SIGNIFICANT, _FAR = 0.05, 0.1  # of a drift that is worth a warning

Say = Callable[[str], object]


@private_files()
def run_daily(
    deployment: Deployment, say: Say, *, shadow: bool = False, until: date | None = None
) -> list[DayRecord]:
    """Bring a deployment up to date and return the days that were scored.

    Args:
        deployment: The deployment.
        say: Called with each line of the output; the first one tells warm-up and drift.
        shadow: Write no alerts into the case store; those that would be are written into ``out/shadow``.
        until: Last day to score; default: yesterday, or the last day of the logs if that is earlier.

    Raises:
        LockedError: If another run of the deployment is under way.
        InputError: If something does not fit.
        FailedRunError: If a receiver did not take all alerts; they wait for the next run.
    """
    try:
        with lock_folder(deployment.out, wait=False), CaseStore.open(deployment.cases) as cases:
            return _logged_run(deployment, cases, say, shadow=shadow, until=until)
    except BlockingIOError as error:
        raise LockedError(
            f"another run of {deployment.name} is under way; it holds {deployment.out}"
        ) from error


def _logged_run(
    deployment: Deployment, cases: CaseStore, say: Say, *, shadow: bool, until: date | None
) -> list[DayRecord]:
    """Run, and write into the case store when it began and how it ended."""
    run = cases.begin_run(deployment.name)
    try:
        days = _run(deployment, cases, say, shadow=shadow, until=until)
    except Exception as error:
        cases.end_run(run, "failed", one_line(str(error)) or type(error).__name__)
        raise
    cases.end_run(run, "done", f"{len(days)} days scored")
    return days


def _run(
    deployment: Deployment, cases: CaseStore, say: Say, *, shadow: bool, until: date | None
) -> list[DayRecord]:
    """Do every step that is not done yet."""
    _check(deployment)
    added = append_new_logs(deployment)
    days = _days_to_score(deployment, cases, until)
    done = [_score(deployment, cases, day, shadow=shadow) for day in days]
    latest = done[-1:] or cases.days(deployment.name, limit=1)
    say(_headline(deployment, latest))
    say(f"read {added} new files or folders of logs")
    for record in done:
        words = "none written (shadow)" if record.shadow else str(record.alerts)
        say(f"{record.day}: {record.users:,} users scored, alerts: {words}")
    _write_files(deployment, cases)
    dropped = _drop(deployment, cases)
    if any(dropped):
        say(f"dropped {dropped[0]:,} events and {dropped[1]:,} alerts that were too old")
    _send(deployment, cases, say)
    return done


def _check(deployment: Deployment) -> None:
    """Refuse, before anything is written, what would fail later.

    Raises:
        InputError: If a checkpoint or the key of pseudonyms is missing.
    """
    for checkpoint in deployment.checkpoints:
        if not checkpoint.is_file():
            raise InputError(f"no checkpoint at {checkpoint}; train one with `itd fit`")
    if deployment.key_file is not None:
        Pseudonyms.read(deployment.key_file)


def _days_to_score(deployment: Deployment, cases: CaseStore, until: date | None) -> list[date]:
    """Return the days that are to be scored, oldest first: on the first morning the last day alone."""
    last = datetime.fromisoformat(Store(deployment.store).manifest["last"]).date()
    end = min(last, until or date.today() - timedelta(days=1))
    before = cases.last_day(deployment.name)
    first = end if before is None else before + timedelta(days=1)
    return [first + timedelta(days=number) for number in range((end - first).days + 1)]


def _score(deployment: Deployment, cases: CaseStore, day: date, *, shadow: bool) -> DayRecord:
    """Score a day and write it with its alerts."""
    scored = score_day(
        deployment.store,
        deployment.checkpoints,
        day,
        deployment.out / _WORK,
        source=deployment.name,
        budget=deployment.budget,
        horizon=deployment.horizon,
        calibrate_days=deployment.calibrate_days,
    )
    alerts = _without_names(deployment, scored.alerts)
    record = _record(deployment, day, scored, shadow=shadow)
    if shadow:
        _write_file(deployment.out / _SHADOW, day, alerts, "ndjson")
    targets = [] if shadow else [webhook.name for webhook in deployment.webhooks]
    cases.add_day(record, [] if shadow else alerts, targets)
    return record


def _record(deployment: Deployment, day: date, scored: ScoredUsers, *, shadow: bool) -> DayRecord:
    """Return the row of a scored day."""
    return DayRecord(
        deployment=deployment.name,
        day=day,
        checkpoint=scored.checkpoint,
        shadow=shadow,
        users=scored.users,
        warm_up=scored.warm_up,
        calibrated_on=scored.calibrated_on,
        drift=None if scored.drift is None else scored.drift.distance,
        drift_chance=None if scored.drift is None else scored.drift.chance,
        alerts=0 if shadow else len(scored.alerts),
    )


def _without_names(deployment: Deployment, alerts: list[AlertRecord]) -> list[AlertRecord]:
    """Return alerts with pseudonyms, where the deployment has any: names do not reach the case store."""
    if deployment.key_file is None:
        return alerts
    pseudonyms = Pseudonyms.read(deployment.key_file)
    store = Store(deployment.store)
    users = {user.lower() for user in store.presence()["user"].unique()}
    pcs = {pc.lower() for shard in store.pc_use() for pc in shard["pc"].unique().drop_nulls()}
    return [pseudonyms.alert(alert, users, pcs) for alert in alerts]


def _headline(deployment: Deployment, latest: list[DayRecord]) -> str:
    """Return the first line of the output: the share of users in warm-up, and drift."""
    if not latest:
        return f"{deployment.name}: no day to score yet"
    (record,) = latest
    share = record.warm_up / record.users if record.users else 0.0
    start = f"{deployment.name} {record.day}: {share:.0%} of {record.users:,} users in warm-up"
    return f"{start}; drift: {drift_words(record)}"


def drift_words(record: DayRecord) -> str:
    """Return whether the scores of the last week lie elsewhere than those before, in words."""
    if record.drift is None or record.drift_chance is None:
        return "unknown, too few days"
    numbers = f"{record.drift:.2f}, p = {record.drift_chance:.2f}"
    return f"YES ({numbers})" if has_drifted(record) else f"none to warn of ({numbers})"


def has_drifted(record: DayRecord) -> bool:
    """Return whether the scores have moved so far that p-values may not hold."""
    if record.drift is None or record.drift_chance is None:
        return False
    return record.drift >= _FAR and record.drift_chance <= _SIGNIFICANT


def _write_files(deployment: Deployment, cases: CaseStore) -> None:
    """Write the export files of the scored days that have none yet."""
    for record in cases.days(deployment.name):
        for form in () if record.shadow else deployment.files:
            if not _file(deployment.out / _ALERTS, record.day, form).exists():
                alerts = cases.alerts(deployment=deployment.name, since=record.day, until=record.day)
                _write_file(deployment.out / _ALERTS, record.day, alerts, form)


def _write_file(folder: Path, day: date, alerts: list[AlertRecord], form: Format) -> None:
    """Write the alerts of a day into a file of its owner alone."""
    with atomic_file(_file(folder, day, form)) as partial:
        partial.write_text(render(alerts, form), "utf-8")


def _file(folder: Path, day: date, form: Format) -> Path:
    """Return the export file of a day."""
    return folder / f"{day}.{ENDINGS[form]}"


def _drop(deployment: Deployment, cases: CaseStore) -> tuple[int, int]:
    """Remove what is too old; return how many events and alerts were removed."""
    shutil.rmtree(deployment.out / _WORK, ignore_errors=True)  # of a killed run
    latest = cases.last_day(deployment.name)
    if latest is None:
        return 0, 0
    manifest = Store(deployment.store).manifest
    first = datetime.fromisoformat(manifest["first"]).date()
    oldest = latest - timedelta(days=deployment.horizon - 1)
    is_long = (oldest - first).days > _SLACK
    events = trim_store(deployment.store, datetime.combine(oldest, time())) if is_long else 0
    before = latest - timedelta(days=deployment.retention - 1)
    for file in [*deployment.out.glob(f"{_ALERTS}/*-*-*.*"), *deployment.out.glob(f"{_SHADOW}/*-*-*.*")]:
        if file.name[:10] < str(before):
            file.unlink()
    return events, cases.drop_before(before, deployment.name)


def _send(deployment: Deployment, cases: CaseStore, say: Say) -> None:
    """Send what waits in the outbox.

    Raises:
        FailedRunError: If a receiver did not take all of it.
    """
    failures = []
    for webhook in deployment.webhooks:
        result = deliver(cases, webhook)
        say(f"sent {result.sent} alerts to {webhook.name}")
        if result.left:
            failures.append(f"{webhook.name}: {result.left} alerts wait in the outbox ({result.error})")
    if failures:
        raise FailedRunError("; ".join(failures))
