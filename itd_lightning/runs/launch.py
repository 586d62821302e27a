"""One experiment: LightningCLI with our rules about folders, checkpoints and what a config may name."""

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any, NoReturn

import torch
import yaml
from jsonargparse import Namespace, set_parsing_settings
from jsonargparse.typing import register_type
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger

import itd_lightning
from itd_lightning.callbacks import (
    AtomicCheckpointIO,
    Checkpoints,
    EmbeddingWriter,
    QuietProgressBar,
    RandomState,
    ScoreWriter,
    Tracked,
    WandbRun,
)
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import written_beside
from itd_lightning.methods import Method
from itd_lightning.runs.arguments import FOLLOWERS, SEED, refuse_followers, take_option
from itd_lightning.store.read import Store
from itd_lightning.views import View

# A config is somebody's text: it may name these and nothing else, above all no function of the system.
ALLOWED_IMPORTS = [
    "itd_lightning.callbacks",
    "itd_lightning.methods",
    "itd_lightning.splits",
    "itd_lightning.views",
    "torch.optim",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.plugins",
    "lightning.pytorch.profilers",
    "lightning.pytorch.strategies",
]
CONFIG_KEY = "itd_config"  # of the checkpoint
TRACKED_KEY = "itd_tracked"
CONFIGURED = ("seed_everything", "trainer", "model", "data", "checkpoint")
RESULTS = (
    "scores.parquet",
    "scored.yaml",
    "explanations.parquet",
    "embeddings.parquet",
    "evaluation.json",
    "audit.json",
    "threshold.json",
)

register_type(date, str, date.fromisoformat)


class OneLineParser(LightningArgumentParser):
    """Parser whose errors are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse the arguments."""
        raise InputError(message) from ex


class SaveConfig(SaveConfigCallback):
    """Writes the whole config into the run's folder and into each of its checkpoints."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write ``config.yaml`` when training starts."""
        if stage == "fit":
            self.write(trainer, "config.yaml")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``scored.yaml``, now that the checkpoint fits."""
        self.write(trainer, "scored.yaml")

    def write(self, trainer: Trainer, name: str) -> None:
        """Write the config into the run's folder, and tell it to W&B."""
        if not trainer.is_global_zero:
            return
        text = config_text(self.parser, self.config)
        with written_beside(Path(trainer.default_root_dir) / name) as partial:
            partial.write_text(text, "utf-8")
        for logger in wandb_runs(trainer.loggers):
            config = yaml.safe_load(text)
            logger.describe(config, Store(Path(config["data"]["init_args"]["store"])).fingerprint)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let the checkpoint know its config, so that ``itd test --ckpt_path X`` needs nothing else."""
        checkpoint[CONFIG_KEY] = config_text(self.parser, self.config)
        for logger in wandb_runs(trainer.loggers):
            checkpoint[TRACKED_KEY] = logger.tracked._asdict()


class NewScores(Callback):
    """Removes what was measured on scores that are about to be replaced, once store and checkpoint fit."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove what an earlier run left in the folder: it would not be this run's."""
        self.forget(trainer, "metrics.csv")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove results of other scores."""
        self.forget(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove results of other scores."""
        self.forget(trainer)

    def forget(self, trainer: Trainer, *others: str) -> None:
        """Remove results, and other files."""
        if trainer.is_global_zero:
            folder = Path(trainer.default_root_dir)
            for name in (*RESULTS, *others):
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / "audit", ignore_errors=True)


def config_text(parser: LightningArgumentParser, config: Namespace) -> str:
    """The resolved config as YAML, without what belongs to one command only."""
    whole = yaml.safe_load(parser.dump(config, skip_none=False))
    whole["data"]["init_args"]["store"] = str(Path(whole["data"]["init_args"]["store"]).resolve())
    return yaml.safe_dump({name: whole[name] for name in CONFIGURED if name in whole}, sort_keys=False)


