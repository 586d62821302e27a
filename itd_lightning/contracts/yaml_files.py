"""Reading of YAML files that say what to run: each key is checked, and an error names its place."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import yaml

from itd_lightning.contracts.errors import InputError


class Requirement(NamedTuple):
    """Requirement for the value of a key.

    Attributes:
        words: The requirement in words, after "must be".
        accepts: Test of a value.
    """

    words: str
    accepts: Callable[[Any], bool]


def is_text(value: object) -> bool:
    """Return whether a value is a text."""
    return isinstance(value, str)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number; ``true`` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_seed(value: object) -> bool:
    """Return whether a value is a seed."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def list_of(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    """Return a test of whether a value is a list whose entries all fit."""
    return lambda value: isinstance(value, list) and all(map(accepts, value))


def mapping_to(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    """Return a test of whether a value is a mapping from texts to values that fit, not empty."""
    return lambda value: (
        isinstance(value, dict)
        and bool(value)
        and all(map(is_text, value))
        and all(map(accepts, value.values()))
    )


TEXT = Requirement("a text", is_text)
FILE_NAME = Requirement("the name of a file", lambda value: is_text(value) and Path(value).name == value)
ARGUMENTS = Requirement("a list of arguments, each a text", list_of(is_text))
SEEDS = Requirement(
    "a list of whole numbers from 0 to 2**32 - 1, not empty",
    lambda value: bool(value) and list_of(_is_seed)(value),
)
FLAG = Requirement("true or false", lambda value: isinstance(value, bool))


def read_yaml(path: Path) -> object:
    """Return the content of a YAML file.

    Raises:
        InputError: If it is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {error}") from error


def check(
    path: Path, content: Mapping[str, Any], requirements: Mapping[str, Requirement], place: str = ""
) -> None:
    """Check the keys of a part of a YAML; missing ones pass.

    Args:
        path: The file.
        content: The part.
        requirements: What each of its keys must hold.
        place: Where the part lies in the file, such as ``rows.RMSL.``.

    Raises:
        InputError: If a key is unknown or holds something else.
    """
    for key, value in content.items():
        if key not in requirements:
            nearest = difflib.get_close_matches(str(key), requirements, 1)
            guess = f", {nearest[0]} is meant?" if nearest else ""
            raise InputError(
                f"{path}: {place}{key} is unknown{guess}; there may be {', '.join(requirements)}"
            )
        if not requirements[key].accepts(value):
            raise InputError(f"{path}: {place}{key} must be {requirements[key].words}, got {value!r:.60}")


def read_whole(
    path: Path, requirements: Mapping[str, Requirement], optional: Sequence[str] = ()
) -> dict[str, Any]:
    """Read a YAML that has every key, unless it is optional, and no other.

    Raises:
        InputError: If it is no YAML, a key is missing or unknown, or one holds something else.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} must have the keys {', '.join(requirements)}")
    check(path, content, requirements)
    if missing := [key for key in requirements if key not in content and key not in optional]:
        raise InputError(f"{path}: {', '.join(missing)} must be there")
    return content
