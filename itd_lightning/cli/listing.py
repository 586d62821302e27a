"""Names that a command line or a config may use, with the first words about each; read without loading any.

To import the methods takes seconds, and a list must not.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rich.table import Table

import itd_lightning
from itd_lightning.cli.terminal import console, safe
from itd_lightning.contracts.errors import InputError

Kind = Literal["configs", "overlays", "methods", "views", "splits", "presets"]
_PACKAGE = Path(itd_lightning.__file__).parent
_BASES = ("Method", "View", "Split")
_FOLDERS = {
    "configs": Path("configs"),
    "overlays": Path("configs") / "overlays",
    "presets": _PACKAGE / "sources" / "mapped" / "presets",
}


def list_names(kind: Kind) -> None:
    """List the configs, overlays, methods, views, splits or presets that there are, with a line about each.

    Args:
        kind: configs and overlays of the folder `configs` here; methods, views and splits that a config may
            name; presets of own logs.
    """
    rows = list(_files(_FOLDERS[kind]) if kind in _FOLDERS else _classes(kind))
    if not rows:
        raise InputError(f"no {kind} in {_FOLDERS[kind].absolute()}; go to the folder of the project")
    table = Table("name", "what it is", title=kind)
    for name, words in rows:
        table.add_row(safe(name), safe(words))
    console().print(table)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the YAML files of a folder, and the comment that each begins with, up to its first full stop."""
    for path in sorted(folder.glob("*.yaml")):
        lines = path.read_text("utf-8").splitlines()
        comment = [line.removeprefix("#").strip() for line in lines[:4] if line.startswith("#")]
        yield path.stem, " ".join(comment).partition(". ")[0].rstrip(".")


def _classes(package: str) -> Iterator[tuple[str, str]]:
    """Yield the classes that a package offers to configs, and the first line of each one's docstring."""
    tree = ast.parse((_PACKAGE / package / "__init__.py").read_text("utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            path = _PACKAGE.parent / Path(*statement.module.split(".")).with_suffix(".py")
            classes = {
                one.name: one
                for one in ast.parse(path.read_text("utf-8")).body
                if isinstance(one, ast.ClassDef)
            }
            for alias in statement.names:
                if alias.name in classes and alias.name not in _BASES:
                    words = ast.get_docstring(classes[alias.name]) or ""
                    yield alias.name, words.partition("\n")[0].rstrip(".")
