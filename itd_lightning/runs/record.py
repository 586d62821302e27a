"""Run a command of Lightning, and write its cost and evaluation into the run's folder."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import monotonic

import torch

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.run_files import COST_FILE, EVALUATION_FILE, SCORE_FILE
from itd_lightning.evaluation.evaluate import evaluate, write_json
from itd_lightning.runs.cost import process_cost
from itd_lightning.runs.launch import ExperimentCLI, train
from itd_lightning.store.read import Store


def run_command(args: Sequence[str], explained_from: date | None = None) -> ExperimentCLI:
    """Run ``fit``, ``validate``, ``test`` or ``predict``.

    A fit writes ``cost.json``; a test writes ``evaluation.json`` where the store has an answer key.

    Args:
        args: The command and its arguments, as ``runs.launch.train`` takes them.
        explained_from: First day whose scores are explained, where the checkpoint's own config scores; None
            for all.

    Raises:
        InputError: If an argument does not fit, or the training diverged.
    """
    start = monotonic()
    # `deterministic` would also fill memory that is about to be written: time, and no other score.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        cli = train(args, explained_from)
    except SystemExit as stop:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt if stop.code == 1 else stop from stop
    folder = Path(cli.trainer.default_root_dir)
    if not cli.trainer.is_global_zero:
        return cli
    if args[0] == "fit" and cli.has_trained:
        write_json(folder / COST_FILE, process_cost(monotonic() - start))
        _refuse_divergence(cli)
    elif args[0] == "test" and Store(cli.datamodule.store).manifest["answers"] is not None:
        write_json(folder / EVALUATION_FILE, evaluate(folder / SCORE_FILE))
    return cli


def _refuse_divergence(cli: ExperimentCLI) -> None:
    """Refuse a fit that ended with a loss that is infinite or NaN.

    Raises:
        InputError: If one is.
    """
    metrics = cli.trainer.callback_metrics.items()
    if names := [name for name, value in metrics if not value.isfinite()]:
        raise InputError(
            f"the training diverged, {' and '.join(names)} is no number: lower the learning rate"
        )
