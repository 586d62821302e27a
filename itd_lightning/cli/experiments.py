"""Commands that train: one run, a table of them, a search."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.table import Table

from itd_lightning.cli.terminal import column, console, result_table, safe
from itd_lightning.contracts.run_files import EVALUATION_FILE, SCORE_FILE
from itd_lightning.contracts.shipped import find_shipped, is_shipped


def train(args: Sequence[str]) -> None:
    """Run `fit`, `validate`, `test` or `predict`; after `test`, evaluate where there is a key."""
    with _without_collection():
        from itd_lightning.runs.folder import read_evaluation
        from itd_lightning.runs.record import run_command
        from itd_lightning.scores.chunks import count_rows
        from itd_lightning.scores.table import scan_scores

    cli = run_command(args)
    if not cli.trainer.is_global_zero:
        return
    folder = Path(cli.trainer.default_root_dir)
    say = partial(console().print, highlight=False, soft_wrap=True)
    if args[0] == "fit" and not cli.has_trained:
        say(f"nothing left to train after {cli.trainer.current_epoch} epochs, see --trainer.max_epochs")
    elif args[0] == "fit":
        best = cli.trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
        say(f"trained {cli.trainer.current_epoch} epochs; {best}")
    elif args[0] == "test" and not (folder / EVALUATION_FILE).is_file():
        say("no answer key in the store: scored, not evaluated")
    elif args[0] == "test":
        console().print(result_table(str(folder), read_evaluation(folder)))
    elif args[0] == "predict":
        rows = count_rows(scan_scores(folder / SCORE_FILE)[0])
        say(f"{folder / SCORE_FILE}: {rows:,} units scored")
    if remark := _other_store(args[0], cli.checkpoint, folder / SCORE_FILE):
        say(remark)


def _other_store(command: str, checkpoint: Path | None, scores: Path) -> str:
    """Return a line on the users of a store that is not the checkpoint's own; '' where there is none."""
    from itd_lightning.runs.training_store import other_store_remark

    if command not in ("test", "predict") or checkpoint is None:
        return ""
    return other_store_remark(checkpoint, scores)


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
        table: YAML of the table, or its name, such as mask_value/table1.
        store: Event store.
        out: Folder for the runs.
        jobs: Cells that run at the same time.
        overlay: Name of an overlay for every config, such as slice; the table's name gets it, too.
        tables: Folder for the table as Markdown, CSV and HTML; without it they replace those beside the YAML,
            or lie in `out` where the YAML came with the installed program.
    """
    from itd_lightning.tables.reproduce import FailedCellsError, reproduce_table

    say = partial(console().print, highlight=False, markup=False, soft_wrap=True)
    table = Path(find_shipped("experiments", str(table)))
    if tables is None and is_shipped(table):
        tables = out
    try:
        say(reproduce_table(table, store, out, jobs, overlay, tables))
    except FailedCellsError as error:
        say(error.text)
        raise


def sweep(space: Path, store: Path, out: Path = Path("runs/sweep"), trials: int = 20, seed: int = 0) -> None:
    """Search a method's settings by validation loss, offline; a search that was interrupted goes on.

    Args:
        space: YAML of a W&B sweep, or its name, such as rmsl/sweep.
        store: Event store.
        out: Folder for the fits and sweep.csv.
        trials: How many settings are tried in all.
        seed: Equal seeds try the same settings.
    """
    from itd_lightning.tables.sweep import search

    space = Path(find_shipped("experiments", str(space)))
    results = search(space, store, out, trials, seed)
    table = Table(
        *[column(name) for name in results.columns], title=safe(f"{space}: {len(results)} settings")
    )
    for row in results.head(10).iter_rows():
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    console().print(table)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Import without looking for garbage, of which imports make none: that takes a third of their time."""
    first = "lightning" not in sys.modules
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if first:
            gc.freeze()  # what was imported stays, so that no later collection looks at it
        if enabled:
            gc.enable()
