"""Training and scoring a run again by its own config with a few changes, for audits."""

from pathlib import Path
from typing import Any

import yaml

from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.callbacks.own_files import CONFIG_KEY
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.run_files import SCORE_FILE
from itd_lightning.contracts.yaml_files import read_yaml
from itd_lightning.runs.checkpoint_config import safe_config
from itd_lightning.runs.launch import launch


class LightningRescorer:
    """Training and scoring again with Lightning; a ``Rescorer`` of the audits."""

    def check(self, checkpoint: Path) -> None:
        """Refuse a damaged checkpoint.

        Raises:
            InputError: If it is damaged.
        """
        load_checkpoint(checkpoint)

    def retrain(
        self, config: Path, folder: Path, *, store: Path | None = None, moved_days: int | None = None
    ) -> None:
        """Train by a config into another folder; arguments as in ``audits.base.Rescorer``."""
        whole = _relocate(read_config(config), folder, store)
        whole["trainer"]["logger"] = True  # the own log alone: a tracker shows no audits
        if moved_days is not None:
            whole["data"]["init_args"]["split"]["init_args"]["moved_days"] = moved_days
        launch("fit", whole)

    def rescore(
        self,
        checkpoint: Path,
        folder: Path,
        *,
        config: Path | None = None,
        store: Path | None = None,
        scored_share: float | None = None,
        batch_size: int | None = None,
    ) -> Path:
        """Score the test part into a folder; return the score table. Arguments as in ``Rescorer``."""
        whole = _carried_config(checkpoint) if config is None else read_config(config)
        whole = _relocate(whole, folder, store)
        changes = {"scored_share": scored_share, "batch_size": batch_size}
        whole["data"]["init_args"].update({k: value for k, value in changes.items() if value is not None})
        try:
            launch("test", whole, checkpoint)
        except (RuntimeError, KeyError) as error:  # of weights or a view's state that this code does not know
            first = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(f"{checkpoint} cannot be scored by this version: {first}") from error
        return folder / SCORE_FILE


def read_config(path: Path) -> dict[str, Any]:
    """Read the whole config of a run.

    Raises:
        InputError: If it is none.
    """
    config = read_yaml(path)
    if not isinstance(config, dict) or not {"data", "model", "trainer"} <= config.keys():
        raise InputError(f"{path} is no config of a run; write it again with `itd test`")
    return config


def _carried_config(checkpoint: Path) -> dict[str, Any]:
    """Return the config that a checkpoint carries, with known settings in known ranges only.

    Raises:
        InputError: If it carries none, or is no checkpoint.
    """
    config: dict[str, Any] = yaml.safe_load(
        safe_config(checkpoint, load_checkpoint(checkpoint).get(CONFIG_KEY))
    )
    return config


def _relocate(config: dict[str, Any], folder: Path, store: Path | None) -> dict[str, Any]:
    """Return a config for another folder; on another store, nothing is logged beside the scores."""
    config["trainer"]["default_root_dir"] = str(folder)
    if store is not None:
        config["data"]["init_args"]["store"] = str(store)
        config["trainer"]["logger"] = False
    return config
