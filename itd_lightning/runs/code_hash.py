"""What code decides the scores of an experiment: the modules that its config reaches, and no others.

So a new method, a report or a comment leaves every run of other methods as good as it was.
"""

import ast
import importlib
import json
import pkgutil
from collections.abc import Iterator
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import yaml

NAMED = ("callbacks", "methods", "splits", "views")  # packages of which a config names classes
ALWAYS = ("itd_lightning.runs.launch",)


def scoring_code(configs: tuple[Path, ...]) -> str:
    """Hash of the source that decides scores; comments, layout and docstrings do not count.

    Args:
        configs: An experiment's config and its overlays. An argument may name another split, so all of them
            count.
    """
    splits = importlib.import_module("itd_lightning.splits")
    roots = {*ALWAYS, *(f"{splits.__name__}.{found.name}" for found in pkgutil.iter_modules(splits.__path__))}
    for config in configs:
        roots |= {
            module
            for name in class_paths(yaml.safe_load(config.read_text("utf-8")))
            for module in homes(name)
        }
    return digest([text for module in sorted(reached(roots)) for text in sources(module)])


def class_paths(part: object) -> Iterator[str]:
    """Every ``class_path`` in a config, without the packages before it."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "class_path":
                yield str(value).rpartition(".")[2]
            else:
                yield from class_paths(value)
    elif isinstance(part, list):
        for value in part:
            yield from class_paths(value)


def homes(name: str) -> list[str]:
    """Modules of ours that define a class of this name."""
    packages = [importlib.import_module(f"itd_lightning.{package}") for package in NAMED]
    return [getattr(package, name).__module__ for package in packages if hasattr(package, name)]


def reached(roots: set[str]) -> set[str]:
    """Modules of ours that some modules import, and those that these import, and so on."""
    found: set[str] = set()
    new = roots
    while new:
        found |= new
        new = {one for module in new for one in imported(module)} - found
    return found


def imported(module: str) -> Iterator[str]:
    """Modules of ours that a module imports from; what a package hands on comes from where it is defined."""
    for node in ast.walk(ast.parse(source_of(module).read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("itd_lightning."):
            continue
        origin = importlib.import_module(str(node.module))
        yield from (defined_in(origin, alias.name) for alias in node.names)


def defined_in(origin: ModuleType, name: str) -> str:
    """Module that defines what another one offers under a name."""
    if not hasattr(origin, "__path__"):
        return origin.__name__
    thing = getattr(origin, name)
    home = str(thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None))
    return home if home.startswith("itd_lightning.") else origin.__name__


def source_of(module: str) -> Path:
    """File of a module."""
    return Path(find_spec(module).origin)  # type: ignore[union-attr, arg-type]  # ours are all files


def sources(module: str) -> Iterator[str]:
    """A module's code, and the files beside it that it names, such as a kernel in C++."""
    file = source_of(module)
    tree = ast.parse(file.read_text("utf-8"))
    yield module
    yield bare(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isprintable():
            beside = file.parent / node.value
            if len(node.value) < 100 and node.value and beside.is_file():
                yield beside.read_text("utf-8")


def bare(tree: ast.Module) -> str:
    """Source without comments and docstrings.

    Example:
        >>> bare(ast.parse("x = 1  # one"))
        'x = 1'
    """
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def digest(texts: list[str]) -> str:
    """Short hash of texts."""
    return blake2b(json.dumps(texts).encode(), digest_size=6).hexdigest()
