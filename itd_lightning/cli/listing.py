"""The command that lists what can be named: configs, overlays, tables, presets, methods, views, splits."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from rich.table import Table

import itd_lightning
from itd_lightning.cli.terminal import console, safe
from itd_lightning.contracts.shipped import ShippedKind, shipped_folder, shipped_names
from itd_lightning.sources.mapped.mapping import PRESETS

_Kind = Literal["configs", "overlays", "experiments", "presets", "methods", "views", "splits"]
_OVERLAYS = "overlays/"
_BASES = {"Method", "View", "Split"}


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
    """Return a function that lists the classes of a package, with the first sentence on each.

    They are read as text: to import the methods takes seconds, and a list must not.
    """

    def rows() -> list[tuple[str, str]]:
        folder = Path(itd_lightning.__file__).parent
        imports = [
            node for node in _parse(folder / package / "__init__.py") if isinstance(node, ast.ImportFrom)
        ]
        offered = {alias.name for node in imports for alias in node.names} - _BASES
        files = {folder.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py") for node in imports}
        nodes = [node for file in files for node in _parse(file) if isinstance(node, ast.ClassDef)]
        return sorted(
            (node.name, _first_sentence(ast.get_docstring(node) or ""))
            for node in nodes
            if node.name in offered
        )

    return rows


def _parse(file: Path) -> list[ast.stmt]:
    """Return the statements of a module."""
    return ast.parse(file.read_text("utf-8")).body


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
