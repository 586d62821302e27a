"""Hash of source code: a module of ours, all modules of ours that it imports, and so on.

Only sources are read, nothing is imported. Comments, layout and docstrings do not count.
"""

import ast
import json
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path

_PACKAGE = "itd_lightning"
ROOT = Path(__file__).parents[1]  # the package's folder
_LONGEST_FILE_NAME = 100


def source_hash(*modules: str) -> str:
    """Return the hash of modules and of all modules of ours that they reach.

    Args:
        modules: Full names.
    """
    return hash_of(frozenset(modules), ROOT)


@cache
def hash_of(modules: frozenset[str], root: Path) -> str:
    """Return the hash; read once per process, which runs the code that it read first."""
    return digest([text for module in sorted(reachable(modules, root)) for text in sources(module, root)])


def reachable(modules: frozenset[str], root: Path) -> set[str]:
    """Return these modules, those that they import, those that these import, and so on."""
    reached: set[str] = set()
    new = set(modules)
    while new:
        reached |= new
        new = {name for module in new for name in _imports(module, root)} - reached
    return reached


def _imports(module: str, root: Path) -> Iterator[str]:
    """Yield the modules of ours that a module imports from.

    A name that a package hands on comes from the module that defines it.
    """
    for node in ast.walk(_parse(module, root)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(f"{_PACKAGE}."))
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{_PACKAGE}."):
            yield from (defining_module(str(node.module), alias.name, root) for alias in node.names)


def defining_module(module: str, name: str, root: Path) -> str:
    """Return the module that defines what a module or package offers under a name."""
    if _source_file(module, root).name != "__init__.py":
        return module
    submodule = f"{module}.{name}"
    if _source_file(submodule, root).is_file():
        return submodule
    for node in ast.walk(_parse(module, root)):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{_PACKAGE}."):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return defining_module(str(node.module), alias.name, root)
    return module


def _source_file(module: str, root: Path) -> Path:
    """Return the file of a module of ours; its name is ``__init__.py`` for a package."""
    path = root.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def _parse(module: str, root: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(_source_file(module, root).read_text("utf-8"))


def sources(module: str, root: Path) -> Iterator[str]:
    """Yield a module's name, its code, and the files beside it that it names, such as a kernel in C++."""
    tree, folder = _parse(module, root), _source_file(module, root).parent
    yield module
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_file_name(node.value):
            file = folder / node.value
            if file.is_file():
                yield file.read_text("utf-8")
    yield strip_docstrings(tree)


def _is_file_name(text: str) -> bool:
    """Return whether a text could name a file beside a module."""
    return 0 < len(text) < _LONGEST_FILE_NAME and text.isprintable() and "/" not in text


def strip_docstrings(tree: ast.Module) -> str:
    """Return source without comments and docstrings.

    Example:
        >>> strip_docstrings(ast.parse("x = 1  # one"))
        'x = 1'
    """
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def digest(texts: list[str]) -> str:
    """Return a short hash of texts."""
    return blake2b(json.dumps(texts).encode(), digest_size=6).hexdigest()
