"""The command that lists what can be named: configs, overlays, tables, presets, methods, views, splits."""

from collections.abc import Callable
from importlib import import_module
from inspect import getdoc, isclass
from pathlib import Path
from typing import Literal

from rich.table import Table

from itd_lightning.cli.terminal import console, safe
from itd_lightning.contracts.shipped import ShippedKind, shipped_folder, shipped_names
from itd_lightning.sources.mapped.mapping import PRESETS

_Kind = Literal["configs", "overlays", "experiments", "presets", "methods", "views", "splits"]
_OVERLAYS = "overlays/"
_BASES = ("Method", "View", "Split")


def list_names(kind: _Kind) -> None:
    """List what can be named on the command line, with a line on each.

    `itd fit --config NAME` takes configs, and overlays after one; `itd reproduce NAME` takes experiments;
    `itd prepare --preset NAME` takes presets. Methods, views and splits are classes that a config names.

    Args:
        kind: Of what: configs, overlays, experiments, presets, methods, views or splits.
    """
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, words in _LISTS[kind]():
        table.add_row(safe(name), safe(words))
    console().print(table)


def _configs() -> list[tuple[str, str]]:
    """Return the shipped configs of methods."""
    return [row for row in _files("configs") if not row[0].startswith(_OVERLAYS)]


def _overlays() -> list[tuple[str, str]]:
    """Return the shipped overlays."""
    return [row for row in _files("configs") if row[0].startswith(_OVERLAYS)]


def _experiments() -> list[tuple[str, str]]:
    """Return the shipped tables and searches."""
    return _files("experiments")


def _files(kind: ShippedKind) -> list[tuple[str, str]]:
    """Return the names of shipped files, with what they say of themselves."""
    folder = shipped_folder(kind)
    return [(name, _about(folder / f"{name}.yaml")) for name in shipped_names(kind)]


def _presets() -> list[tuple[str, str]]:
    """Return the mappings of ours."""
    return [(path.stem, _about(path)) for path in sorted(PRESETS.glob("*.yaml"))]


def _about(path: Path) -> str:
    """Return the title of a YAML file, or the first sentence of the comment at its head."""
    lines = path.read_text("utf-8").splitlines()
    titles = [line.removeprefix("title:").strip().strip("'\"") for line in lines if line.startswith("title:")]
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return titles[0] if titles else _first_sentence(" ".join(comment))


def _classes(package: str) -> Callable[[], list[tuple[str, str]]]:
    """Return a function that lists the classes of a package, with the first sentence on each."""

    def rows() -> list[tuple[str, str]]:
        found = vars(import_module(f"itd_lightning.{package}"))
        classes = [value for name, value in found.items() if isclass(value) and name not in _BASES]
        return sorted((value.__name__, _first_sentence(getdoc(value) or "")) for value in classes)

    return rows


def _first_sentence(text: str) -> str:
    """Return the first sentence of a text, on one line.

    Example:
        >>> _first_sentence("One, as in r4.2. Two.")
        'One, as in r4.2.'
    """
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".").replace("``", "") + "."


_LISTS: dict[_Kind, Callable[[], list[tuple[str, str]]]] = {
    "configs": _configs,
    "overlays": _overlays,
    "experiments": _experiments,
    "presets": _presets,
    "methods": _classes("methods"),
    "views": _classes("views"),
    "splits": _classes("splits"),
}
