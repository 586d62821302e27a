"""Commands of the daily loop: ``itd daily``, ``itd doctor`` and ``itd unmask``."""

import getpass
from datetime import date
from functools import partial
from pathlib import Path

from jsonargparse.typing import register_type

from itd_lightning.cli.terminal import console, safe
from itd_lightning.contracts.errors import FailedRunError, InputError

register_type(date, str, date.fromisoformat)


def daily(
    deployment: Path,
    shadow: bool = False,
    date: date | None = None,
) -> None:
    """Append new logs, score the new days, write alerts into cases, export, and drop what is too old.

    Made for cron or a systemd timer. Run twice, run late or killed, it ends in the same state. The first
    line tells how many users are in warm-up, and whether scores have drifted.

    Exit status: 0 all is done; 1 a step failed, or alerts wait to be sent, and the next run tries again;
    2 something is wrong with the deployment, the logs or the disk; 3 another run is under way.

    Args:
        deployment: The .yaml of the deployment; docs/daily.md describes it.
        shadow: Score without alerting: what would be alerted is written into OUT/shadow only.
        date: Last day to score; default: yesterday, or the last day of the logs if that is earlier.
    """
    from itd_lightning.daily.deployment import read_deployment
    from itd_lightning.daily.morning import run_daily

    say = partial(console().print, highlight=False, soft_wrap=True, markup=False)
    run_daily(read_deployment(deployment), say, shadow=shadow, until=date)


def doctor(deployment: Path) -> None:
    """Look whether a deployment can run: paths, disk, checkpoints, last run, drift, warm-up.

    Exit status: 0 if all is well, 1 if not.

    Args:
        deployment: The .yaml of the deployment.
    """
    from itd_lightning.daily.deployment import read_deployment
    from itd_lightning.daily.doctor import examine

    failures = []
    for check in examine(read_deployment(deployment)):
        mark = "[green]ok[/]  " if check.passed else "[bold red]FAIL[/]"
        console().print(f"{mark} {check.name}: {safe(check.words)}", highlight=False, soft_wrap=True)
        if not check.passed:
            failures.append(check.name)
    if failures:
        raise FailedRunError(f"not well: {', '.join(failures)}")


def unmask(deployment: Path, pseudonym: str, case: int, reason: str, by: str | None = None) -> None:
    """Print the user behind a pseudonym; who asked, and why, is added to the case store first.

    Args:
        deployment: The .yaml of the deployment.
        pseudonym: Such as user-0123456789ab.
        case: Number of a case of that user.
        reason: Why the name is needed.
        by: Who asks; default: the login name.
    """
    from itd_lightning.daily.deployment import read_deployment
    from itd_lightning.daily.unmask import unmask_user

    if not reason.strip():
        raise InputError("a name is unmasked for a reason: give --reason TEXT")
    name = unmask_user(read_deployment(deployment), pseudonym, case, by or getpass.getuser(), reason)
    console().print(safe(name), highlight=False, soft_wrap=True)
