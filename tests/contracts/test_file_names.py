"""What the names of the files of a run and of a store promise."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

import itd_lightning
from itd_lightning.contracts import run_files, store_files

PACKAGE = Path(itd_lightning.__file__).parent
NO_FILES = {"TEST_COMMAND", "PREDICT_FOLDER"}  # the folder is named as the command and the part are
WORDS = {
    "answers",
    "checkpoints",
    "done",
    "events",
    "views",
}  # names that are words of the field, or keys, too


def names(home: ModuleType) -> set[str]:
    """Return the names of files and folders in a module, and those of files in a folder without it."""
    values = {value for name, value in vars(home).items() if name.isupper() and name not in NO_FILES}
    return (values | {value.rsplit("/", 1)[-1] for value in values}) - WORDS


def literals(module: Path) -> list[str]:
    """Return the strings of a module that are no docstrings."""
    tree = ast.parse(module.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


@pytest.mark.parametrize("home", [run_files, store_files], ids=["run", "store"])
def test_no_other_module_spells_out_the_name_of_a_file(home: ModuleType) -> None:
    files = {name for name in names(home) if "." in name}
    modules = [path for path in PACKAGE.rglob("*.py") if path != Path(str(home.__file__))]
    texts = [(module.name, text) for module in modules for text in literals(module)]
    assert len(files) > 5
    assert not [
        (name, text) for name, text in texts if text in names(home) or any(file in text for file in files)
    ]
