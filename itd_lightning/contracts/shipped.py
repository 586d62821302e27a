"""Files that come with the program beside its code: configs, overlays and tables of experiments, by name."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from itd_lightning.contracts.errors import InputError

ShippedKind = Literal["configs", "experiments"]

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[\w./-]+")  # anything else is YAML itself


def shipped_folder(kind: ShippedKind) -> Path:
    """Return the folder of these files: within the package of a wheel, beside the package in a checkout."""
    inside = _PACKAGE / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def shipped_names(kind: ShippedKind) -> list[str]:
    """Return the names of these files, such as ``rmsl`` and ``overlays/slice``, or ``rmsl/table1``.

    Example:
        >>> "overlays/slice" in shipped_names("configs"), "rmsl/table1" in shipped_names("experiments")
        (True, True)
    """
    folder = shipped_folder(kind)
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def find_shipped(kind: ShippedKind, word: str) -> str:
    """Return the path of the file that a word names: itself if it is one, or else one of ours.

    Args:
        kind: Where to look.
        word: A path, or a name such as ``rmsl``, ``rmsl.yaml`` or ``configs/rmsl.yaml``.

    Returns:
        The path. A word that is no name, such as an absolute path or YAML, comes back as it is.

    Raises:
        InputError: If there is no such file; the nearest name stands in it.
    """
    if not _NAME.fullmatch(word) or Path(word).is_absolute() or Path(word).is_file():
        return word
    names = shipped_names(kind)
    name = Path(word).as_posix().removeprefix(f"{kind}/").removesuffix(".yaml")
    if name in names:
        return str(shipped_folder(kind) / f"{name}.yaml")
    nearest = get_close_matches(name, names, n=1)
    advice = f"; the nearest name is {nearest[0]}" if nearest else ""
    raise InputError(f"{word} is neither a file nor a name that `itd list {kind}` shows{advice}")


def is_shipped(path: Path) -> bool:
    """Return whether a file lies within the installed package, where nothing of a user is written."""
    return path.resolve().is_relative_to(_PACKAGE)
