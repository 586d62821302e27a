"""Logs a run to W&B without anything about people, machines or paths."""

import os
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from lightning.pytorch.loggers import WandbLogger

# Of its own accord wandb records the command line, the host, the git remote and what the terminal shows.
PRIVATE: dict[str, Any] = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "save_code": False,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
}


PROJECT = "itd_lightning"
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # part of a file's name


class TrackedRun(NamedTuple):
    """The place of a run on W&B; travels in its checkpoints, so that a resumed fit goes on there.

    Project and entity are those of the fit, and no place to send to: a checkpoint may be a stranger's.
    """

    id: str
    project: str
    entity: str | None
    offline: bool


def is_tracked(run: TrackedRun) -> bool:
    """Return whether every field has its type, and the id can name a file."""
    texts = (run.id, run.project, "" if run.entity is None else run.entity)
    typed = all(isinstance(text, str) for text in texts) and isinstance(run.offline, bool)
    return typed and _RUN_ID.fullmatch(run.id) is not None


def wandb_mode(*, offline: bool) -> Literal["online", "offline", "disabled"]:
    """Return the mode of a run; ``WANDB_MODE`` can only send less than the run asks for."""
    environment_mode = os.environ.get("WANDB_MODE", "")
    if environment_mode == "disabled":
        return "disabled"
    return "offline" if offline or environment_mode in ("offline", "dryrun") else "online"


class WandbRun(WandbLogger):
    """Log losses and the experiment's config to W&B; ``itd track`` adds the results.

    The environment wins: ``WANDB_MODE``, ``WANDB_ENTITY`` and ``WANDB_PROJECT`` over the arguments.

    Args:
        project: Name of the project.
        entity: Team or user; default: the account's.
        name: Name of the run; W&B makes one up.
        offline: Write to ``save_dir``/wandb only; ``wandb sync`` sends it.
        save_dir: Folder for its files.
        tags: Words to find the run by.
    """

    def __init__(
        self,
        project: str = PROJECT,
        entity: str | None = None,
        name: str | None = None,
        offline: bool = True,
        save_dir: str = ".",
        tags: list[str] | None = None,
    ) -> None:
        project = os.environ.get("WANDB_PROJECT") or project
        entity = os.environ.get("WANDB_ENTITY") or entity
        mode = wandb_mode(offline=offline)
        super().__init__(
            project=project,
            entity=entity,
            name=name,
            offline=mode == "offline",
            save_dir=save_dir,
            tags=tags,
            log_model=False,
            settings=PRIVATE,
        )
        self.project, self.entity, self.offline = project, entity, offline or mode == "offline"
        self._wandb_init.pop("anonymous", None)  # wandb warns of it, even unset

    @property
    def tracked_run(self) -> TrackedRun:
        """Return the place of this run."""
        return TrackedRun(str(self.experiment.id), self.project, self.entity, self.offline)

    def resume(self, run: str) -> None:
        """Continue a run that exists."""
        self._id = run
        self._wandb_init["id"] = run

    def log_hyperparams(self, params: object) -> None:
        """Take no hyper-parameters as they are: a path may name a person. See ``log_config``."""

    def finalize(self, status: str) -> None:
        """Close the run, so that another fit in the same process is another run."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=int(status != "success"))

    def log_config(self, config: Mapping[str, Any], fingerprint: str) -> None:
        """Log the experiment's config without any path, and the fingerprint of its store."""
        public = {**without_paths(config), "store_fingerprint": fingerprint}
        self.experiment.config.update(public, allow_val_change=True)


def without_paths(value: Any) -> Any:  # noqa: ANN401  # whatever a YAML may hold
    """Return a config without the texts that could be a path.

    Example:
        >>> without_paths({"lr": 0.1, "store": "/home/ann/store", "callbacks": ["EarlyStopping"]})
        {'lr': 0.1, 'callbacks': ['EarlyStopping']}
    """
    if isinstance(value, Mapping):
        parts = {name: without_paths(part) for name, part in value.items() if name not in _PATH_KEYS}
        return {name: part for name, part in parts.items() if part is not None}
    if isinstance(value, list | tuple):
        return [part for part in map(without_paths, value) if part is not None]
    return None if isinstance(value, str) and ("/" in value or "\\" in value or "@" in value) else value


_PATH_KEYS = ("store", "default_root_dir", "save_dir", "dirpath", "logger", "plugins")
