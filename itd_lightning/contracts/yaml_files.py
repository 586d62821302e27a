"""Reading of YAML files that say what to run: each key is checked, and an error names its place."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from itd_lightning.contracts.errors import InputError


class Wanted(NamedTuple):
    """What a key must hold.

    Attributes:
        words: It in words, after "must be".
        fits: Whether a value is it.
    """

    words: str
    fits: Callable[[Any], bool]


def is_text(value: object) -> bool:
    """Return whether a value is a text."""
    return isinstance(value, str)


def is_number(value: object) -> bool:
    """Return whether a value is a finite number; ``true`` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_seed(value: object) -> bool:
    """Return whether a value is a seed."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def list_of(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    """Return a test of whether a value is a list whose entries all fit."""
    return lambda value: isinstance(value, list) and all(map(fits, value))


def mapping_to(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    """Return a test of whether a value is a mapping from texts to values that fit, not empty."""
    return lambda value: (
        isinstance(value, dict)
        and bool(value)
        and all(map(is_text, value))
        and all(map(fits, value.values()))
    )


TEXT = Wanted("a text", is_text)
FILE_NAME = Wanted("the name of a file", lambda value: is_text(value) and Path(value).name == value)
ARGUMENTS = Wanted("a list of arguments, each a text", list_of(is_text))
SEEDS = Wanted(
    "a list of whole numbers from 0 to 2**32 - 1, not empty",
    lambda value: bool(value) and list_of(is_seed)(value),
)
FLAG = Wanted("true or false", lambda value: isinstance(value, bool))


def read_yaml(path: Path) -> object:
    """Return the content of a YAML file.

    Raises:
        InputError: If it is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {error}") from error


def check(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Wanted], place: str = "") -> None:
    """Check the keys of a part of a YAML; missing ones pass.

    Args:
        path: The file.
        found: The part.
        wanted: What each of its keys must hold.
        place: Where the part lies in the file, such as ``rows.RMSL.``.

    Raises:
        InputError: If a key is unknown or holds something else.
    """
    for key, value in found.items():
        if key not in wanted:
            raise InputError(f"{path}: {place}{key} is unknown; there may be {', '.join(wanted)}")
        if not wanted[key].fits(value):
            raise InputError(f"{path}: {place}{key} must be {wanted[key].words}, got {value!r:.60}")


def read_whole(path: Path, wanted: Mapping[str, Wanted], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Read a YAML that has every key, unless it is optional, and no other.

    Raises:
        InputError: If it is no YAML, a key is missing or unknown, or one holds something else.
    """
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise InputError(f"{path} must have the keys {', '.join(wanted)}")
    check(path, found, wanted)
    if missing := [key for key in wanted if key not in found and key not in optional]:
        raise InputError(f"{path}: {', '.join(missing)} must be there")
    return found
