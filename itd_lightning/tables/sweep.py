"""A search over a method's settings: the space of a W&B sweep, searched offline by Optuna.

The YAML is W&B's own: ``wandb sweep FILE`` and its agents read it as it is. What is searched is the smallest
of the quantity that the checkpoints watch; a test day is never looked at.
"""

import math
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast
from warnings import catch_warnings

import polars as pl

from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file, lock_folder
from itd_lightning.contracts.run_files import FIT_DONE, best_checkpoint
from itd_lightning.contracts.shipped import find_shipped
from itd_lightning.contracts.yaml_files import (
    TEXT,
    Requirement,
    is_number,
    is_text,
    list_of,
    mapping_to,
    read_whole,
)
from itd_lightning.runs.arguments import FOLDER, STORE, render_options, take_option
from itd_lightning.runs.queue import Job, run_one
from itd_lightning.store.read import Store
from itd_lightning.store.source_hash import digest
from itd_lightning.tables.arguments import check_arguments, check_config, check_setting

_SEARCH = {"random": "RandomSampler", "bayes": "TPESampler", "grid": "RandomSampler"}
LOGARITHMIC, WHOLE = "log_uniform_values", "int_uniform"
_DISTRIBUTIONS = ("categorical", "uniform", WHOLE, LOGARITHMIC)
_KEYS = {
    "command": Requirement("a list of words", list_of(lambda word: is_text(word) or is_number(word))),
    "method": Requirement(f"one of {', '.join(_SEARCH)}", lambda value: is_text(value) and value in _SEARCH),
    "metric": Requirement(
        "a metric to minimize, with its name",
        lambda value: mapping_to(is_text)(value) and value.get("goal") == "minimize" and "name" in value,
    ),
    "parameters": Requirement("spaces of arguments, by their names", mapping_to(lambda _: True)),
    "program": TEXT,
}
_DATABASE = "sweep.db"


_Value = str | int | float | bool | None


class _Space(TypedDict, total=False):
    """Values of an argument that are tried: a list, or a range by ``min`` and ``max``."""

    values: list[_Value]
    min: float
    max: float
    distribution: str


class _Sweep(NamedTuple):
    """Content of a sweep's YAML.

    Attributes:
        method: random, bayes or grid.
        metric: What every fit watches.
        parameters: By argument, its ``values``, or ``min`` and ``max``.
        fit: Arguments of every fit.
    """

    method: str
    metric: str
    parameters: dict[str, _Space]
    fit: list[str]


def read_sweep(path: Path) -> _Sweep:
    """Read a sweep's YAML.

    Raises:
        InputError: If it is none, or asks for what is not offered here.
    """
    if not path.is_file():
        raise InputError(f"no sweep at {path}; the methods' lie in experiments/")
    spec = read_whole(path, _KEYS)
    for name, space in spec["parameters"].items():
        if problem := _space_error(space, spec["method"]):
            raise InputError(f"{path}: {name} {problem}")
    command = [str(word) for word in spec["command"]]
    if command[:2] != ["itd", "fit"] or command[-1:] != ["${args}"]:
        raise InputError(f"{path}: the command must be itd fit ... and end in ${{args}}")
    _check_passed_on(path, command[2:-1], spec["parameters"])
    return _Sweep(spec["method"], spec["metric"]["name"], spec["parameters"], command[2:-1])


def _check_passed_on(path: Path, arguments: list[str], parameters: Iterable[str]) -> None:
    """Check the arguments that a sweep passes to its fits."""
    options, configs = take_option(arguments, "--config")
    for config in configs:
        check_config(path, "command", Path(find_shipped("configs", config)))
    check_arguments(path, "command", options)
    for name in parameters:
        check_setting(path, "parameters", f"--{name}")


def _space_error(space: object, method: str) -> str | None:
    """Return why an argument's space does not fit; None if it does."""
    if not isinstance(space, dict) or not ("values" in space or {"min", "max"} <= set(space)):
        return "must have values, or min and max"
    if space.get("distribution", "uniform") not in _DISTRIBUTIONS:
        return f"has another distribution than {', '.join(_DISTRIBUTIONS)}"
    if "values" in space:
        plain = list_of(
            lambda value: value is None or is_text(value) or isinstance(value, bool | int | float)
        )
        whole = space["values"] and plain(space["values"])
        return None if whole else "must have a list of texts and numbers as values; put others into quotes"
    return _range_error(cast("_Space", space), method)


def _range_error(space: _Space, method: str) -> str | None:
    """Return why a range does not fit; None if it does."""
    low, high = space["min"], space["max"]
    if not is_number(low) or not is_number(high) or low > high:
        return f"must have numbers as min and max, the smaller one first, got {low!r} and {high!r}"
    if space.get("distribution") == LOGARITHMIC and low <= 0:
        return f"is searched by its logarithm, so its min must be above 0, got {low}"
    if space.get("distribution") == WHOLE and not (isinstance(low, int) and isinstance(high, int)):
        return f"must have whole numbers as min and max, got {low} and {high}"
    if not _is_whole(space) and method == "grid":
        return "lies anywhere between min and max, and a grid needs values"
    return None


