"""Checks of a deployment, before and between mornings: one line each."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import yaml

from itd_lightning.alerts.cases.rows import DayRecord
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.pseudonyms import Pseudonyms
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.callbacks.own_files import CONFIG_KEY
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.view_needs import missing_kinds
from itd_lightning.daily.deployment import Deployment
from itd_lightning.daily.logs import count_new
from itd_lightning.daily.morning import drift_words, has_drifted
from itd_lightning.runs.checkpoint_config import safe_config
from itd_lightning.store.read import Store

_COPIES = 4  # of the store: the addition, the day's copy, its views, and the store itself
_LEAST_FREE = 1 << 30  # bytes
_MOST_WARM_UP = 0.5  # share of users


class Check(NamedTuple):
    """One check.

    Attributes:
        name: What was looked at.
        passed: Whether it is as it should be.
        words: What was seen, and what to do.
    """

    name: str
    passed: bool
    words: str


def examine(deployment: Deployment) -> Iterator[Check]:
    """Yield the checks of a deployment; nothing is changed."""
    for name, check in _CHECKS.items():
        try:
            passed, words = check(deployment)
        except (InputError, OSError) as error:
            passed, words = False, str(error)
        yield Check(name, passed, words)


def _check_logs(deployment: Deployment) -> tuple[bool, str]:
    """Look for the logs."""
    return True, f"{count_new(deployment)} files or folders are new"


def _check_store(deployment: Deployment) -> tuple[bool, str]:
    """Look into the store."""
    if not deployment.store.is_dir():
        return True, "not made yet; the first morning does"
    manifest = Store(deployment.store).manifest
    return True, f"{manifest['events']:,} events of {manifest['users']:,} users until {manifest['last']}"


def _check_disk(deployment: Deployment) -> tuple[bool, str]:
    """Compare the free disk with what a morning may need."""
    size = sum(file.stat().st_size for file in deployment.store.rglob("*") if file.is_file())
    place = next(path for path in (deployment.out, *deployment.out.parents) if path.is_dir())
    free, needed = shutil.disk_usage(place).free, max(_COPIES * size, _LEAST_FREE)
    return free >= needed, f"{free / 1e9:.1f} GB free at {place}, {needed / 1e9:.1f} GB needed"


def _check_checkpoints(deployment: Deployment) -> tuple[bool, str]:
    """Load the checkpoints, and ask whether the store records what their views need."""
    views = [_view_of(path) for path in deployment.checkpoints]
    words = ", ".join(views)
    if not deployment.store.is_dir():
        return True, words
    missing = missing_kinds(Store(deployment.store).records)
    faults = [f"{view} needs {', '.join(missing[view])}" for view in views if missing.get(view)]
    return not faults, "; ".join(faults) or f"{words}: fit the store"


def _view_of(checkpoint: Path) -> str:
    """Return the name of the view that a checkpoint scores."""
    config = yaml.safe_load(safe_config(checkpoint, load_checkpoint(checkpoint).get(CONFIG_KEY)))
    return str(config["data"]["class_path"]).rpartition(".")[2].lower()


def _check_cases(deployment: Deployment) -> tuple[bool, str]:
    """Open the case store."""
    if not _has_cases(deployment):
        return True, "not made yet; the first morning does"
    with _open(deployment) as cases:
        count = len(cases.cases(deployment=deployment.name))
    if _is_file(deployment) and Path(deployment.cases).stat().st_mode & 0o077:
        return False, f"others can read {deployment.cases}: type `chmod 600 {deployment.cases}`"
    return True, f"{count} open cases"


def _check_key(deployment: Deployment) -> tuple[bool, str]:
    """Read the key of pseudonyms."""
    if deployment.key_file is None:
        return True, "none: alerts show names"
    Pseudonyms.read(deployment.key_file)
    return True, f"key {deployment.key_file}"


def _check_last_run(deployment: Deployment) -> tuple[bool, str]:
    """Ask how the last run ended."""
    runs = []
    if _has_cases(deployment):
        with _open(deployment) as cases:
            runs = cases.runs(deployment.name, limit=1)
    if not runs:
        return True, "none yet"
    (run,) = runs
    when = run.started_at.strftime("%Y-%m-%d %H:%M UTC")
    return run.outcome != "failed", f"{when}: {run.outcome}, {run.message}".rstrip(", ")


def _check_up_to_date(deployment: Deployment) -> tuple[bool, str]:
    """Ask whether days of the store wait to be scored."""
    latest = _latest(deployment)
    if latest is None or not deployment.store.is_dir():
        return True, "no day scored yet"
    last = datetime.fromisoformat(Store(deployment.store).manifest["last"]).date()
    waiting = (last - latest.day).days
    return waiting <= 1, f"last scored day {latest.day}, the logs reach {last}"


def _check_drift(deployment: Deployment) -> tuple[bool, str]:
    """Ask whether the scores of the last week lie elsewhere."""
    latest = _latest(deployment)
    return (True, "no day scored yet") if latest is None else (not has_drifted(latest), drift_words(latest))


def _check_warm_up(deployment: Deployment) -> tuple[bool, str]:
    """Ask how many users are in warm-up."""
    latest = _latest(deployment)
    if latest is None or not latest.users:
        return True, "no day scored yet"
    share = latest.warm_up / latest.users
    return (
        share <= _MOST_WARM_UP,
        f"{latest.warm_up:,} of {latest.users:,} users ({share:.0%}) on {latest.day}",
    )


def _check_outbox(deployment: Deployment) -> tuple[bool, str]:
    """Ask what waits to be sent."""
    if not deployment.webhooks or not _has_cases(deployment):
        return True, "nothing to send"
    with _open(deployment) as cases:
        waiting = {webhook.name: cases.count_unsent(webhook.name) for webhook in deployment.webhooks}
    return not any(waiting.values()), ", ".join(f"{name}: {count} wait" for name, count in waiting.items())


def _is_file(deployment: Deployment) -> bool:
    """Return whether the cases lie in a file."""
    return "://" not in deployment.cases


def _has_cases(deployment: Deployment) -> bool:
    """Return whether there is a case store to ask."""
    return not _is_file(deployment) or Path(deployment.cases).exists()


def _open(deployment: Deployment) -> CaseStore:
    """Open the case store, which exists."""
    return CaseStore.open(deployment.cases, create=False)


def _latest(deployment: Deployment) -> DayRecord | None:
    """Return the last scored day; None before the first one."""
    if not _has_cases(deployment):
        return None
    with _open(deployment) as cases:
        return next(iter(cases.days(deployment.name, limit=1)), None)


_CHECKS: dict[str, Callable[[Deployment], tuple[bool, str]]] = {
    "logs": _check_logs,
    "store": _check_store,
    "disk": _check_disk,
    "checkpoints": _check_checkpoints,
    "cases": _check_cases,
    "pseudonyms": _check_key,
    "last run": _check_last_run,
    "up to date": _check_up_to_date,
    "drift": _check_drift,
    "warm-up": _check_warm_up,
    "outbox": _check_outbox,
}
