"""Arguments of a command before they are parsed: rendered, taken off, and checked against one another."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.shipped import find_shipped
from itd_lightning.contracts.yaml_files import read_yaml

_CONFIG_OPTIONS = ("--config", "-c")
SEED = "seed_everything"
STORE, FOLDER = "data.store", "trainer.default_root_dir"  # settings that every run has
# An argument that takes its value from another one; methods and views without it are skipped.
FOLLOWERS = {
    **{f"model.init_args.{name}": f"data.init_args.{name}" for name in ("hours", "vocabulary", "modes")},
    "model.init_args.behaviours": "data.init_args.behaviours",
    "data.init_args.seed": SEED,
}


def resolve_configs(arguments: Sequence[str]) -> list[str]:
    """Return a command's arguments with the path of each config that is named by its name.

    Raises:
        InputError: If there is no such config.
    """
    resolved, previous = [], ""
    for word in arguments:
        option, equals, value = word.partition("=")
        if equals and option in _CONFIG_OPTIONS:
            word = f"{option}={find_shipped('configs', value)}"
        elif previous in _CONFIG_OPTIONS:
            word = find_shipped("configs", word)
        resolved.append(word)
        previous = word
    return resolved


def render_options(settings: Mapping[str, object]) -> list[str]:
    """Return settings as options of the command line; the parser reads values as JSON.

    Example:
        >>> render_options({"model.scored": "sum", "trainer.max_steps": 2, "data.budget": None})
        ['--model.scored=sum', '--trainer.max_steps=2', '--data.budget=null']
    """
    return [
        f"--{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in settings.items()
    ]


def fit_arguments(configs: Iterable[Path], settings: Mapping[str, object]) -> list[str]:
    """Return the command line of a fit; what comes later wins."""
    return ["fit", *(f"--config={path}" for path in configs), *render_options(settings)]


def score_arguments(
    command: Literal["test", "predict"], checkpoint: Path, settings: Mapping[str, object]
) -> list[str]:
    """Return the command line that scores with a checkpoint."""
    return [command, f"--ckpt_path={checkpoint}", *render_options(settings)]


def refuse_followers(arguments: Sequence[str] | Mapping[str, Any], parser_config: dict[str, Any]) -> None:
    """Refuse values of options that another option has replaced while parsing.

    Args:
        arguments: As they were typed, and configs that they name are read; or a command's whole config.
        parser_config: The command's config.

    Raises:
        InputError: If a value differs from the one that is used.
    """
    for follower, leader in FOLLOWERS.items():
        effective = _value_at(parser_config, follower)
        for place, value in _option_values(arguments, follower):
            if str(value) != str(effective):
                option = leader.replace("init_args.", "")
                raise InputError(
                    f"{place} {value} would be ignored, since {option} decides: give --{option} instead"
                )


def _option_values(arguments: Sequence[str] | Mapping[str, Any], name: str) -> Iterator[tuple[str, object]]:
    """Yield where an option is given, and its value there."""
    if not isinstance(arguments, Mapping):
        yield from _command_line_values(list(arguments), name)
    elif (value := _value_at(arguments[arguments["subcommand"]], name)) is not None:
        yield name, value


def _command_line_values(arguments: list[str], name: str) -> Iterator[tuple[str, object]]:
    """Yield where an option is typed, on the command line or in a config, and its value there."""
    part, _, last = name.split(".")
    for option in (f"--{part}.{last}", f"--{name}"):
        yield from ((option, value) for value in take_option(arguments, option)[1])
    for option, prefix in (*((name, "") for name in _CONFIG_OPTIONS), (f"--{part}", f"{part}.")):
        for text in take_option(arguments, option)[1]:
            value = _value_at(_load_config(text), name.removeprefix(prefix))
            if value is not None:
                yield f"{option} {text}: {name}", value


def _load_config(text: str) -> object:
    """Return the content of a config that an argument names, or of an argument that is YAML itself."""
    return read_yaml(Path(text)) if Path(text).is_file() else yaml.safe_load(text)


def _value_at(config: object, name: str) -> object:
    """Return a value of a nested config by its dotted name; None where there is none.

    Example:
        >>> _value_at({"data": {"seed": 3}}, "data.seed")
        3
    """
    for key in name.split("."):
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


def take_option(args: list[str], name: str) -> tuple[list[str], list[str]]:
    """Split ``--name value`` and ``--name=value`` off a list of arguments.

    Example:
        >>> take_option(["fit", "--x", "1", "--y=2"], "--x")
        (['fit', '--y=2'], ['1'])
    """
    others: list[str] = []
    values: list[str] = []
    words = iter(args)
    for word in words:
        if word == name:
            values.append(next(words, ""))
        elif word.startswith(f"{name}="):
            values.append(word.removeprefix(f"{name}="))
        else:
            others.append(word)
    return others, values
