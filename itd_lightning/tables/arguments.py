"""Rules for the arguments that a table's or sweep's YAML passes to a fit or a test: settings, but no path."""

import re
from collections.abc import Iterable
from pathlib import Path

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.shipped import ShippedKind, shipped_folder

# Where things lie, and how the work is spread, is up to who runs the table.
_PLACES = ("store", "executor", "build_workers", "num_workers", "dict_kwargs")
_OF_CALLBACKS = (
    *("only", "stages", "monitor", "patience", "min_delta"),
    *("epochs", "lr", "warm_up", "fusion_epochs", "fusion_lr"),
)
_OF_TRAINER = (
    *("max_epochs", "min_epochs", "max_steps", "min_steps", "precision", "deterministic"),
    *("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches"),
    *("check_val_every_n_epoch", "val_check_interval"),
)
_OTHERS = {
    "checkpoint.monitor",
    "seed_everything",
    *(f"trainer.{name}" for name in _OF_TRAINER),
    *(f"trainer.callbacks.{name}" for name in _OF_CALLBACKS),
}
_CONFIGS: ShippedKind = "configs"  # folder of a project


def _is_setting(name: str) -> bool:
    """Return whether an option is one of the method, of the view, or of the length of a training.

    Example:
        >>> [
        ...     _is_setting(name)
        ...     for name in ("model.alpha", "data.split.seed", "data.init_args.store", "config")
        ... ]
        [True, True, False, False]
    """
    part, *path = [step for step in name.split(".") if step != "init_args"]
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        return False
    return part == "model" or (part == "data" and bool(path) and path[0] not in _PLACES) or name in _OTHERS


def check_arguments(file: Path, place: str, arguments: Iterable[str]) -> None:
    """Check arguments that a YAML passes on.

    Args:
        file: The YAML.
        place: Where they stand in it, such as ``rows.RMSL.fit``.
        arguments: Each ``--name=value``.

    Raises:
        InputError: If one is written otherwise, or sets what is not the YAML's to set.
    """
    for argument in arguments:
        option, equals, _ = argument.partition("=")
        if not equals or not option.startswith("--"):
            raise InputError(f"{file}: {place}: {argument!r:.60} must be written as --name=value")
        check_setting(file, place, option)


def check_setting(file: Path, place: str, option: str) -> None:
    """Check one option, ``--name``, as in ``check_arguments``."""
    if not _is_setting(option.removeprefix("--")):
        raise InputError(
            f"{file}: {place} must not set {option:.60}; it may set --model..., --data... except "
            f"{', '.join(_PLACES)}, and the length of the training, such as --trainer.max_epochs"
        )


def check_config(file: Path, place: str, config: Path) -> None:
    """Check that a config lies beside the YAML that names it, or in a project's folder ``configs``.

    That is one above the YAML, in the current folder, or beside this package.

    Raises:
        InputError: If it is no file, such as a text that is YAML itself, or lies elsewhere.
    """
    if not config.is_file():
        raise InputError(f"{file}: {place} names the config {str(config)!r:.80}, which is no file")
    parent, target = file.resolve().parent, config.resolve()
    folders = [parent, *(root / _CONFIGS for root in (*parent.parents, Path.cwd())), shipped_folder(_CONFIGS)]
    if not any(map(target.is_relative_to, folders)):
        raise InputError(
            f"{file}: {place} names the config {target}, which lies neither beside the YAML nor in a folder "
            f"{_CONFIGS} above it"
        )
