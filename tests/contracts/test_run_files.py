"""What the names of a run's files promise."""

import ast
from pathlib import Path

import itd_lightning
from itd_lightning.contracts import run_files

PACKAGE = Path(itd_lightning.__file__).parent
OTHERS = ("TEST_COMMAND", "PREDICT_FOLDER")  # the folder is named as the command and the part are
NAMES = {value for name, value in vars(run_files).items() if name.isupper() and name not in OTHERS}
FILES = {name for name in NAMES if "." in name}


def literals(module: Path) -> list[str]:
    """Return the strings of a module that are no docstrings."""
    tree = ast.parse(module.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_no_other_module_spells_out_the_name_of_a_file_of_a_run() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path.name != "run_files.py"]
    texts = [(module.name, text) for module in modules for text in literals(module)]
    assert not [(name, text) for name, text in texts if text in NAMES or any(file in text for file in FILES)]
