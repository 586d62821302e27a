"""What the hash of source code promises: it changes with code that is reached, and with nothing else."""

import ast
from pathlib import Path

import pytest

from itd_lightning.store.source_hash import (
    ROOT,
    defining_module,
    hash_of,
    reachable,
    sources,
    strip_docstrings,
)

TREE = {
    "__init__.py": "",
    "alone.py": "x = 1\n",
    "events/__init__.py": "from itd_lightning.events.mail import external\n",
    "events/mail.py": "from itd_lightning.contracts import errors\n\ndef external(): return errors.LIMIT\n",
    "events/web.py": "y = 2\n",
    "contracts/__init__.py": "",
    "contracts/errors.py": "LIMIT = 3\n",
    "views/__init__.py": "",
    "views/build.py": "from itd_lightning.events import external\nimport polars\n",
}
BUILD = frozenset({"itd_lightning.views.build"})


def write_tree(root: Path, **changes: str) -> Path:
    for name, text in {**TREE, **changes}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_module_reaches_what_it_imports_through_packages_and_nothing_else(tmp_path: Path) -> None:
    assert reachable(BUILD, write_tree(tmp_path)) == {
        "itd_lightning.views.build",
        "itd_lightning.events.mail",
        "itd_lightning.contracts.errors",
    }


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("contracts/errors.py", "LIMIT = 4\n", True),
        ("views/build.py", TREE["views/build.py"] + "z = 1\n", True),
        ("contracts/errors.py", '"""Errors."""\n\nLIMIT   = 3  # at most\n', False),
        ("alone.py", "x = 2\n", False),
        ("events/web.py", "y = 3\n", False),
    ],
)
def test_the_hash_changes_with_code_that_is_reached_and_not_with_comments(
    file: str, text: str, changes: bool, tmp_path: Path
) -> None:
    before = hash_of(BUILD, write_tree(tmp_path / "one"))
    after = hash_of(BUILD, write_tree(tmp_path / "two", **{file: text}))
    assert (before != after) == changes


def test_a_method_does_not_reach_another_one() -> None:
    names = reachable(frozenset({"itd_lightning.methods.xgboost_trees"}), ROOT)
    assert "itd_lightning.methods.base" in names
    assert not any(name.endswith((".rmsl", ".chronos", ".methods")) for name in names)


def test_every_module_is_reached_by_the_name_under_which_a_package_offers_it() -> None:
    assert defining_module("itd_lightning.views", "Days", ROOT) == "itd_lightning.views.days.view"
    assert defining_module("itd_lightning.events", "pcs", ROOT) == "itd_lightning.events.pcs"


def test_docstrings_and_comments_are_no_code() -> None:
    text = 'async def f():\n    """What."""\n    return 1  # why'
    assert strip_docstrings(ast.parse(text)) == "async def f():\n    return 1"


def test_a_file_that_a_module_names_is_part_of_it() -> None:
    assert any("#include" in text for text in sources("itd_lightning.nn.mamba", ROOT))
