"""The config that a checkpoint carries, reduced to what scoring needs: a checkpoint may be a stranger's.

``launch`` scores with what is left. Who wants a logger, a strategy or several machines names them on the
command line.
"""

import os
from pathlib import Path
from typing import Any

import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.places import refuse_urls_within
from itd_lightning.contracts.yaml_files import is_number

_MOST = 1e9
_NUMBERS = (
    "accumulate_grad_batches",
    "check_val_every_n_epoch",
    "gradient_clip_val",
    "limit_predict_batches",
    "limit_test_batches",
    "limit_train_batches",
    "limit_val_batches",
    "log_every_n_steps",
    "max_epochs",
    "max_steps",
    "min_epochs",
    "min_steps",
    "num_sanity_val_steps",
    "val_check_interval",
)
_FLAGS = ("benchmark", "deterministic", "enable_progress_bar", "inference_mode", "use_distributed_sampler")
_BITS = ("32-true", "16-true", "bf16-true", "64-true", "16-mixed", "bf16-mixed", "32", "16", "bf16", "64")
_WORDS = {
    "accelerator": ("auto", "cpu", "cuda", "gpu", "mps"),
    "deterministic": ("warn",),
    "gradient_clip_algorithm": ("norm", "value"),
    "precision": (*_BITS, 16, 32, 64),
}
_PROCESSES = ("num_workers", "build_workers")  # of the view; scores do not depend on them


def safe_config(path: Path, text: object) -> str:
    """Return the config of a checkpoint with known settings in known ranges only.

    Of the trainer, numbers, flags and words that change no place and no process are kept. Model and data are
    typed arguments of classes of this program, which the parser checks; where a view works, and with how many
    processes, is this machine's to say.

    Raises:
        InputError: If there is no config, or it holds a URL.
    """
    try:
        config: dict[str, Any] = _load_without_aliases(text) if isinstance(text, str) else {}
        trainer = {name: value for name, value in config["trainer"].items() if _is_harmless(name, value)}
        parts = {name: config[name] for name in ("model", "data", "checkpoint") if config.get(name)}
        arguments = parts["data"]["init_args"]
        arguments.pop("executor", None)
        for name in _PROCESSES:
            if not _is_within(arguments.get(name), 0.0, float(os.cpu_count() or 1)):
                arguments.pop(name, None)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} carries no config; give the run's with --config") from error
    refuse_urls_within(parts)
    seed = config.get("seed_everything")
    seed_part = {"seed_everything": seed} if _is_within(seed, 0.0, 2.0**32 - 1) else {}
    return yaml.safe_dump({**seed_part, "trainer": trainer, **parts})


def _load_without_aliases(text: str) -> Any:  # noqa: ANN401 - whatever a stranger wrote
    """Return the content of a YAML without aliases: ten nested ones can stand for billions of values.

    Raises:
        YAMLError: If it has one, or is no YAML.
    """
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
        raise yaml.YAMLError("the config has aliases")
    return yaml.safe_load(text)


def _is_harmless(name: object, value: object) -> bool:
    """Return whether a setting of the trainer is known, and its value in range."""
    if name in _FLAGS and isinstance(value, bool):
        return True
    if name in _NUMBERS:
        return value is None or _is_within(value, -1.0, _MOST)
    return isinstance(name, str) and not isinstance(value, bool) and value in _WORDS.get(name, ())


def _is_within(value: object, least: float, most: float) -> bool:
    """Return whether a value is a number in a range."""
    return is_number(value) and least <= value <= most
