"""Commands that train: one run, a table of them, a search."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import monotonic
from typing import TYPE_CHECKING

from rich.table import Table

from itd_lightning.cli.terminal import (
    column,
    console,
    result_table,
    safe,
)
from itd_lightning.contracts.errors import InputError

if TYPE_CHECKING:  # Lightning takes seconds to import, and most commands do without
    from lightning import Trainer


def train(args: Sequence[str]) -> None:
    """Run `fit`, `validate`, `test` or `predict`; after `test`, evaluate where there is a key."""
    import torch

    from itd_lightning.evaluation.evaluate import evaluate as measure
    from itd_lightning.evaluation.evaluate import write_json
    from itd_lightning.runs.launch import train as run_experiment
    from itd_lightning.scores.chunks import count_rows
    from itd_lightning.scores.table import scan_scores
    from itd_lightning.store.read import Store

    began = monotonic()
    # `deterministic` would also fill memory that is about to be written: time, and no other score.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        cli = run_experiment(args)
    except SystemExit as stop:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt if stop.code == 1 else stop from stop
    if not cli.trainer.is_global_zero:
        return
    folder = Path(cli.trainer.default_root_dir)
    say = console().print
    if args[0] == "fit" and not cli.trained:
        say(f"nothing left to train after {cli.trainer.current_epoch} epochs, see --trainer.max_epochs")
    elif args[0] == "fit":
        write_json(folder / "cost.json", cost(monotonic() - began))
        say(trained(cli.trainer), highlight=False, soft_wrap=True)
    elif args[0] == "test" and Store(cli.datamodule.store).manifest["answers"] is None:
        say("no answer key in the store: scored, not evaluated")
    elif args[0] == "test":
        result = measure(folder / "scores.parquet")
        write_json(folder / "evaluation.json", result)
        say(result_table(str(folder), result))
    elif args[0] == "predict":
        scores = folder / "scores.parquet"
        say(f"{scores}: {count_rows(scan_scores(scores)[0]):,} units scored", highlight=False)


def trained(trainer: "Trainer") -> str:
    """Return what a fit came to, in words.

    Raises:
        InputError: If its loss is no number.
    """
    logged = trainer.callback_metrics.items()
    if lost := [name for name, value in logged if not value.isfinite()]:
        raise InputError(f"the training diverged, {' and '.join(lost)} is no number: lower the learning rate")
    best = trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    return f"trained {trainer.current_epoch} epochs; {best}"


def reproduce(
    table: Path,
    store: Path,
    out: Path = Path("runs/reproduce"),
    jobs: int = 1,
    overlay: str | None = None,
    tables: Path | None = None,
) -> None:
    """Repeat a paper's table cell by cell; cells that are done are skipped.

    Args:
        table: YAML of the table, such as experiments/mask_value/table1.yaml.
        store: Event store.
        out: Folder for the runs.
        jobs: Cells that run at the same time.
        overlay: Name of an overlay for every config, such as slice; the table's name gets it, too.
        tables: Folder for the table as Markdown, CSV and HTML; without it they replace those beside the YAML.
    """
    from itd_lightning.tables.reproduce import FailedCellsError, reproduce_table

    say = partial(console().print, highlight=False, markup=False, soft_wrap=True)
    try:
        say(reproduce_table(table, store, out, jobs, overlay, tables))
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
    from itd_lightning.tables.sweep import search

    found = search(space, store, out, trials, seed)
    table = Table(*[column(name) for name in found.columns], title=safe(f"{space}: {len(found)} settings"))
    for row in found.head(10).iter_rows():
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    console().print(table)


def cost(seconds: float) -> dict[str, float]:
    """What this process took so far: CPU seconds and most memory, beside its wall seconds."""
    used = getrusage(RUSAGE_SELF)
    took = {"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "gib": peak_gib()}
    return {name: round(value, 2) for name, value in took.items()}


def peak_gib() -> float:
    """Most memory this process has held, GiB; Linux's getrusage also counts what its parent held then."""
    status = Path("/proc/self/status")
    if status.exists():
        (kib,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kib) / 2**20
    return getrusage(RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
