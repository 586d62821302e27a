"""A search over a method's settings: the space of a W&B sweep, searched offline by Optuna.

The YAML is W&B's own: ``wandb sweep FILE`` and its agents read it as it is. What is searched is the smallest
of the quantity that the checkpoints watch; a test day is never looked at.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.contracts.errors import InputError
from itd_lightning.events.store import Store
from itd_lightning.reproduce import run_one

KEYS = {"command", "method", "metric", "parameters", "program"}
SEARCH = {"random": "RandomSampler", "bayes": "TPESampler", "grid": "BruteForceSampler"}
LOGARITHMIC = "log_uniform_values"
BEST = Path("checkpoints") / "best.ckpt"


class Sweep(NamedTuple):
    """What a sweep's YAML says.

    Attributes:
        method: random, bayes or grid.
        metric: What every fit watches.
        parameters: By argument, its ``values``, or ``min`` and ``max``.
        fit: Arguments of every fit.
    """

    method: str
    metric: str
    parameters: dict[str, dict[str, Any]]
    fit: list[str]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep's YAML.

    Raises:
        InputError: If it is none, or asks for what is not offered here.
    """
    if not path.is_file():
        raise InputError(f"no sweep at {path}; the methods' lie in experiments/")
    try:
        spec = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is no YAML: {error}") from error
    if not isinstance(spec, dict) or set(spec) != KEYS:
        raise InputError(f"{path} must have exactly the keys {', '.join(sorted(KEYS))}")
    if spec["method"] not in SEARCH or spec["metric"].get("goal") != "minimize":
        raise InputError(f"{path} must have the method {', '.join(SEARCH)} and a metric to minimize")
    for name, space in spec["parameters"].items():
        if not isinstance(space, dict) or not ("values" in space or {"min", "max"} <= set(space)):
            raise InputError(f"{path}: {name} must have values, or min and max")
    command = [str(word) for word in spec["command"]]
    if command[:2] != ["itd", "fit"] or command[-1:] != ["${args}"]:
        raise InputError(f"{path}: the command must be itd fit ... and end in ${{args}}")
    return Sweep(spec["method"], spec["metric"]["name"], spec["parameters"], command[2:-1])


def search(path: Path, store: Path, out: Path, trials: int, seed: int = 0) -> pl.DataFrame:
    """Fit with one setting after another; a search that was interrupted goes on.

    Args:
        path: The sweep's YAML; configs in it are relative to the working folder, as W&B's agents have them.
        store: Event store.
        out: Folder for the fits and for what is known so far.
        trials: How many settings, those that are there already among them.
        seed: Of the search.

    Returns:
        All settings, best first: ``trial``, ``value`` (null where the fit failed) and one column an argument.

    Raises:
        InputError: If the YAML or the store does not fit, Optuna is missing, or no fit succeeded.
    """
    if trials < 1:
        raise InputError(f"trials must be at least 1, got {trials}")
    sweep, opened = read_sweep(path), Store(store)
    try:
        optuna = import_module("optuna")
    except ImportError as error:
        raise InputError("a search needs the extra: pip install 'itd-lightning[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{out.resolve() / 'sweep.db'}",
        study_name=f"{path.stem} {opened.fingerprint}",
        load_if_exists=True,
    )
    failures = []
    while len(done := finished(study, optuna)) < trials:
        # Seeded trial by trial, so that a search that goes on tries what it would have tried.
        study.sampler = getattr(optuna.samplers, SEARCH[sweep.method])(seed=seed + len(done))
        trial = study.ask()
        chosen = {name: suggested(trial, name, space) for name, space in sweep.parameters.items()}
        folder = out / f"trial-{trial.number}"
        where = [f"--data.store={store}", f"--trainer.default_root_dir={folder}"]
        failure = run_one(
            ["fit", *sweep.fit, *where, *(f"--{name}={value}" for name, value in chosen.items())]
        )
        if failure:
            failures.append(failure)
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, best_of(folder / BEST, sweep.metric))
    if all(trial.value is None for trial in done):
        raise InputError(f"no fit succeeded; first: {failures[0] if failures else 'see the folder'}")
    rows = [{"trial": trial.number, "value": trial.value, **trial.params} for trial in done]
    table = pl.DataFrame(rows, infer_schema_length=None).sort("value", nulls_last=True)
    table.write_csv(out / "sweep.csv")
    return table


def finished(study: Any, optuna: Any) -> list[Any]:  # noqa: ANN401  # of an extra
    """Trials that ended; one that was killed is not among them, and another takes its place."""
    ends = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL)
    return list(study.get_trials(states=ends))


def suggested(trial: Any, name: str, space: Mapping[str, Any]) -> Any:  # noqa: ANN401  # whatever is tried
    """Draw one argument's value from its space."""
    if "values" in space:
        return trial.suggest_categorical(name, space["values"])
    low, high = space["min"], space["max"]
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high)
    return trial.suggest_float(name, low, high, log=space.get("distribution") == LOGARITHMIC)


def best_of(checkpoint: Path, metric: str) -> float:
    """The smallest value of what the fit's checkpoints watched.

    Raises:
        InputError: If they watched something else, or nothing, as those of methods without gradients.
    """
    for state in load_checkpoint(checkpoint)["callbacks"].values():
        if isinstance(state, dict) and state.get("monitor") == metric and state.get("best_k_models"):
            return float(state["best_model_score"])
    raise InputError(f"{checkpoint} did not watch {metric}: nothing to search by")
