"""One experiment: LightningCLI with our rules about folders, checkpoints and what a config may name."""

import logging
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import torch
from jsonargparse import Namespace, set_parsing_settings
from jsonargparse.typing import register_type
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

import itd_lightning
from itd_lightning import views
from itd_lightning.callbacks import (
    AtomicCheckpointIO,
    Checkpoints,
    EmbeddingWriter,
    PictureWriter,
    QuietProgressBar,
    RandomState,
    RunLog,
    ScoreWriter,
    StaleFiles,
    SyncBuffers,
)
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.callbacks.own_files import CONFIG_KEY, is_own
from itd_lightning.callbacks.stages import StagedMethod
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file, private_files
from itd_lightning.contracts.places import refuse_urls, refuse_urls_within
from itd_lightning.contracts.run_files import (
    METRIC_FILE,
    SCORE_FILE,
    best_checkpoint,
    predict_folder,
    run_of_checkpoint,
)
from itd_lightning.methods import Method
from itd_lightning.methods.base import batch_of
from itd_lightning.runs.arguments import (
    FOLDER,
    FOLLOWERS,
    SEED,
    refuse_followers,
    render_options,
    resolve_configs,
    take_option,
)
from itd_lightning.runs.checkpoint_config import safe_config
from itd_lightning.runs.config import SaveConfig, config_hash, config_text, find_tracked_run, wandb_runs
from itd_lightning.scores.table import scan_scores
from itd_lightning.store.read import Store
from itd_lightning.views import View