def _is_whole(space: _Space) -> bool:
    """Return whether only the whole numbers of a range are tried."""
    if "distribution" in space:
        return bool(space["distribution"] == WHOLE)
    return isinstance(space["min"], int) and isinstance(space["max"], int)


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
    if not 0 <= seed < 2**31:
        raise InputError(f"seed must lie between 0 and 2**31 - 1, got {seed}")
    if "?" in str(out.resolve()):
        raise InputError(f"{out} holds a question mark, which the search's database cannot bear; rename it")
    sweep, event_store = read_sweep(path), Store(store)
    try:
        optuna, sql = import_module("optuna"), import_module("sqlalchemy.exc")
    except ImportError as error:
        raise InputError("a search needs the extra: pip install 'itd-lightning[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with lock_folder(out, wait=False):
            study = _open_study(
                out, f"{path.stem} {event_store.fingerprint} {digest([str(part) for part in sweep])}", optuna
            )
            results, failures = _run_trials(sweep, study, store, out, trials, seed, optuna)
    except BlockingIOError as error:
        raise InputError(f"another search is running in {out}; wait for it, or name another --out") from error
    except (sql.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise InputError(f"{out / _DATABASE} cannot be read or written: {reason}") from error
    if all(trial.value is None for trial in results):
        first = f"first: {failures[0]}" if failures else "all were tried before"
        raise InputError(f"no fit succeeded; {first}; to try again, remove {out}")
    rows = [{"trial": number, "value": trial.value, **trial.params} for number, trial in enumerate(results)]
    table = pl.DataFrame(rows, infer_schema_length=None, strict=False).sort("value", nulls_last=True)
    with atomic_file(out / "sweep.csv") as partial:
        table.write_csv(partial)
    return table


def _open_study(out: Path, name: str, optuna: Any) -> Any:  # noqa: ANN401  # of an extra
    """Open the search in a folder, a new one or an interrupted one.

    Raises:
        InputError: If the folder holds another one.
    """
    storage = f"sqlite:///{out.resolve() / _DATABASE}"
    if set(optuna.get_all_study_names(storage)) - {name}:
        raise InputError(f"{out} holds a search of another store or other settings; name another --out")
    return optuna.create_study(storage=storage, study_name=name, load_if_exists=True)


def _run_trials(
    sweep: _Sweep,
    study: Any,  # noqa: ANN401  # of an extra
    store: Path,
    out: Path,
    trials: int,
    seed: int,
    optuna: Any,  # noqa: ANN401
) -> tuple[list[Any], list[str]]:
    """Fit until so many trials ended, or the grid is through; return them and the failures' last lines."""
    limit = trials
    if sweep.method == "grid":
        limit = min(trials, math.prod(len(_choices(space)) for space in sweep.parameters.values()))
    failures = []
    while len(results := _ended_trials(study, optuna)) < limit:
        # Seeded trial by trial, so that a search that goes on tries what it would have tried.
        study.sampler = _sampler(sweep, len(results), seed, optuna)
        trial = study.ask()
        setting = {name: suggest_value(trial, name, space) for name, space in sweep.parameters.items()}
        folder = out / f"trial-{len(results)}"
        (folder / FIT_DONE).unlink(missing_ok=True)  # of a fit that was killed before it was told
        place = {STORE: str(store), FOLDER: str(folder)}
        failure = run_one(Job(["fit", *sweep.fit, *render_options({**place, **setting})], folder, FIT_DONE))
        if failure:
            failures.append(failure)
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, best_value(best_checkpoint(folder), sweep.metric))
    return results, failures


def _sampler(sweep: _Sweep, count: int, seed: int, optuna: Any) -> Any:  # noqa: ANN401  # of an extra
    """Return the sampler of the next setting, independent of a killed search; a grid goes in order."""
    base = getattr(optuna.samplers, _SEARCH[sweep.method])(seed=seed + count)
    if sweep.method != "grid":
        return base
    with catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        return optuna.samplers.PartialFixedSampler(_grid_setting(sweep, count), base)


def _choices(space: _Space) -> Sequence[_Value]:
    """Return all values of an argument on a grid."""
    return space["values"] if "values" in space else range(int(space["min"]), int(space["max"]) + 1)


def _grid_setting(sweep: _Sweep, place: int) -> dict[str, _Value]:
    """Return the setting at a place of a grid, of which the last argument changes first.

    Example:
        >>> space = {"a": {"min": 1, "max": 2}, "b": {"values": ["x", "y", "z"]}}
        >>> _grid_setting(_Sweep("grid", "", space, []), 4)
        {'b': 'y', 'a': 2}
    """
    setting = {}
    for name, space in reversed(sweep.parameters.items()):
        place, index = divmod(place, len(_choices(space)))
        setting[name] = _choices(space)[index]
    return setting


def _ended_trials(study: Any, optuna: Any) -> list[Any]:  # noqa: ANN401  # of an extra
    """Return the trials that ended; a killed one is not among them, and another takes its place."""
    ends = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL)
    return list(study.get_trials(states=ends))


def suggest_value(trial: Any, name: str, space: _Space) -> Any:  # noqa: ANN401  # of an extra
    """Draw one argument's value from its space."""
    if "values" in space:
        return trial.suggest_categorical(name, space["values"])
    low, high = space["min"], space["max"]
    if _is_whole(space):
        return trial.suggest_int(name, low, high)
    return trial.suggest_float(name, low, high, log=space.get("distribution") == LOGARITHMIC)


def best_value(checkpoint: Path, metric: str) -> float:
    """Return the smallest value of the quantity that the fit's checkpoints monitor.

    Raises:
        InputError: If they watched something else, or nothing, as those of methods without gradients.
    """
    for state in load_checkpoint(checkpoint)["callbacks"].values():
        if isinstance(state, dict) and state.get("monitor") == metric and state.get("best_k_models"):
            return float(state["best_model_score"])
    raise InputError(f"{checkpoint} did not watch {metric}: nothing to search by")
