"""Hash of the code that decides the scores of an experiment: the modules that its config reaches.

So a new method, a report or a comment leaves every run of other methods as good as it was.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from itd_lightning.contracts.yaml_files import read_yaml
from itd_lightning.store.source_hash import source_hash

_PACKAGES = ("callbacks", "methods", "splits", "views")  # packages of which a config names classes
_ALWAYS = ("itd_lightning.runs.launch",)


def scoring_code(configs: tuple[Path, ...]) -> str:
    """Return the hash of the source that decides scores; comments, layout and docstrings do not count.

    Args:
        configs: An experiment's config and its overlays. An argument may name another split, so all of them
            count.
    """
    splits = importlib.import_module("itd_lightning.splits")
    roots = {*_ALWAYS, *(f"{splits.__name__}.{one.name}" for one in pkgutil.iter_modules(splits.__path__))}
    for config in configs:
        roots |= {module for name in _class_paths(read_yaml(config)) for module in _modules_defining(name)}
    return source_hash(*roots)


def _class_paths(part: object) -> Iterator[str]:
    """Yield every ``class_path`` in a config, without the packages before it."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "class_path":
                yield str(value).rpartition(".")[2]
            else:
                yield from _class_paths(value)
    elif isinstance(part, list):
        for value in part:
            yield from _class_paths(value)


def _modules_defining(name: str) -> list[str]:
    """Return the modules of ours that define a class of this name."""
    packages = [importlib.import_module(f"itd_lightning.{package}") for package in _PACKAGES]
    return [getattr(package, name).__module__ for package in packages if hasattr(package, name)]