# A config is somebody's text: it may name these and nothing else, above all no function of the system.
_ALLOWED_IMPORTS = [
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
_BATCHES = int | float | None  # the type of options such as limit_train_batches
_DEFAULT_FOLDER = "runs/default"
_STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false")

register_type(date, str, date.fromisoformat)


class _OneLineParser(LightningArgumentParser):
    """Parser whose errors are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse the arguments."""
        raise InputError(message) from ex


def _as_list(value: object) -> list[Any]:
    """Return a list of one thing, several or none."""
    return [] if value is None else value if isinstance(value, list) else [value]


class ExperimentCLI(LightningCLI):
    """LightningCLI in which the view decides shapes, and a run is one folder.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        explained_from: First day whose scores are explained; None for all.
        **settings: Of LightningCLI.
    """

    def __init__(
        self,
        command: str,
        explained_from: date | None = None,
        **settings: Any,  # noqa: ANN401 - they are Lightning's
    ) -> None:
        self.command, self.explained_from = command, explained_from
        super().__init__(Method, View, **settings)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # Lightning asks the instance
        """Return the command that runs, so that the parser need not describe the other three."""
        commands = LightningCLI.subcommands()
        return {name: skip for name, skip in commands.items() if name == self.command} or commands

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Link each shape to the view that decides it; views and methods without it are skipped."""
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        for argument in parser._actions:
            # 1 is one batch and 1.0 the whole part. Python's typing mixes equal unions up, so that
            # the parser may see float before int, and would read 1 as 1.0.
            if getattr(argument, "_typehint", None) == _BATCHES:
                argument._typehint = _BATCHES  # type: ignore[attr-defined]
        for follower, leader in FOLLOWERS.items():
            parser.link_arguments(leader, follower, compute_fn=int if leader == SEED else None)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - as in Lightning
        """Parse, and refuse values that would be ignored."""
        super().parse_arguments(parser, args)
        whole = self.config.as_dict()
        settings = whole[whole["subcommand"]]
        refuse_followers(args, settings)
        checkpoint = settings.get("ckpt_path")
        if self.command == "test" and checkpoint:
            store, folder = settings["data"]["init_args"]["store"], settings["trainer"]["default_root_dir"]
            run = run_of_checkpoint(Path(checkpoint))
            _refuse_other_store(Path(store), Path(folder or _DEFAULT_FOLDER), run)

    def _parse_ckpt_path(self) -> None:
        """Leave the checkpoint's hyper-parameters alone.

        Lightning would let them win over the command line; ours stand in the config that the checkpoint
        carries, which comes first, so that ``--model.scored value`` after it counts.
        """

    def instantiate_classes(self) -> None:
        """Instantiate; report a value that does not fit as the user's error."""
        settings = self.config[str(self.subcommand)].as_dict()
        refuse_urls_within(settings)
        try:
            super().instantiate_classes()
            if self.takes_width_of_store():
                super().instantiate_classes()
        except (ValueError, MisconfigurationException) as error:
            raise InputError(str(error)) from error
        _check_batches(type(self.model), type(self.datamodule))

    def takes_width_of_store(self) -> bool:
        """Return whether the method was made for another number of columns than the store has; it is set."""
        argument, columns = getattr(self.model, "columns_argument", None), self.datamodule.columns
        arguments = self.config[str(self.subcommand)].model.init_args
        if argument is None or not columns or getattr(arguments, argument) == len(columns):
            return False
        setattr(arguments, argument, len(columns))
        return True

    def instantiate_trainer(self, **kwargs: object) -> Trainer:
        """Build a trainer that logs to the run's folder and writes checkpoints and scores there."""
        seed = self._get(self.config, "seed_everything")
        text = config_text(self._parser(self.subcommand), self.config[str(self.subcommand)])
        writer = ScoreWriter(
            seed=int(seed or 0), config=config_hash(text), explained_from=self.explained_from
        )
        settings = self._get(self.config_init, "trainer")
        bar = [] if settings["enable_progress_bar"] is False else [QuietProgressBar()]
        own = [StaleFiles(), writer, EmbeddingWriter(), PictureWriter(), RandomState(), SyncBuffers()]
        self.trainer_defaults["callbacks"] = [*own, *bar]
        folder = settings["default_root_dir"] or _DEFAULT_FOLDER
        if settings["logger"] is not False:
            kwargs["logger"] = self.loggers(settings, folder)
        cores, devices = os.cpu_count() or 1, settings["devices"]
        if str(devices).isdigit() and int(devices) > cores and not torch.cuda.is_available():
            raise InputError(f"devices must be at most {cores}, the number of cores, got {devices}")
        plugins = [AtomicCheckpointIO(), *_as_list(settings["plugins"])]
        strategy = _check_strategy(settings["strategy"])
        plain = strategy == "ddp" or (strategy == "auto" and has_several_devices(devices))
        if plain and isinstance(self.model, StagedMethod):
            strategy = "ddp_find_unused_parameters_true"  # a stage leaves weights out
        kwargs["strategy"] = strategy
        return super().instantiate_trainer(
            **kwargs, default_root_dir=folder, plugins=plugins, enable_model_summary=False
        )

    def loggers(self, settings: Namespace, folder: str) -> list[Any]:
        """Return the run's own log, which the report reads, and the loggers that the config names."""
        logs = self.subcommand == "fit" and not settings["fast_dev_run"]
        own = [RunLog(folder)] if logs else []
        config_loggers = [] if settings["logger"] is True else _as_list(settings["logger"])
        if self.checkpoint and (fit_run := find_tracked_run(self.checkpoint)):
            for logger in wandb_runs(config_loggers):
                logger.resume(fit_run.id)
        return own + config_loggers

    @property
    def has_trained(self) -> bool:
        """Return whether the fit had an epoch left to train."""
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
        return any(isinstance(callback, StaleFiles) and callback.has_started for callback in callbacks)

    @property
    def checkpoint(self) -> Path | None:
        """Return the checkpoint that the command started from."""
        checkpoint = self._get(self.config, "ckpt_path")
        return Path(checkpoint) if checkpoint else None

    def before_fit(self) -> None:
        """Refuse several devices for a method that needs one; keep the losses before a resumption."""
        several = self.trainer.num_devices * self.trainer.num_nodes > 1
        if several and isinstance(self.model, Method) and self.model.needs_one_device:
            raise InputError(
                f"{type(self.model).__name__} learns from the whole training part at once: "
                "use --trainer.devices 1"
            )
        metrics = Path(self.trainer.default_root_dir) / METRIC_FILE
        is_resumption = self.checkpoint is not None
        self.earlier_metrics = metrics.read_text("utf-8") if is_resumption and metrics.is_file() else ""

    def after_fit(self) -> None:
        """Put the epochs before a resumption back in front, which the logger drops."""
        metrics = Path(self.trainer.default_root_dir) / METRIC_FILE
        first = self.trainer.is_global_zero
        if first and self.has_trained and self.earlier_metrics and metrics.is_file():
            header, *rows = metrics.read_text("utf-8").splitlines()
            before = self.earlier_metrics.splitlines()
            if before[0] == header:
                with atomic_file(metrics) as partial:
                    partial.write_text("\n".join([*before, *rows, ""]), "utf-8")


def _check_batches(method: type, view: type[View]) -> None:
    """Check that a method reads the batches of a view.

    Raises:
        InputError: If it reads others; the views that fit stand in it.
    """
    batch = batch_of(method)
    if batch is None or issubclass(getattr(view, "batch_type", batch), batch):
        return
    fitting = [
        other.__name__
        for other in vars(views).values()
        if isinstance(other, type) and issubclass(getattr(other, "batch_type", object), batch)
    ]
    raise InputError(
        f"{method.__name__} reads the view {' or '.join(fitting)}, and not {view.__name__}: "
        f"give it --data {fitting[0]}, or take another overlay"
    )


def _check_strategy(strategy: object) -> object:
    """Return the strategy, if scores and checkpoints are written for it.

    Raises:
        InputError: If they are not.
    """
    if isinstance(strategy, DDPStrategy | SingleDeviceStrategy) or strategy in _STRATEGIES:
        return strategy
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    raise InputError(f"strategy {name} is not supported: use --trainer.strategy ddp, or one device")


def has_several_devices(devices: object) -> bool:
    """Return whether this is more than one device.

    Example:
        >>> (
        ...     has_several_devices(2),
        ...     has_several_devices("0,1"),
        ...     has_several_devices([1]),
        ...     has_several_devices(1),
        ... )
        (True, True, False, False)
    """
    if devices in ("auto", "-1", -1):
        return torch.cuda.device_count() > 1
    if isinstance(devices, list):
        return len(devices) > 1
    names = str(devices).strip(",").split(",")
    return len(names) > 1 or (names[0].isdigit() and int(names[0]) > 1)


@private_files()
def train(args: Sequence[str], explained_from: date | None = None) -> ExperimentCLI:
    """Run ``fit``, ``validate``, ``test`` or ``predict``.

    Args:
        args: The command and its arguments. With ``--ckpt_path``, the folder is that of the checkpoint's run,
            unless ``--trainer.default_root_dir`` is among them: a config that was copied with its run names
            the original's. But for ``fit``, it may name a run's folder instead of the best checkpoint there.
            ``predict`` writes into ``predict`` within it, since the run's own scores were made on another
            store. Without ``--config``, the checkpoint's own stands before the others.
        explained_from: First day whose scores are explained, which takes time; None for all.
    """
    refuse_urls(args)
    arguments, modules = take_option(resolve_configs(args), "--allow-import")
    _restrict_parsing(modules)
    command, *options = arguments
    others, checkpoints = take_option(options, "--ckpt_path")
    if not checkpoints or any(a in ("--help", "-h") for a in options):
        return _run_cli(command, arguments)
    path = Path(checkpoints[-1])
    if path.is_dir() and command != "fit":  # which goes on from the last one, not from the best
        path = best_checkpoint(path)
        options = [*others, f"--ckpt_path={path}"]
        arguments = [command, *options]
    run = run_of_checkpoint(path)
    folder = predict_folder(run) if command == "predict" else run
    root = [] if take_option(options, f"--{FOLDER}")[1] else render_options({FOLDER: str(folder)})
    if command == "fit" or any(a.partition("=")[0] in ("-c", "--config") for a in options):
        return _run_cli(command, [*arguments, *root])
    config = safe_config(path, load_checkpoint(path).get(CONFIG_KEY))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(config)
        file.flush()
        return _run_cli(command, [command, "--config", file.name, *root, *options], explained_from)


def _refuse_other_store(store: Path, folder: Path, run: Path) -> None:
    """Refuse to replace a run's own scores by those of another store.

    Args:
        store: What is to be scored.
        folder: Where the scores go.
        run: The checkpoint's run.

    Raises:
        InputError: If the folder is the run's, and its scores are of another store.
    """
    scores = run / SCORE_FILE
    if folder.resolve() != run.resolve() or not is_own(scores):
        return
    about = scan_scores(scores)[1]
    if store.resolve() != Path(about.store) and Store(store).fingerprint != about.store_fingerprint:
        raise InputError(
            f"the scores of {store} would replace those of {about.store} in {run}: "
            f"give another folder for them with --{FOLDER}"
        )


@private_files()
def launch(command: str, config: Mapping[str, Any], checkpoint: Path | None = None) -> ExperimentCLI:
    """Run a command on a whole config from Python, without a command line.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        config: Whole config, as ``config.yaml`` or ``scored.yaml`` of a run holds it.
        checkpoint: Weights to start from.

    Raises:
        InputError: If the config or the checkpoint does not fit.
    """
    _restrict_parsing()
    weights = {} if checkpoint is None else {"ckpt_path": str(checkpoint)}
    return _run_cli(command, {"subcommand": command, command: {**config, **weights}})


def _restrict_parsing(modules: Sequence[str] = ()) -> None:
    """Allow only the listed imports in a config, and no download; keep the terminal quiet.

    Args:
        modules: More modules that may be named.
    """
    quiet()
    set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=[*_ALLOWED_IMPORTS, *modules])
    # Lightning lets the parser fetch configs from anywhere.
    set_parsing_settings(config_read_mode_urls_enabled=False, config_read_mode_fsspec_enabled=False)


def _run_cli(
    command: str, args: list[str] | dict[str, Any], explained_from: date | None = None
) -> ExperimentCLI:
    """Parse and run a command.

    Raises:
        InputError: If what was given does not fit.
    """
    try:
        return ExperimentCLI(
            command,
            explained_from,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            save_config_callback=SaveConfig,
            seed_everything_default=0,
            trainer_defaults={"devices": 1},
            parser_class=_OneLineParser,
            parser_kwargs={"prog": "itd", "version": itd_lightning.__version__},
            args=args,
        )
    except UnicodeDecodeError as error:
        names = " or ".join(take_option(args, "--config")[1] if isinstance(args, list) else [])
        raise InputError(f"the config {names} is no text in UTF-8: {error}") from error
    except RuntimeError as error:
        if str(error).startswith("Error(s) in loading state_dict"):
            raise InputError(
                "the checkpoint is of another method, or of another size, than the config: "
                "--ckpt_path alone takes the checkpoint's own"
            ) from error
        raise


_NOISE = (
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
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
