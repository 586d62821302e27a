"""Cells of a table: one fit and one test each, in a folder of its own, run as command lines."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from itd_lightning.contracts.files import lock_folder
from itd_lightning.contracts.run_files import AUDIT_FILE, CHECKPOINTS, EVALUATION_FILE, FIT_DONE
from itd_lightning.runs.arguments import FOLDER, STORE, fit_arguments, score_arguments


class TableCell(NamedTuple):
    """One fit and one test of it.

    Attributes:
        configs: Its config, and overlays.
        fit: Arguments of the fit, after the config.
        checkpoint: Name of the checkpoint that is tested.
        test: Arguments of the test, after the checkpoint.
        run: Folder of the fit.
        test_folder: Folder of the test; the same, or one within.
    """

    configs: tuple[Path, ...]
    fit: tuple[str, ...]
    checkpoint: str
    test: tuple[str, ...]
    run: Path
    test_folder: Path


class Job(NamedTuple):
    """A command line for a process of its own.

    Attributes:
        args: The command and its arguments.
        folder: Where it writes.
        last_file: Name of the file that is there once it has ended well.
    """

    args: list[str]
    folder: Path
    last_file: str


def fit_job(cell: TableCell, store: Path) -> Job:
    """Return the fit of a cell."""
    args = fit_arguments(cell.configs, {STORE: str(store), FOLDER: str(cell.run)})
    return Job([*args, *cell.fit], cell.run, FIT_DONE)


def score_job(cell: TableCell) -> Job:
    """Return the test of a cell."""
    checkpoint = cell.run / CHECKPOINTS / cell.checkpoint
    args = score_arguments("test", checkpoint, {FOLDER: str(cell.test_folder)})
    return Job([*args, *cell.test], cell.test_folder, EVALUATION_FILE)


def audit_job(folder: Path) -> Job:
    """Return the audits of a run."""
    return Job(["audit", str(folder)], folder, AUDIT_FILE)


def is_fitted(cell: TableCell) -> bool:
    """Return whether the fit ran to its end: the last file that it writes is there."""
    return (cell.run / FIT_DONE).is_file()


def is_scored(cell: TableCell) -> bool:
    """Return whether the test ran to its end."""
    return (cell.test_folder / EVALUATION_FILE).is_file()


def run_all(jobs: list[Job], processes: int) -> list[str]:
    """Run jobs, some at a time, each in its own process; return the last line of each failed one."""
    with ThreadPoolExecutor(max_workers=processes) as pool:
        return [failure for failure in pool.map(run_one, jobs) if failure]


def run_one(job: Job) -> str | None:
    """Run a job; return its last line if it failed.

    Where another program is at the folder, or what a killed one left running, it waits; what is done then
    stays.
    """
    last_file = job.folder / job.last_file
    with lock_folder(job.folder, wait=True) as lock:
        if last_file.is_file():
            return None
        if job.args[0] != "audit":
            failure = run_process(job.args, lock)
            if job.args[0] == "fit" and failure is None:
                last_file.touch()
            return failure
    return run_process(job.args)  # audits lock the folder themselves


def run_process(args: list[str], *locks: int) -> str | None:
    """Run one command line in a process that inherits the locks; return its last line if it failed.

    One thread each: sums in another order would make the scores depend on the number of jobs.
    """
    process = subprocess.run(
        [sys.executable, "-P", "-m", "itd_lightning", *args],  # -P: nothing of the current folder is code
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=locks,
        check=False,
    )
    if not process.returncode:
        return None
    words = process.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"itd {' '.join(args)}: {(words or ['killed'])[-1]}"