def config_hash(text: str) -> str:
    """Hash of a config without the places where things lie: equal experiments have equal hashes."""
    whole = yaml.safe_load(text)
    whole["trainer"].pop("default_root_dir", None)
    for name in ("store", "build_workers", "executor"):  # none of them changes a score
        whole["data"]["init_args"].pop(name, None)
    return blake2b(yaml.safe_dump(whole).encode(), digest_size=8).hexdigest()


def wandb_runs(loggers: list[Any]) -> list[WandbRun]:
    """Those loggers that track on W&B."""
    return [logger for logger in loggers if isinstance(logger, WandbRun)]


def as_list(value: object) -> list[Any]:
    """A list of one thing, several or none."""
    return [] if value is None else value if isinstance(value, list) else [value]


class ExperimentCLI(LightningCLI):
    """LightningCLI in which the view decides shapes, and a run is one folder."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give each shape once, in the view; views and methods without it are skipped."""
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        for follower, leader in FOLLOWERS.items():
            parser.link_arguments(leader, follower, compute_fn=int if leader == SEED else None)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - as in Lightning
        """Parse, and refuse what would be ignored."""
        super().parse_arguments(parser, args)
        whole = self.config.as_dict()
        refuse_followers(args, whole[whole["subcommand"]])

    def _parse_ckpt_path(self) -> None:
        """Leave the checkpoint's hyper-parameters alone.

        Lightning would let them win over the command line; ours stand in the config that the checkpoint
        carries, which comes first, so that ``--model.scored value`` after it counts.
        """

    def instantiate_classes(self) -> None:
        """Instantiate; a value that does not fit is the user's to mend."""
        try:
            super().instantiate_classes()
        except (ValueError, MisconfigurationException) as error:
            raise InputError(str(error)) from error

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        """Build a trainer that logs to the run's folder and writes checkpoints and scores there."""
        seed = self._get(self.config, "seed_everything")
        text = config_text(self._parser(self.subcommand), self.config[str(self.subcommand)])
        writer = ScoreWriter(seed=int(seed or 0), config=config_hash(text))
        chosen = self._get(self.config_init, "trainer")
        bar = [] if chosen["enable_progress_bar"] is False else [QuietProgressBar()]
        self.trainer_defaults["callbacks"] = [NewScores(), writer, EmbeddingWriter(), RandomState(), *bar]
        folder = chosen["default_root_dir"] or "runs/default"
        if chosen["logger"] is not False:
            kwargs["logger"] = self.loggers(chosen, folder)
        cores, devices = os.cpu_count() or 1, chosen["devices"]
        if str(devices).isdigit() and int(devices) > cores and not torch.cuda.is_available():
            raise InputError(f"devices must be at most {cores}, the number of cores, got {devices}")
        plugins = [AtomicCheckpointIO(), *as_list(chosen["plugins"])]
        return super().instantiate_trainer(
            **kwargs, default_root_dir=folder, plugins=plugins, enable_model_summary=False
        )

    def loggers(self, chosen: Namespace, folder: str) -> list[Any]:
        """The run's own log, which the report reads, and those that the config names."""
        logs = self.subcommand == "fit" and not chosen["fast_dev_run"]
        own = [CSVLogger(folder, name="", version="")] if logs else []
        given = [] if chosen["logger"] is True else as_list(chosen["logger"])
        checkpoint = self._get(self.config, "ckpt_path")
        if checkpoint and (earlier := tracked_in(Path(checkpoint))):
            for logger in wandb_runs(given):
                logger.go_on(earlier.id)
        return own + given

    def before_fit(self) -> None:
        """Keep the losses of the epochs before a resumption."""
        metrics = Path(self.trainer.default_root_dir) / "metrics.csv"
        resumed = self._get(self.config, "ckpt_path") is not None
        self.earlier_metrics = metrics.read_text("utf-8") if resumed and metrics.is_file() else ""

    def after_fit(self) -> None:
        """Put the epochs before a resumption back in front, which the logger forgets."""
        metrics = Path(self.trainer.default_root_dir) / "metrics.csv"
        if self.earlier_metrics and metrics.is_file():
            header, *rows = metrics.read_text("utf-8").splitlines()
            before = self.earlier_metrics.splitlines()
            if before[0] == header:
                metrics.write_text("\n".join([*before, *rows, ""]), "utf-8")


