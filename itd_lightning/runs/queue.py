"""Cells of a table: one fit and one test each, in a folder of its own, run as command lines."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from itd_lightning.contracts.files import lock_folder
from itd_lightning.contracts.run_files import AUDIT_FILE, CHECKPOINTS, EVALUATION_FILE, FIT_DONE


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


def fit_command(cell: TableCell, store: Path) -> list[str]:
    """Return the command line of a fit."""
    configs = [f"--config={config}" for config in cell.configs]
    root = f"--trainer.default_root_dir={cell.run}"
    return ["fit", *configs, f"--data.store={store}", root, *cell.fit]


def score_command(cell: TableCell) -> list[str]:
    """Return the command line of a test."""
    checkpoint = cell.run / CHECKPOINTS / cell.checkpoint
    return ["test", f"--ckpt_path={checkpoint}", f"--trainer.default_root_dir={cell.test_folder}", *cell.test]


def is_fitted(cell: TableCell) -> bool:
    """Return whether the fit ran to its end: the last file that it writes is there."""
    return (cell.run / FIT_DONE).is_file()


def is_scored(cell: TableCell) -> bool:
    """Return whether the test ran to its end."""
    return (cell.test_folder / EVALUATION_FILE).is_file()


def run_all(commands: list[list[str]], jobs: int) -> list[str]:
    """Run command lines, some at a time, each in its own process; return the last line of each failed one."""
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        return [failure for failure in pool.map(run_one, commands) if failure]


def run_one(args: list[str]) -> str | None:
    """Run one command line; return its last line if it failed.

    Where another program is at the folder of a fit or a test, or what a killed one left running, it waits;
    what is done then stays. So do audits, which hold their folder themselves.
    """
    if args[0] == "audit":
        with lock_folder(Path(args[1]), wait=True):
            pass
        return None if (Path(args[1]) / AUDIT_FILE).is_file() else run_process(args)
    root = next(arg for arg in args if arg.startswith("--trainer.default_root_dir="))
    end = Path(root.partition("=")[2]) / {"fit": FIT_DONE, "test": EVALUATION_FILE}[args[0]]
    with lock_folder(end.parent, wait=True) as lock:
        if end.is_file():
            return None
        failure = run_process(args, lock)
        if args[0] == "fit" and failure is None:
            end.touch()
    return failure


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
