"""Command line: ``itd COMMAND ...``; ``lightning`` is the same program under a second name."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, set_parsing_settings
from polars.exceptions import PolarsError

import itd_lightning
from itd_lightning.cli.cases import ack, close, list_cases, show
from itd_lightning.cli.daily import daily, doctor, unmask
from itd_lightning.cli.data import check, events, inspect, prepare, synth, thin
from itd_lightning.cli.experiments import reproduce, sweep, train
from itd_lightning.cli.listing import list_names
from itd_lightning.cli.runs import alerts, audit, evaluate, report, threshold, track
from itd_lightning.cli.serve import serve
from itd_lightning.contracts.errors import (
    FailedCommandError,
    FullDiskError,
    InputError,
    is_full_disk,
    one_line,
)
from itd_lightning.contracts.files import private_files
from itd_lightning.contracts.places import refuse_urls
from itd_lightning.contracts.run_files import CHECKPOINTS, LAST_CHECKPOINT
from itd_lightning.isolation import leave_current_folder

TRAINING = {
    "fit": "Train a method on a view of a store",
    "validate": "Measure the loss on the validation part",
    "test": "Score the test part of a run, or of another --data.store, and evaluate it: needs --ckpt_path",
    "predict": "Score every unit of a store, its own or another --data.store, no answer key needed",
}
# Each command is a function: its signature holds the options, its docstring the help.
COMMANDS: dict[str, Callable[..., None]] = {
    "synth": synth,
    "check": check,
    "prepare": prepare,
    "inspect": inspect,
    "events": events,
    "thin": thin,
    "evaluate": evaluate,
    "audit": audit,
    "threshold": threshold,
    "report": report,
    "alerts": alerts,
    "reproduce": reproduce,
    "sweep": sweep,
    "track": track,
    "list": list_names,
    "daily": daily,
    "doctor": doctor,
    "unmask": unmask,
    "serve": serve,
}
# Commands of two words.
_GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "case": (
        "Cases of users with alerts: list, show, acknowledge, close",
        {"list": list_cases, "show": show, "ack": ack, "close": close},
    ),
}
_OPTIONS = {  # required, but named
    "store": ("prepare", "reproduce", "sweep"),
    "out": ("report", "thin"),
    "user": ("events",),
    "day": ("events",),
    "as_": ("close",),
    "reason": ("close", "unmask"),
    "case": ("unmask",),
}
_RENAMED = {("synth", "formats"): "as", ("close", "as_"): "as"}  # words that Python keeps for itself
_SEVERAL = {"prepare": "sources", "evaluate": "scores", "report": "runs"}


def main(args: Sequence[str] | None = None) -> None:
    """Run one command; what the user can repair ends in one line and exit status 2."""
    if args is None:  # this is the whole program
        leave_current_folder()
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        with private_files():  # most that is written names people
            _start(arguments)
    except (InputError, OSError, PolarsError) as error:  # the latter two: a full disk, a damaged file
        sys.exit(_say("; ".join([one_line(error_text(error)), *_error_notes(error)]), status=2))
    except FailedCommandError as failure:
        sys.exit(_say(str(failure), status=failure.status))
    except KeyboardInterrupt as error:
        fit = (
            [f"a fit goes on with --ckpt_path RUN/{CHECKPOINTS}/{LAST_CHECKPOINT}"]
            if arguments[:1] == ["fit"]
            else []
        )
        advice = _error_notes(error) or fit
        sys.exit(_say("; ".join(["interrupted", *advice]), status=130))
    except Exception as error:  # whatever it is, a person gets one line
        if os.environ.get("ITD_DEBUG"):
            raise
        if is_full_disk(error):
            sys.exit(_say("; ".join([error_text(error), *_error_notes(error)]), status=2))
        text = f"unexpected {type(error).__name__}: {one_line(str(error))}"
        sys.exit(_say(f"{text}; ITD_DEBUG=1 shows where it comes from", status=1))


def _start(arguments: list[str]) -> None:
    """Run the command that stands first."""
    refuse_urls(arguments)
    if arguments and arguments[0] in TRAINING:
        train(arguments)
    else:
        _run(arguments)


def error_text(error: Exception) -> str:
    """Return the text of an error; one of the system names the file first, and no number."""
    if is_full_disk(error) and not isinstance(error, FullDiskError):
        file = getattr(error, "filename", None)
        where = f" of {Path(file).absolute().parent}" if isinstance(file, str | Path) else ""
        return f"no space left on the disk{where}; make room and try again"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _error_notes(error: BaseException) -> list[str]:
    """Return the notes attached to an exception."""
    return getattr(error, "__notes__", [])


def _say(message: str, status: int) -> int:
    """Write one line to standard error, without control characters that could steer the terminal."""
    sys.stderr.write(f"itd: {''.join(sign if sign.isprintable() else '?' for sign in message)}\n")
    return status


class _CommandParser(ArgumentParser):
    """Parser whose errors are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse the arguments."""
        raise InputError(message) from ex


def _run(args: Sequence[str]) -> None:
    """Parse and run a command beside training."""
    set_parsing_settings(config_read_mode_urls_enabled=False, config_read_mode_fsspec_enabled=False)
    parser = _CommandParser(prog="itd", description=itd_lightning.__doc__, version=itd_lightning.__version__)
    subcommands = parser.add_subcommands(dest="command", metavar="COMMAND", title="commands")
    for name, text in TRAINING.items():
        subcommands.add_subcommand(name, _CommandParser(), help=text)
    for name, command in COMMANDS.items():
        is_requested = name in args[:1]
        subcommands.add_subcommand(
            name, _command_parser(name, command, is_requested=is_requested), help=_summary(command)
        )
    for name, (text, group) in _GROUPS.items():
        _add_group(subcommands, name, text, group)
    try:
        config = parser.parse_args(list(args))
    except UnicodeDecodeError as error:
        raise InputError(f"the config in `{' '.join(args)}` is no text in UTF-8: {error}") from error
    options = config[config.command]
    if config.command in _GROUPS:
        command, options = _GROUPS[config.command][1][options.action], options[options.action]
    else:
        command = COMMANDS[config.command]
    values = options.as_dict()
    values.pop("config", None)
    command(**values)


def _add_group(
    subcommands: Any,  # noqa: ANN401 - of jsonargparse
    name: str,
    text: str,
    group: Mapping[str, Callable[..., None]],
) -> None:
    """Add the commands of two words that begin with this one."""
    parser = _CommandParser(description=text)
    subcommands.add_subcommand(name, parser, help=text)
    actions = parser.add_subcommands(dest="action", metavar="ACTION", title="actions")
    for action, command in group.items():
        actions.add_subcommand(
            action, _command_parser(action, command, is_requested=False), help=_summary(command)
        )


def _command_parser(name: str, command: Callable[..., None], *, is_requested: bool) -> _CommandParser:
    """Return a command's parser, from its signature; audits, which load much, only if they are requested."""
    parser = _CommandParser(description=(command.__doc__ or "").split("Args:")[0].strip())
    parser.add_argument("--config", action="config", help="YAML file with options of this command")
    several = _SEVERAL.get(name)
    required = {option for option, commands in _OPTIONS.items() if name in commands}
    if several:
        parser.add_argument(several, nargs="+", type=Path, help=_argument_help(command, several))
    parameters = signature(command).parameters
    for option in sorted(required):
        word, kind = _RENAMED.get((name, option), option), parameters[option].annotation
        words = _argument_help(command, option)
        parser.add_argument(f"--{word}", dest=option, required=True, type=kind, help=words)
    flags = [name for name, option in parameters.items() if option.default is False]
    for flag in flags:
        words = _argument_help(command, flag)
        parser.add_argument(f"--{flag.replace('_', '-')}", action="store_true", help=words)
    renamed = {option: word for (owner, option), word in _RENAMED.items() if owner == name}
    for option, word in renamed.items():
        if option not in required:
            default, words = parameters[option].default, _argument_help(command, option)
            parser.add_argument(f"--{word}", dest=option, default=default, help=words)
    skip: set[str | int] = {*required, *flags, *renamed, *([several] if several else [])}
    parser.add_function_arguments(command, as_group=False, as_positional=True, skip=skip)
    if is_requested and name == "audit":
        _add_audits(parser)
    return parser


def _add_audits(parser: _CommandParser) -> None:
    """Add the flags of the audits, with the meaning and the needs of each."""
    from itd_lightning.audits import AUDITS

    options_in_help = set()
    for entry in AUDITS:
        needs = f"; needs {entry.needs}" if entry.needs else ""
        group = parser.add_argument_group(f"audit {entry.name!r}", f"{entry.meaning}{needs}.")
        option = entry.option
        if option is None or option in options_in_help:
            continue
        options_in_help.add(option)
        if option.default:
            group.add_argument(f"--{option.name}", type=bool, default=True, help=option.help)
        else:
            group.add_argument(f"--{option.name}", action="store_true", help=option.help)


def _summary(command: Callable[..., None]) -> str:
    """Return the first sentence of a command's docstring."""
    return (command.__doc__ or "").split("\n")[0].rstrip(".")


def _argument_help(command: Callable[..., None], name: str) -> str:
    """Return the description of an argument in a command's docstring."""
    match = re.search(rf"^ +{name}: (.*)$", command.__doc__ or "", re.MULTILINE)
    return match[1] if match else ""