def tracked_in(checkpoint: Path) -> Tracked | None:
    """Where the fit that wrote a checkpoint is on W&B; None if it was not tracked.

    Raises:
        InputError: If the checkpoint is no checkpoint, or says it in other words.
    """
    found = load_checkpoint(checkpoint).get(TRACKED_KEY)
    try:
        return None if found is None else Tracked(**found)
    except TypeError as error:
        raise InputError(f"{checkpoint} does not say where its run is tracked") from error


def train(args: Sequence[str]) -> ExperimentCLI:
    """Run ``fit``, ``validate``, ``test`` or ``predict``.

    Args:
        args: The command and its arguments. With ``--ckpt_path`` and without ``--config``, the config of the
            checkpoint stands before the other arguments, and the folder is the run's; ``predict`` writes into
            ``predict`` within it, since the run's own scores were made on another store.
    """
    quiet()
    arguments, allowed = take_option(list(args), "--allow-import")
    set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=ALLOWED_IMPORTS + allowed)
    command, *rest = arguments
    checkpoint = next(iter(take_option(list(rest), "--ckpt_path")[1]), None)
    if command == "fit" or checkpoint is None or any(a in ("-c", "--config", "--help", "-h") for a in rest):
        return run_cli(arguments)
    path = Path(checkpoint)
    config = safe_config(path, load_checkpoint(path).get(CONFIG_KEY))
    folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    folder = folder / "predict" if command == "predict" else folder
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(config)
        file.flush()
        root = f"--trainer.default_root_dir={folder}"
        return run_cli([command, "--config", file.name, root, *rest])


def safe_config(path: Path, text: object) -> str:
    """The config of a checkpoint without what could write or run elsewhere: a checkpoint may be a stranger's.

    Scoring needs none of it; who wants a profiler or a strategy names it on the command line.
    """
    try:
        config: dict[str, Any] = yaml.safe_load(text) if isinstance(text, str) else {}
        for name in ("logger", "callbacks", "plugins", "profiler", "strategy", "devices"):
            config["trainer"].pop(name, None)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} carries no config; give the run's with --config") from error
    return yaml.safe_dump(config)


def run_cli(args: list[str]) -> ExperimentCLI:
    """Parse and run.

    Raises:
        InputError: If what was given does not fit.
    """
    try:
        return ExperimentCLI(
            Method,
            View,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            save_config_callback=SaveConfig,
            seed_everything_default=0,
            parser_class=OneLineParser,
            parser_kwargs={"prog": "itd", "version": itd_lightning.__version__},
            args=args,
        )
    except UnicodeDecodeError as error:
        given = " or ".join(take_option(args, "--config")[1])
        raise InputError(f"the config {given} is no text in UTF-8: {error}") from error
    except RuntimeError as error:
        if str(error).startswith("Error(s) in loading state_dict"):
            raise InputError(
                "the checkpoint is of another method, or of another size, than the config: "
                "--ckpt_path alone takes the checkpoint's own"
            ) from error
        raise


NOISE = (
    "The '.*_dataloader' does not have many workers",
    ".*treespec, LeafSpec.*",
    ".*exists and is not empty.*",  # the run's folder
    "Total length of `list` across ranks is zero",  # a split without validation part
    ".*configure_optimizers` returned `None`.*",  # a method without gradients
    "The number of training batches .* is smaller than the logging interval",
    "LightningCLI's args parameter is intended",
    "`LightningModule.configure_optimizers` returned `None`",  # a method without gradients
    "`training_step` returned `None`",  # a batch with nothing to learn from
    "`is_gradient_checkpointing` is deprecated",  # inside peft
    "MatMul8bitLt: inputs will be cast",  # inside bitsandbytes, of float32 weights
    "Be aware that when using `ckpt_path`, callbacks",  # scoring needs no callback of the training
)


def quiet() -> None:
    """Keep Lightning's remarks about hardware, workers and its own products off the terminal."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in NOISE:
        warnings.filterwarnings("ignore", message=message)
